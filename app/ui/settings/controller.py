"""Opens the settings, puts into effect what is set, and tells the page what only others know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.errors import HearthError
from app.paths import Paths
from app.ui.banner import Topic
from app.ui.settings.hardware_controller import HardwareController
from app.ui.settings.sources import Sources
from app.ui.settings.tuning_controller import TuningController
from app.ui.settings.values import Values

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import SettingsFile
    from app.ui.guide_controller import GuideController
    from app.ui.main_window import MainWindow
    from app.ui.providers_controller import ProvidersController
    from app.ui.services import Services
    from app.ui.settings.compare_controller import CompareController
    from app.ui.settings.compare_page import View
    from app.ui.settings.keeping import Keeper
    from app.ui.settings.page import SettingsPage
    from app.ui.settings.place import Place
    from app.ui.settings.tuning_work import TuningWork


class SettingsController(QObject):
    """Belongs to one shell; what is set outlives it."""

    library_changed = Signal()  # other folders, or other programs' models, are to be looked into

    def __init__(
        self,
        window: MainWindow,
        services: Services,
        settings: SettingsFile,
        keeper: Keeper,
        providers: ProvidersController,
        guide: GuideController,
        tuning: TuningWork,
    ) -> None:
        super().__init__(window.shell)
        self._window = window
        self._shell = window.shell
        self._services = services
        self._settings = settings
        self._keeper = keeper
        self._providers = providers
        self._guide = guide
        self._page: SettingsPage | None = None
        self._stays = False  # until the person leaves it
        self._focus = ""
        self._undo: tuple[str, Mapping[str, object]] | None = None
        self._going_offline = asyncio.Lock()
        folder = settings.path.parent
        self._folders = services.paths or Paths(folder, folder, folder / "cache")
        self._sources = Sources(services, settings, self._folders, window.resources)
        give, undo = self._give_to_page, self._shell.toast.show_undo
        self._tuning = TuningController(services, tuning, give, self._is_open, undo, self)
        self._hardware = HardwareController(
            services, settings, keeper, give, self._is_open, self._tuning, self
        )
        self._tuning.plan_changed.connect(self._hardware.refresh)
        self._compare: CompareController | None = None
        look = self._restyle
        self._effects: dict[str, Callable[[], object]] = {
            "appearance.theme": look,
            "appearance.text_size": look,
            "guide.bar": partial(guide.follow_settings, asked=True),
            "guide.suggestions": guide.follow_settings,
            "models.optimize": self._hardware.refresh,
            "models.less_memory": self._hardware.refresh,
            "models.quiet": self._hardware.refresh,
            "models.folders": self.library_changed.emit,
            "models.other_programs": self.library_changed.emit,
            "hub.speed_limit": self._limit_speed,
            "providers.discover": lambda: self._spawn(self._look_for_servers()),
            "providers.watch": lambda: self._spawn(self._look_for_servers()),
            # For the window: a change of the look must not end it half-way.
            "providers.stay_offline": lambda: services.tasks.spawn(window, self._close_or_open()),
        }
        self._deeds: dict[str, Callable[[object], None]] = {
            "data-folder": lambda _: self._open_folder(self._folders.data),
            "log": lambda _: self._open_folder(self._folders.logs),
            "servers": lambda _: providers.show_page(),
            "versions": lambda _: self._spawn(self._copy_versions()),
            "hub-token": lambda what: self._spawn(self._change_key(what)),
            "computer": lambda _: self._hardware.read_again(),
            "wishes": self._hardware.act,
            "compare": lambda _: self._show_compare(),
            "tuning": self._tuning.act,
        }

    def detach(self) -> None:
        """Hears nothing of the models any more."""
        self._hardware.detach()
        self._tuning.detach()
        if self._compare is not None:
            self._compare.detach()

    def show_page(self, section: str = "") -> None:
        """Opens the page, at a section or where it was."""
        page = self._page or self._make_page()
        page.show_values()
        if section:
            page.show_section(section)
        self._stays = True  # a new look may be about to show the chat
        self._shell.show_page(page)
        page.search.setFocus()
        page.search.selectAll()

    def place(self) -> Place | None:
        """Where the person is on the page; None where it is not open."""
        compared = self._compare.view() if self._compare is not None else None
        if self._page is None or not (self._is_open() or compared):
            return None
        return self._page.place()._replace(undo=self._undo, compared=compared)

    def restore(self, place: Place) -> None:
        """Opens the page at a place, as before the window changed its look."""
        self.show_page()
        self._stays, self._focus = True, place.focus
        if self._page is not None:
            self._page.restore(place)
        if place.undo is not None:
            self._offer_undo(*place.undo)
        if place.compared is not None:
            self._show_compare(place.compared)

    def come_back(self) -> None:
        """Shows the page again after the chat, unless the person has left it."""
        if self._compare is not None and self._compare.come_back():
            return
        if self._page is not None and self._stays:
            self._shell.show_page(self._page)
            self._page.focus(self._focus)

    def _make_page(self) -> SettingsPage:
        from app.ui.settings.page import SettingsPage

        page = SettingsPage(Values(self._settings), self._shell.icons, self._shell)
        self._shell.add_page(page)
        page.installEventFilter(self._tuning)  # a search ends when it is left
        page.left.connect(self._leave)
        page.changed.connect(self._changed)
        page.wanted.connect(self._give)
        page.acted.connect(self._act)
        page.section_reset.connect(self._section_reset)
        self._page = page
        return page

    def _leave(self) -> None:
        self._stays = False
        self._keeper.flush()
        self._shell.leave_page()
        self._shell.composer.editor.setFocus()

    def _show_compare(self, view: View | None = None) -> None:
        """Opens the page on which models are compared."""
        from app.ui.settings.compare_controller import CompareController

        if self._compare is None:
            self._compare = CompareController(
                self._shell,
                self._services,
                self._settings,
                self._keeper,
                self._leave_compare,
                self,
            )
        self._compare.show_page(view)

    def _leave_compare(self) -> None:
        if self._page is not None:
            self._page.show_values()  # what was wished for there is shown here
            self._shell.show_page(self._page)
            self._page.focus("setting-compare")

    def _changed(self, path: str) -> None:
        self._keeper.keep()
        self._put_into_effect((path,))

    def _put_into_effect(self, paths: Iterable[str]) -> None:
        """The look comes last, and once: after it, the window has another page of settings."""
        effects = dict.fromkeys(self._effects[path] for path in paths if path in self._effects)
        for effect in sorted(effects, key=lambda each: each == self._restyle):
            effect()

    def _section_reset(self, title: str, before: Mapping[str, object]) -> None:
        """Keeps it; eight seconds long it can be taken back, in the next look too."""
        self._undo = (title, before)
        self._keeper.keep()
        self._offer_undo(title, before)
        self._put_into_effect(before)
        self._undo = None

    def _offer_undo(self, title: str, before: Mapping[str, object]) -> None:
        self._shell.toast.show_undo(f"Reset: {title}", lambda: self._take_back(before))

    def _take_back(self, before: Mapping[str, object]) -> None:
        values = Values(self._settings)
        for path, value in before.items():
            values.put(path, value)
        self._keeper.keep()
        if self._page is not None:
            self._page.show_values()
        self._put_into_effect(before)

    def _give(self, key: str) -> None:
        """Looks for what a row is to show, and gives it to the page."""
        if key in self._hardware.keys:
            self._hardware.show_row(key)
        if key in self._sources.keys:
            self._spawn(self._find(key))

    async def _find(self, key: str) -> None:
        self._give_to_page(key, await self._sources.read(key))

    def _give_to_page(self, key: str, content: object) -> None:
        if self._page is not None:
            self._page.give(key, content)

    def _is_open(self) -> bool:
        return self._page is not None and not self._page.isHidden()

    def _act(self, key: str, what: object) -> None:
        deed = self._deeds.get(key)
        if deed is not None:
            deed(what)

    def _limit_speed(self) -> None:
        if self._services.library is not None:
            limit = self._settings.settings.hub.speed_limit
            self._services.library.downloads.set_speed_limit(limit)

    def _restyle(self) -> None:
        appearance = self._settings.settings.appearance
        self._window.set_appearance(appearance.theme, appearance.text_size)

    async def _look_for_servers(self) -> None:
        """Begins or ends the watch for servers, as it is set now."""
        await self._services.manager.stop_watching()
        self._providers.start()

    async def _close_or_open(self) -> None:
        """Closes or opens the way to other computers; the last wish counts."""
        setup = self._services.setup
        async with self._going_offline:
            offline = self._settings.settings.providers.stay_offline
            if setup is not None:
                await asyncio.to_thread(setup.stay_offline, offline=offline)

    async def _copy_versions(self) -> None:
        text = await self._sources.versions()
        QGuiApplication.clipboard().setText(text)
        if self._page is not None:
            self._page.confirm("versions", "Copied")

    async def _change_key(self, what: object) -> None:
        await self._sources.change_key(what)
        await self._find("hub-token")

    def _open_folder(self, folder: Path) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            error = HearthError("The folder could not be opened.", f"It is {folder}.")
            self._shell.banner.show_error(Topic.OTHER, error)

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._services.tasks.spawn(self, coroutine)
