"""Gives the hardware section its contents, and does what is asked there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.errors import HearthError
from app.llm.state import ModelState, Phase
from app.ui.settings.rows import PanelKind

if TYPE_CHECKING:
    from app.llm.workbench import Workbench
    from app.schema import LoadPlan
    from app.settings import SettingsFile, WishSetting
    from app.ui.services import Services
    from app.ui.settings.keeping import Keeper
    from app.ui.settings.tuning_controller import TuningController

Give = Callable[[str, object], None]
COMPUTER, PLAN = PanelKind.COMPUTER.value, PanelKind.PLAN.value
WISHES, USE = PanelKind.WISHES.value, PanelKind.USE.value
TUNING = PanelKind.TUNING.value
NO_MODEL = "No model is chosen."
LOADING = "The model is being loaded."
ELSEWHERE = "The chosen model runs at its server, which plans for itself."


class HardwareController(QObject):
    """Belongs to one shell; follows the model while its page is seen."""

    keys = frozenset((COMPUTER, PLAN, WISHES, USE, TUNING))

    def __init__(
        self,
        services: Services,
        settings: SettingsFile,
        keeper: Keeper,
        give: Give,
        is_seen: Callable[[], bool],
        tuning: TuningController,
        parent: QObject,
    ) -> None:
        """`give` gives a row its content; `is_seen` says whether the page is open."""
        super().__init__(parent)
        self._services = services
        self._settings = settings
        self._keeper = keeper
        self._give = give
        self._is_seen = is_seen
        self._tuning = tuning
        self._asked: set[str] = set()  # rows that have been seen
        self._bench: Workbench | None = None
        self._wanted: WishSetting | None = None  # what is reckoned with at the moment
        self._turn = 0  # of the readings: only the latest is shown
        self._shown: tuple[object, ...] = ()
        self._unsubscribe = services.manager.subscribe(self._changed)

    def detach(self) -> None:
        """Hears nothing of the manager any more."""
        self._unsubscribe()
        self._asked.clear()

    def show_row(self, key: str) -> None:
        """A row is seen, and asks for its content."""
        self._asked.add(key)
        if key == COMPUTER:
            self._spawn(self._read_facts(again=False))
        elif key == USE:
            self._spawn(self._show_use())
        else:
            self.refresh()

    def refresh(self) -> None:
        """Shows the model as it is now, where it is looked at."""
        if self._asked & {PLAN, WISHES, TUNING} and self._is_seen():
            self._turn += 1
            self._spawn(self._read_model(self._turn))

    def read_again(self) -> None:
        """Reads the facts anew."""
        self._spawn(self._read_facts(again=True))

    def act(self, what: object) -> None:
        """A step that the person takes with wishes for the model."""
        bench = self._bench
        if bench is None or not isinstance(what, tuple):
            return
        from app.ui.settings.hardware_wishes import Step

        step, wanted = what
        if step is Step.TRY:
            self._spawn(self._try(bench, wanted))
            return
        self._settings.settings.models.wish(bench.path, wanted)
        self._keeper.keep()
        if step is Step.LOAD:
            # For the window: a change of the look must not end it half-way.
            self._services.tasks.spawn(self._keeper, self._load(bench))
        else:
            self.refresh()

    def _changed(self, state: ModelState) -> None:
        """The model was loaded, unloaded or exchanged; each step of a load is not told here."""
        now = (state.phase, state.ref, state.loaded)
        if now == self._shown:
            return
        self._shown = now
        if self._is_seen():
            if USE in self._asked:
                self._spawn(self._show_use())
            self.refresh()

    async def _read_facts(self, *, again: bool) -> None:
        plans = self._services.plans
        if plans is not None:
            self._give(COMPUTER, await asyncio.to_thread(plans.facts, again=again))

    async def _show_use(self) -> None:
        plans, state = self._services.plans, self._services.manager.state
        if plans is None or state.loaded is None or not state.loaded.is_here:
            self._give(USE, "No model is loaded in Hearth itself.")
        else:
            self._give(USE, await asyncio.to_thread(plans.meter))

    async def _read_model(self, turn: int) -> None:
        manager, plans = self._services.manager, self._services.plans
        state = manager.state
        why = ""
        if state.ref is None or plans is None:
            why = NO_MODEL
        elif not manager.is_here(state.ref):
            why = ELSEWHERE
        elif state.phase is Phase.LOADING:
            if self._bench is not None and self._bench.ref == state.ref:
                return  # what is shown of it stays until it is loaded again
            why = LOADING
        if why or state.ref is None or plans is None:
            self._show_none(why)
            return
        try:
            bench = await asyncio.to_thread(plans.open, state.ref, state.loaded)
            sheet = await asyncio.to_thread(bench.sheet)
        except HearthError as error:
            if turn == self._turn:
                self._show_none(f"{error.message} {error.remedy}".strip())
            return
        if turn == self._turn:
            self._bench = bench
            self._give(PLAN, sheet)
            self._give(WISHES, sheet)
            self._tuning.show_model(bench)
            self._spawn(self._learn(bench, sheet.present.made))

    async def _learn(self, bench: Workbench, made: LoadPlan | None) -> None:
        """Has the speed foretold, once the computer has been measured for it."""
        if made is not None and await asyncio.to_thread(bench.learn, made) and bench is self._bench:
            self._give(PLAN, await asyncio.to_thread(bench.sheet))

    def _show_none(self, why: str) -> None:
        self._bench = None
        self._give(PLAN, why)
        self._give(WISHES, None)
        self._tuning.show_model(None, why)

    async def _try(self, bench: Workbench, wanted: WishSetting) -> None:
        outlook = await asyncio.to_thread(bench.outlook, wanted)
        if bench is self._bench:
            self._give(WISHES, outlook)
            self._wanted = wanted
        made = outlook.made
        if made is None or not await asyncio.to_thread(bench.learn, made):
            return
        if bench is self._bench and wanted is self._wanted:
            self._give(WISHES, await asyncio.to_thread(bench.outlook, wanted))

    async def _load(self, bench: Workbench) -> None:
        """Loads the model as it is wished for now; the manager's state tells of what fails."""
        await self._services.conversations.aclose()  # their model is about to go
        try:
            await self._services.manager.load(bench.ref)
        except HearthError:
            return

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._services.tasks.spawn(self, coroutine)
