"""Gives the tuning block its contents, and does what is asked there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from app.errors import HearthError
from app.ui.settings import tuning_words as words
from app.ui.settings.rows import PanelKind
from app.ui.settings.tuning_state import Shown, Step

if TYPE_CHECKING:
    from app.llm.plans_view import PlansView
    from app.llm.trials import Tuning
    from app.llm.workbench import Workbench
    from app.ui.services import Services
    from app.ui.settings.tuning_work import TuningWork

TUNING = PanelKind.TUNING.value
Give = Callable[[str, object], None]
OfferUndo = Callable[[str, Callable[[], None]], None]


class TuningController(QObject):
    """Belongs to one shell; the search itself belongs to the window."""

    plan_changed = Signal()  # the model would be loaded in another way from now on

    def __init__(
        self,
        services: Services,
        work: TuningWork,
        give: Give,
        is_seen: Callable[[], bool],
        offer_undo: OfferUndo,
        parent: QObject,
    ) -> None:
        """`give` gives a row its content; `is_seen` says whether the page is open."""
        super().__init__(parent)
        self._services = services
        self._work = work
        self._give = give
        self._is_seen = is_seen
        self._offer_undo = offer_undo
        self._bench: Workbench | None = None
        self._why = ""  # there is no model to be tuned
        self._refusal = ""
        self._kept: Tuning | None = None
        self._outdated = ""
        self._turn = 0  # of the readings: only the latest is shown
        self._is_running = work.running is not None
        work.changed.connect(self._work_changed)

    def detach(self) -> None:
        """Hears nothing of the search any more."""
        self._work.changed.disconnect(self._work_changed)

    def show_model(self, bench: Workbench | None, why: str = "") -> None:
        """The section shows this model; for None, `why` says why it shows none."""
        self._turn += 1
        self._refusal = ""
        if bench is None or self._bench is None or bench.path != self._bench.path:
            self._kept, self._outdated = None, ""
        self._bench, self._why = bench, why
        self._show()
        if bench is not None and self._services.plans is not None:
            self._spawn(self._read(bench.path, self._services.plans, self._turn))

    def act(self, what: object) -> None:
        """A step that the person takes."""
        if what is Step.CANCEL:
            self._work.cancel()
        elif what is Step.START:
            self._start()
        elif what is Step.FORGET and self._shown_tuning is not None:
            self._spawn(self._forget(self._shown_tuning))

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Looks whether the page was left; a change of the look hides it for a moment only."""
        if event.type() == QEvent.Type.Hide and not self._is_seen():
            QTimer.singleShot(0, self, self._look_whether_left)
        return False

    @property
    def _is_of_work(self) -> bool:
        """Whether the last search was for the model that is shown."""
        return self._bench is not None and self._bench.path == self._work.path

    @property
    def _shown_tuning(self) -> Tuning | None:
        ended = self._work.ended if self._is_of_work else None
        return ended.tuning if ended is not None and ended.tuning is not None else self._kept

    def _start(self) -> None:
        bench, speedometer = self._bench, self._services.speedometer
        if bench is None or speedometer is None:
            return
        if self._services.manager.is_answering:
            self._refusal = words.ANSWERING
            self._show()
        else:
            self._refusal = ""
            self._work.start(speedometer, bench.ref, bench.path, bench.name)

    def _look_whether_left(self) -> None:
        """A search goes on for as long as somebody can see that the chat waits for it."""
        if not self._is_seen():
            self._work.clear()
            self._work.cancel(words.LEFT)

    def _work_changed(self) -> None:
        """Shows it; at the end of a search, another way to load may be the one that is kept."""
        was_running, self._is_running = self._is_running, self._work.running is not None
        self._show()
        if was_running and not self._is_running:
            self.plan_changed.emit()

    def _show(self) -> None:
        said, is_wrong = self._refusal or self._why, False
        ended = self._work.ended if self._is_of_work else None
        if ended is not None and not said:
            said, is_wrong = ended.said, ended.is_wrong
            if ended.tuning is None:
                said = words.ended_early(said, was_tuned=self._kept is not None)
        self._give(
            TUNING,
            Shown(
                said=said,
                is_wrong=is_wrong,
                can_start=self._bench is not None and self._services.speedometer is not None,
                running=self._work.running,
                tuning=self._shown_tuning,
                outdated=self._outdated if self._shown_tuning is None else "",
            ),
        )

    async def _read(self, path: str, plans: PlansView, turn: int) -> None:
        try:
            kept = await asyncio.to_thread(plans.tuned, path)
            outdated = await asyncio.to_thread(plans.outdated, path)
        except HearthError:
            return  # the section says what is wrong with the model
        if turn == self._turn:
            self._kept, self._outdated = kept, outdated
            self._show()

    async def _forget(self, tuning: Tuning) -> None:
        """Keeps nothing any more; for eight seconds it can come back."""
        plans, bench = self._services.plans, self._bench
        if plans is None or bench is None:
            return
        await asyncio.to_thread(plans.forget_tuning, bench.path)
        self._kept = None
        self._work.clear()
        self._show()
        self._offer_undo(
            f"Forgotten: the tuning of “{bench.name}”",
            lambda: self._spawn(self._put_back(plans, tuning)),
        )
        self.plan_changed.emit()

    async def _put_back(self, plans: PlansView, tuning: Tuning) -> None:
        await asyncio.to_thread(plans.keep_tuning, tuning)
        self.plan_changed.emit()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._services.tasks.spawn(self, coroutine)
