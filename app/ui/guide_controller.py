"""The first steps: suggested questions, the bar that leads on, and the models for this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from app.errors import HearthError
from app.library import shelf
from app.llm.state import Phase
from app.ui.banner import Topic

if TYPE_CHECKING:
    from pathlib import Path

    from app.library.shelf import ShelfModel
    from app.schema import FoundServer, Hardware
    from app.settings import Guide, SettingsFile
    from app.ui.model_controller import ModelController
    from app.ui.models_page import ModelsPage
    from app.ui.services import Services
    from app.ui.shell import Shell


class GuideController(QObject):
    """Shows what helps until the person has a model of their own, and again when Help is asked."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        settings: SettingsFile,
        resources: Path,
        model: ModelController,
        ask: Callable[[str], None],
    ) -> None:
        """`ask` sends a question in the open chat."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._resources = resources
        self._model = model
        self._ask = ask
        self._servers: list[FoundServer] | None = None
        self._asked_for = False  # by Help, and so shown with any model
        self._looking = False
        self._unsubscribe = services.manager.subscribe(lambda _state: self._update())
        bar, welcome = shell.guide_bar, shell.welcome
        bar.models_wanted.connect(self.show_models)
        bar.open_wanted.connect(model.ask_for_file)
        bar.starter_wanted.connect(model.load_starter)
        bar.servers_wanted.connect(self.show_servers)
        bar.dismissed.connect(self._dismiss_bar)
        welcome.suggestion_chosen.connect(self._ask)
        welcome.suggestions_dismissed.connect(self._dismiss_suggestions)
        self._update()

    def detach(self) -> None:
        """Hears nothing of the manager any more."""
        self._unsubscribe()

    def show_again(self) -> None:
        """Brings back what was dismissed."""
        self._guide.suggestions = self._guide.bar = True
        self._asked_for = True
        self._save()
        self._update()
        if self._services.manager.state.phase in (Phase.NOTHING, Phase.IDLE):
            self._model.load_starter()

    def show_models(self) -> None:
        """Opens the page of the models for this computer."""
        self._show_page(servers=False)

    def show_servers(self) -> None:
        """Opens that page at the servers."""
        self._show_page(servers=True)

    @property
    def _guide(self) -> Guide:
        return self._settings.settings.guide

    def _update(self) -> None:
        """Shows what fits the selected model and what was dismissed."""
        state, starter = self._services.manager.state, self._services.starter
        is_first = state.phase is Phase.NOTHING or (starter is not None and state.ref == starter)
        shown = self._guide.bar and (is_first or self._asked_for)
        self._shell.guide_bar.offer_starter(offered=starter is not None and not is_first)
        self._shell.show_guide_bar(shown=shown)
        self._shell.welcome.set_suggestions(visible=self._guide.suggestions)
        if shown and self._servers is None and state.phase in (Phase.READY, Phase.NOTHING):
            self._look_for_servers()

    def _look_for_servers(self) -> None:
        if not self._looking:
            self._looking = True
            self._services.tasks.spawn(self, self._find_servers())

    async def _find_servers(self) -> None:
        try:
            self._servers = await self._services.manager.servers()
        finally:
            self._looking = False
        self._shell.guide_bar.show_servers(tuple(server.name for server in self._servers))
        page = self._shell.models_page
        if page is not None:
            page.show_servers(self._servers)

    def _show_page(self, *, servers: bool) -> None:
        page = self._shell.models_page or self._make_page()
        self._services.tasks.spawn(self, self._fill(page, servers=servers))

    def _make_page(self) -> ModelsPage:
        page = self._shell.make_models_page()
        page.left.connect(self._leave)
        page.open_wanted.connect(self._model.ask_for_file)
        page.model_chosen.connect(self._load)
        page.page_wanted.connect(self._open_web_page)
        return page

    async def _fill(self, page: ModelsPage, *, servers: bool) -> None:
        models = await self._services.manager.models()
        facts, recommended = await asyncio.to_thread(self._read_facts)
        page.show_computer(facts, shelf.largest(facts))
        starter, state = self._services.starter, self._services.manager.state
        models.sort(key=lambda info: info.ref == starter)  # which comes last
        page.show_here(
            [(info, shelf.fit(info.size, facts)) for info in models],
            state.ref if state.phase is Phase.READY else None,
        )
        page.show_shelf(shelf.by_fit(recommended, facts))
        page.show_servers(None)
        self._shell.show_models_page()
        page.show_section(servers=servers)
        self._look_for_servers()

    def _read_facts(self) -> tuple[Hardware, list[ShelfModel]]:
        return shelf.computer(), shelf.read(self._resources)

    def _load(self, ref: str) -> None:
        self._leave()
        self._model.choose(ref)

    def _leave(self) -> None:
        self._shell.leave_page()
        self._shell.composer.editor.setFocus()

    def _open_web_page(self, address: str) -> None:
        if not QDesktopServices.openUrl(QUrl(address)):
            error = HearthError("No web browser could be opened.", f"The page is {address}.")
            self._shell.banner.show_error(Topic.OTHER, error)

    def _dismiss_bar(self) -> None:
        self._guide.bar = False
        self._asked_for = False
        self._save()
        self._update()
        self._shell.composer.editor.setFocus()

    def _dismiss_suggestions(self) -> None:
        self._guide.suggestions = False
        self._save()
        self._update()
        self._shell.composer.editor.setFocus()

    def _save(self) -> None:
        try:
            self._settings.save()
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
