"""The first steps: suggested questions, the bar that leads on, and the models for this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
    from app.schema import Hardware
    from app.settings import Guide, SettingsFile
    from app.ui.model_controller import ModelController
    from app.ui.models_page import ModelsPage
    from app.ui.providers_controller import ProvidersController
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
        providers: ProvidersController,
    ) -> None:
        """`ask` sends a question in the open chat."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._resources = resources
        self._model = model
        self._ask = ask
        self._providers = providers
        self._page: ModelsPage | None = None
        self._asked_for = False  # by Help, and so shown with any model
        self._unsubscribe = services.manager.subscribe(lambda _state: self._update())
        bar, welcome = shell.guide_bar, shell.welcome
        bar.models_wanted.connect(self.show_models)
        bar.open_wanted.connect(model.ask_for_file)
        bar.starter_wanted.connect(model.load_starter)
        bar.servers_wanted.connect(providers.show_page)
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
        page = self._page or self._make_page()
        self._services.tasks.spawn(self, self._fill(page))

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

    def show_found(self, servers: Mapping[str, int]) -> bool:
        """The servers that run here with their models; whether there is a bar to show them in."""
        self._shell.guide_bar.show_servers(servers)
        return not self._shell.guide_bar.isHidden()

    def _make_page(self) -> ModelsPage:
        from app.ui.models_page import ModelsPage

        page = ModelsPage(self._shell.icons, self._shell)
        self._shell.add_page(page)
        self._page = page
        page.servers_wanted.connect(self._providers.show_page)
        page.left.connect(self._leave)
        page.open_wanted.connect(self._model.ask_for_file)
        page.model_chosen.connect(self._load)
        page.page_wanted.connect(self._open_web_page)
        return page

    async def _fill(self, page: ModelsPage) -> None:
        models = [info for info in await self._services.manager.models() if not info.provider]
        facts, recommended = await asyncio.to_thread(self._read_facts)
        page.show_computer(facts, shelf.largest(facts))
        starter, state = self._services.starter, self._services.manager.state
        models.sort(key=lambda info: info.ref == starter)  # which comes last
        page.show_here(
            [(info, shelf.fit(info.size, facts)) for info in models],
            state.ref if state.phase is Phase.READY else None,
        )
        page.show_shelf(shelf.by_fit(recommended, facts))
        self._shell.show_page(page)
        page.show_top()

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
