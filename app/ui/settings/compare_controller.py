"""Compares models on their page: finds them, has them reckoned one by one, and loads one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject

from app.errors import HearthError
from app.llm.load_ways import AS_IT_IS
from app.llm.state import ModelState, Phase
from app.schema import ModelRef
from app.settings import WishSetting
from app.ui.settings import compare_words as words
from app.ui.settings.compare_candidates import at_first, candidates, loaded_path
from app.ui.settings.compare_page import ComparePage, View, is_complete

if TYPE_CHECKING:
    from app.library.records import LibraryModel
    from app.llm.plans_view import PlansView
    from app.settings import SettingsFile
    from app.ui.services import Services
    from app.ui.settings.keeping import Keeper
    from app.ui.shell import Shell

LOCAL = "local"  # the provider of files in this process


class Before(NamedTuple):
    """How it was before a model was loaded from here: enough to take that back."""

    path: str
    wish: WishSetting
    selected: str
    ref: ModelRef | None
    was_loaded: bool


class CompareController(QObject):
    """Belongs to one shell; what is set and loaded outlives it."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        settings: SettingsFile,
        keeper: Keeper,
        leave: Callable[[], None],
        parent: QObject,
    ) -> None:
        """`leave` shows what was there before the page."""
        super().__init__(parent)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._keeper = keeper
        self._leave = leave
        self._page: ComparePage | None = None
        self._stays = False  # until the person leaves it
        self._stale: set[str] = set()  # models whose rows were reckoned before something changed
        self._reading: asyncio.Task[Any] | None = None
        self._seen = _seen(services.manager.state)
        self._unsubscribe = services.manager.subscribe(self._changed)

    def detach(self) -> None:
        """Hears nothing of the models any more."""
        self._unsubscribe()
        self._stop()

    @property
    def page(self) -> ComparePage | None:
        """The page, where it is open."""
        return self._page if self._page is not None and not self._page.isHidden() else None

    def show_page(self, view: View | None = None) -> None:
        """Opens the page; `view` says what is compared, where that is known."""
        if self._page is None:
            self._page = ComparePage(self._shell.theme, self._shell.icons, self._shell)
            self._shell.add_page(self._page)
            self._page.left.connect(self._left)
            self._page.wanted.connect(self._read)
            self._page.stopped.connect(self._stop_or_go_on)
            self._page.load_wanted.connect(self._load)
        self._stays = True
        self._shell.show_page(self._page)
        self._page.show_top()
        self._spawn(self._fill(self._page, view))

    def come_back(self) -> bool:
        """Shows the page again after the chat, unless the person has left it; whether it did."""
        if self._page is not None and self._stays:
            self._shell.show_page(self._page)
        return self._stays

    def view(self) -> View | None:
        """What is compared; None where the page is not open."""
        return self.page.view() if self.page is not None else None

    def _left(self) -> None:
        self._stays = False
        self._stop()
        self._leave()

    async def _fill(self, page: ComparePage, view: View | None) -> None:
        """Shows which models there are; at the first time, some of them are chosen."""
        plans, loaded = self._services.plans, self._services.manager.state.loaded
        models = await self._models()
        found = candidates(models, loaded)
        if view is None and found and not page.view().chosen and plans is not None:
            free = await asyncio.to_thread(plans.comparing(loaded).free)
            cell = (loaded_path(loaded), AS_IT_IS) if loaded is not None else None
            view = page.view()._replace(chosen=at_first(models, loaded, free), cell=cell)
        self._stale = set(page.rows)
        page.show_models(found, view)
        self._read()

    async def _models(self) -> Sequence[LibraryModel]:
        library = self._services.library
        if library is None:
            return ()
        known = library.library.last.models
        return known or (await asyncio.to_thread(library.library.scan)).models

    def _changed(self, state: ModelState) -> None:
        """What is loaded decides what is free for another model."""
        before, self._seen = self._seen, _seen(state)
        is_loading = state.phase is Phase.LOADING
        if self._seen != before and not is_loading and self.page is not None:
            self._spawn(self._fill(self.page, None))

    def _read(self) -> None:
        """Has the rows reckoned that are missing; what was being reckoned is given up."""
        self._stop()
        page, plans = self.page, self._services.plans
        if page is None or plans is None:
            return
        missing = [
            path
            for path in page.choice.chosen
            if path in self._stale or not is_complete(page.rows.get(path), page.ways)
        ]
        page.show_progress(0, len(missing))
        if missing:
            self._reading = self._spawn(self._reckon(page, plans, missing))

    async def _reckon(self, page: ComparePage, plans: PlansView, paths: list[str]) -> None:
        manager = self._services.manager
        # While an answer is written, nothing could be measured well.
        is_busy = manager.is_answering or manager.state.phase is Phase.LOADING
        comparing = plans.comparing(manager.state.loaded, measures=not is_busy)
        async with aclosing(comparing.rows(paths, page.ways)) as rows:
            done = 0
            async for row in rows:
                done += 1
                known = page.rows.get(row.path) if row.path not in self._stale else None
                self._stale.discard(row.path)
                page.put(known.with_more(row) if known is not None else row)
                page.show_progress(done, len(paths))

    def _stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_or_go_on(self, is_stop: bool) -> None:  # noqa: FBT001 - a Qt slot
        if not is_stop:
            self._read()
        elif self.page is not None:
            self._stop()
            self.page.show_stopped()

    def _load(self) -> None:
        """Keeps what is wanted of a model, as the hardware form does, and loads it."""
        page = self.page
        spot = page.table.spot() if page is not None else None
        cell = spot.cell if spot is not None else None
        if page is None or spot is None or cell is None or cell.made is None:
            return
        models, state = self._settings.settings.models, self._services.manager.state
        key = cell.made.path
        before = Before(
            key,
            models.wishes.get(key, WishSetting()),
            models.selected,
            state.ref,
            was_loaded=state.phase in (Phase.READY, Phase.LOADING),
        )
        models.wish(key, cell.outlook.wanted)
        self._keeper.keep()
        ref = ModelRef(LOCAL, spot.row.path)
        # For the window: a change of the look must not end it half-way.
        load = self._services.tasks.spawn(self._keeper, self._do_load(ref))

        def undo() -> None:
            self._services.tasks.spawn(self._keeper, self._take_back(before, load))

        told = f"“{page.table.name(spot.row)}” is loaded so: {words.phrase(cell.way)}"
        self._shell.toast.show_undo(told, undo)

    async def _do_load(self, ref: ModelRef) -> None:
        await self._services.conversations.aclose()  # their model is about to go
        manager, models = self._services.manager, self._settings.settings.models
        await manager.cancel_load()  # one of this model would not be as it is wished for now
        try:
            await manager.load(ref)
        except HearthError:
            return  # the manager's state has it
        models.selected = "" if ref == self._services.starter else str(ref)
        models.opened(ref.model)
        self._keeper.keep()

    async def _take_back(self, before: Before, load: asyncio.Task[Any]) -> None:
        """Wishes, choice and model as they were."""
        manager, models = self._services.manager, self._settings.settings.models
        load.cancel()
        await asyncio.wait([load])
        models.wish(before.path, before.wish)
        models.selected = before.selected
        self._keeper.keep()
        await self._services.conversations.aclose()
        if before.ref is None or not before.was_loaded:
            await manager.unload()
            if before.ref is not None:
                manager.select(before.ref)
            return
        try:
            await manager.load(before.ref)
        except HearthError:
            return  # the manager's state has it

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        return self._services.tasks.spawn(self, coroutine)


def _seen(state: ModelState) -> tuple[object, ...]:
    """What of the state decides what is shown."""
    return state.loaded, state.phase is Phase.LOADING
