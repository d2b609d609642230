"""The model on the screen: chosen, opened, loaded, unloaded; and what went wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from app.errors import HearthError, ModelFileError
from app.llm.state import ModelState, Phase
from app.schema import ModelInfo, ModelRef
from app.ui.banner import Topic
from app.ui.services import Services
from app.ui.shell import Shell

if TYPE_CHECKING:
    from app.settings import SettingsFile

LOCAL, SUFFIX = "local", ".gguf"


class ModelController(QObject):
    """Connects the header, the load bar and the welcome page with the LLM manager."""

    def __init__(
        self,
        shell: Shell,
        services: Services,
        settings: SettingsFile,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._settings = settings
        self._on_change = on_change
        self._models: list[ModelInfo] = []
        self._last_error: HearthError | None = None
        self._noticed = ""
        self._is_detached = False
        self._unsubscribe = services.manager.subscribe(self._changed)
        picker = shell.header.picker
        picker.model_chosen.connect(self.choose)
        picker.open_wanted.connect(self.ask_for_file)
        picker.unload_wanted.connect(self._unload)
        shell.welcome.open_wanted.connect(self.ask_for_file)
        shell.welcome.model_chosen.connect(self.choose)
        shell.load_bar.cancelled.connect(self._cancel_load)
        shell.composer.edited.connect(self._load_ahead)
        self._changed(services.manager.state)

    def detach(self) -> None:
        """Hears nothing of the manager any more."""
        self._is_detached = True
        self._unsubscribe()

    async def refresh(self) -> None:
        """Reads the list of models anew."""
        self._models = await self._services.manager.models()
        if self._is_detached:  # the window has another look by now
            return
        self._shell.header.picker.show_models(self._models)
        self._changed(self._services.manager.state)

    def open_file(self, file: str) -> None:
        """Loads a file that the person chose or dropped."""
        path = Path(file).expanduser().absolute()
        if path.suffix.lower() != SUFFIX:
            self._shell.banner.show_error(
                Topic.MODEL,
                ModelFileError(
                    f"“{path.name}” is not a model file.",
                    "Hearth reads models in the GGUF format, whose files end in .gguf.",
                ),
                "Open a model file…",
                self.ask_for_file,
            )
            return
        self._load(ModelRef(LOCAL, str(path)))

    def ask_for_file(self) -> None:
        """Opens the dialog in which a file is chosen."""
        recent = self._settings.settings.models.recent
        folder = str(Path(recent[0]).parent) if recent else str(Path.home())
        dialog = QFileDialog(self._shell, "Open a model", folder, "GGUF models (*.gguf)")
        dialog.setObjectName("openModelDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.open_file)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def choose(self, ref: str) -> None:
        """Loads a model of the list, unless it is loaded already."""
        parsed = ModelRef.parse(ref)
        state = self._services.manager.state
        if parsed is not None and not (state.phase is Phase.READY and state.ref == parsed):
            self._load(parsed)

    def load_starter(self) -> None:
        """Loads the model that ships with Hearth."""
        if self._services.starter is not None:
            self._load(self._services.starter)

    def _load_ahead(self) -> None:
        """Begins to load the selected model as soon as somebody writes to it."""
        state = self._services.manager.state
        waiting = state.phase is Phase.IDLE and state.error is None
        writing = self._shell.composer.editor.hasFocus() and self._shell.composer.text()
        if waiting and writing and state.ref is not None:
            self._services.tasks.spawn(self, self._do_load_ahead())

    async def _do_load_ahead(self) -> None:
        """Nothing has to end for it, and what is sent meanwhile waits for the same load."""
        try:
            await self._services.manager.ensure_ready()
        except HearthError:
            return  # the manager's state has it, and `_changed` shows it
        await self.refresh()

    def _load(self, ref: ModelRef) -> None:
        self._services.tasks.spawn(self, self._do_load(ref))

    async def _do_load(self, ref: ModelRef) -> None:
        try:
            await self._services.conversations.aclose()  # their model is about to go
            await self._services.manager.load(ref)
        except HearthError:
            return  # the manager's state has it, and `_changed` shows it
        models = self._settings.settings.models
        if ref == self._services.starter:  # it moves with the program
            models.selected = ""
        else:
            models.selected = str(ref)
            if self._services.manager.is_here(ref):
                models.opened(ref.model)
        self._save_settings()
        await self.refresh()

    def _show_error(self, error: HearthError, ref: ModelRef | None) -> None:
        if ref is None or self._services.manager.is_here(ref):
            self._shell.banner.show_error(
                Topic.MODEL, error, "Open another file…", self.ask_for_file
            )
        else:
            self._shell.banner.show_error(Topic.MODEL, error, "Try again", lambda: self._load(ref))

    def _unload(self) -> None:
        self._services.tasks.spawn(self, self._do_unload())

    async def _do_unload(self) -> None:
        await self._services.conversations.aclose()
        await self._services.manager.unload()

    def _cancel_load(self) -> None:
        self._services.tasks.spawn(self, self._services.manager.cancel_load())

    def _save_settings(self) -> None:
        try:
            self._settings.save()
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)

    def _changed(self, state: ModelState) -> None:
        info = next((model for model in self._models if model.ref == state.ref), None)
        if info is None and state.ref is not None:
            info = _unlisted(state.ref)
        self._shell.header.picker.show_state(state, info)
        is_starter = state.ref is not None and state.ref == self._services.starter
        if state.phase is Phase.LOADING and not is_starter:
            name = info.name if info else "the model"
            self._shell.load_bar.show_progress(name, state.progress)
        else:
            self._shell.load_bar.hide()
            self._shell.welcome.show_state(state, self._models, is_starter=is_starter)
        if state.error is not None and state.error is not self._last_error:
            self._show_error(state.error, state.ref)
        self._last_error = state.error
        notice = state.loaded.notice if state.loaded else ""
        if notice and notice != self._noticed:
            self._shell.banner.show_note(Topic.MODEL, notice)
        elif state.phase is Phase.READY and state.error is None and not notice:
            self._shell.banner.clear(Topic.MODEL)
        self._noticed = notice
        self._on_change()


def _unlisted(ref: ModelRef) -> ModelInfo:
    """A model that is not in the list: a file elsewhere, or of a server that does not run."""
    if ref.provider == LOCAL:
        return ModelInfo(ref, Path(ref.model).stem)
    return ModelInfo(ref, ref.model, provider=ref.provider)
