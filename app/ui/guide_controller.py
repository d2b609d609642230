"""The first steps: suggested questions, the bar that leads on, and the models for this computer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.errors import HearthError
from app.llm.state import Phase
from app.ui.banner import Topic

if TYPE_CHECKING:
    from app.settings import Guide, SettingsFile
    from app.ui.model_controller import ModelController
    from app.ui.services import Services
    from app.ui.shell import Shell


class GuideController(QObject):
    """Shows what helps until the person has a model of their own, and again when Help is asked."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        settings: SettingsFile,
        model: ModelController,
        ask: Callable[[str], None],
        show_models: Callable[[], None],
        show_servers: Callable[[], None],
    ) -> None:
        """`ask` sends a question in the open chat; the last two open their pages."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._model = model
        self._ask = ask
        self._asked_for = False  # by Help, and so shown with any model
        self._unsubscribe = services.manager.subscribe(lambda _state: self._update())
        bar, welcome = shell.guide_bar, shell.welcome
        bar.models_wanted.connect(show_models)
        bar.open_wanted.connect(model.ask_for_file)
        bar.starter_wanted.connect(model.load_starter)
        bar.servers_wanted.connect(show_servers)
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

    def follow_settings(self, *, asked: bool = False) -> None:
        """Shows or hides what was just set; with `asked` the bar is shown with any model."""
        self._asked_for = asked or self._asked_for
        self._update()

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
