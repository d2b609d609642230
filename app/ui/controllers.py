"""Puts the controllers together for the window's present shell, and again when its look changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu

from app.errors import HearthError, StorageError
from app.library.watching import LibraryWatcher
from app.schema import ModelRef
from app.ui.banner import Topic
from app.ui.chat_controller import ChatController
from app.ui.guide_controller import GuideController
from app.ui.library.controller import ModelsController
from app.ui.main_window import MainWindow
from app.ui.model_controller import ModelController
from app.ui.providers_controller import ProvidersController
from app.ui.services import Services
from app.ui.settings.controller import SettingsController
from app.ui.settings.keeping import Keeper
from app.ui.settings.tuning_work import TuningWork
from app.ui.shortcuts import ShortcutsDialog

if TYPE_CHECKING:
    from app.conversation.exchange import Exchange
    from app.library.records import Snapshot
    from app.settings import SettingsFile
    from app.ui.library.controller import Place as ModelsPlace
    from app.ui.settings.place import Place


class Controllers(QObject):
    """The chat's and the model's controller, the menu and the shortcuts."""

    def __init__(self, window: MainWindow, services: Services, settings: SettingsFile) -> None:
        super().__init__(window)
        self._window = window
        self._services = services
        self._settings = settings
        self._placing = asyncio.Lock()  # one write after the other
        self._keeper = Keeper(settings, services.tasks, self._not_saved, self)
        self._tuning = TuningWork(services.tasks, self)
        library = services.library
        self._watcher = LibraryWatcher(library.library, self._library_changed) if library else None
        self._place: Place | None = None  # on the settings' page, while the look changes
        self._models_place: ModelsPlace | None = None
        self._attach(window.saved_draft())
        window.restyling.connect(self._remember_place)
        window.restyled.connect(self._restyled)
        window.appearance_changed.connect(self._keep_appearance)
        window.files_dropped.connect(self._dropped)
        services.conversations.on_started(self._started)
        services.conversations.on_renamed(self._renamed)
        for keys, action in (
            ("Ctrl+N", self._new_chat),
            ("Ctrl+O", self._open_model),
            ("Ctrl+,", self._show_settings),
            ("Ctrl+B", self._toggle_sidebar),
            ("Ctrl+L", self._focus_composer),
            ("Ctrl+W", window.close),
            ("Ctrl+Q", window.close),
            ("F1", self._show_shortcuts),
        ):
            window.bind(keys, action)

    async def start(self, file: str | None) -> None:
        """Fills the window: the chats, the models, and the file of the command line."""
        selected = ModelRef.parse(self._settings.settings.models.at_start)
        if file:
            self._model.open_file(file)
        elif selected is not None:
            self._services.manager.select(selected)
        else:
            self._model.load_starter()
        await self._chat.list.refresh()
        await self._chat.show(None)
        await self._model.refresh()
        self._providers.start()
        if self._watcher is not None:
            self._watcher.start()

    async def aclose(self) -> None:
        """Keeps what is written and where the window was, and lets go of everything."""
        await self._keep_place(self._chat.new_draft)
        await self._keeper.aclose()
        if self._watcher is not None:
            await self._watcher.aclose()
        if self._models is not None:
            self._models.detach()
        await self._chat.aclose()
        self._model.detach()
        self._guide.detach()
        self._providers.detach()
        self._panel.detach()

    def come_forward(self, file: str) -> None:
        """A second start: the window comes to the front, and opens its file."""
        self._window.showNormal() if self._window.isMinimized() else self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        if file:
            self._model.open_file(file)

    def show_error(self, error: HearthError) -> None:
        """A known problem."""
        topic = Topic.HISTORY if isinstance(error, StorageError) else Topic.OTHER
        self._window.shell.banner.show_error(topic, error)

    def show_note(self, text: str) -> None:
        """Something about the settings that the person should know."""
        self._window.shell.banner.show_note(Topic.SETTINGS, text)

    def show_bug(self, details: str) -> None:
        """An error that is ours."""
        self._window.shell.banner.show_bug(details)

    def _attach(self, new_draft: str) -> None:
        shell = self._window.shell
        self._chat = ChatController(
            shell, self._services, self._open_model, new_draft, self._keep_place
        )
        self._model = ModelController(
            shell, self._services, self._settings, self._chat.model_changed
        )
        self._providers = ProvidersController(
            shell,
            self._services,
            self._settings,
            self._model,
            lambda servers: self._guide.show_found(servers),
        )
        self._guide = GuideController(
            shell,
            self._services,
            self._settings,
            self._model,
            self._chat.ask,
            self._show_models,
            self._providers.show_page,
        )
        self._models = self._models_controller()
        self._panel = SettingsController(
            self._window,
            self._services,
            self._settings,
            self._keeper,
            self._providers,
            self._guide,
            self._tuning,
        )
        self._panel.library_changed.connect(self._look_again)
        shell.header.menu_button.setMenu(self._menu())

    def _models_controller(self) -> ModelsController | None:
        library = self._services.library
        if library is None:
            return None
        made = ModelsController(
            self._window,
            self._services,
            library,
            self._settings,
            self._model,
            self._load_model,
            self._providers.show_page,
            self._look_again,
        )
        made.show(library.library.last)
        return made

    def _load_model(self, ref: str) -> None:
        """Loads a model in place of whichever page is shown."""
        self._window.shell.leave_page()
        self._window.shell.composer.editor.setFocus()
        self._model.choose(ref)

    def _show_models(self) -> None:
        if self._models is not None:
            self._models.show_page()

    def _look_again(self) -> None:
        """Looks at the disk at once, as after a change of the folders."""
        if self._watcher is not None:
            self._watcher.hurry()

    def _library_changed(self, snapshot: Snapshot) -> None:
        if self._models is not None:
            self._models.show(snapshot)
        self._services.tasks.spawn(self, self._model.refresh())

    async def _keep_place(self, draft: str) -> None:
        write = self._window.place_writer(draft)
        async with self._placing:
            await asyncio.to_thread(write)

    def _menu(self) -> QMenu:
        menu = QMenu(self._window.shell)
        menu.setObjectName("mainMenu")
        menu.addAction("New chat\tCtrl+N", self._new_chat)
        menu.addAction("Rename this chat", self._chat.list.rename_current)
        menu.addAction("Delete this chat", self._chat.list.delete_current)
        menu.addSeparator()
        menu.addAction("Open a model file…\tCtrl+O", self._open_model)
        menu.addAction("Models…", self._show_models)
        menu.addAction("Open the models folder", self._open_folder)
        menu.addAction("Model servers and services…", self._providers.show_page)
        menu.addSeparator()
        menu.addAction("Settings…\tCtrl+,", self._show_settings)
        self._window.appearance_menu(menu)
        self._add_help(menu)
        menu.addSeparator()
        menu.addAction("Quit\tCtrl+Q", self._window.close)
        return menu

    def _add_help(self, menu: QMenu) -> None:
        help_menu = menu.addMenu("Help")
        help_menu.setObjectName("helpMenu")
        help_menu.addAction("Getting started", self._show_guide)
        help_menu.addAction("Models for this computer", self._show_models)
        help_menu.addAction("Servers on this computer", self._providers.show_page)
        help_menu.addSeparator()
        help_menu.addAction("Keyboard shortcuts\tF1", self._show_shortcuts)

    def _show_guide(self) -> None:
        self._guide.show_again()
        self._chat.new_chat()

    def _not_saved(self, error: StorageError) -> None:
        self._window.shell.banner.show_error(Topic.SETTINGS, error)

    def _remember_place(self) -> None:
        self._place = self._panel.place()
        self._models_place = self._models.place() if self._models else None

    def _restyled(self) -> None:
        """The window has a new shell: everything is attached to it."""
        chat_id, text = self._chat.chat_id, self._chat.written
        self._chat.detach()
        self._model.detach()
        self._guide.detach()
        self._providers.detach()
        self._panel.detach()
        if self._models is not None:
            self._models.detach()
        self._attach(self._chat.new_draft)
        if self._place is not None:
            self._panel.restore(self._place)
        if self._models is not None and self._models_place is not None:
            self._models.restore(self._models_place)
        self._services.tasks.spawn(self, self._refill(chat_id, text))

    async def _refill(self, chat_id: int | None, text: str) -> None:
        await self._chat.list.refresh()
        await self._chat.show(chat_id, text)
        self._panel.come_back()
        if self._models is not None:
            self._models.come_back()
        await self._model.refresh()
        self._providers.start()

    def _keep_appearance(self, theme: str, text_size: float) -> None:
        appearance = self._settings.settings.appearance
        setattr(appearance, "theme", theme)  # noqa: B010 - validated as it is assigned
        appearance.text_size = text_size
        try:
            self._settings.save()
        except HearthError as error:
            self.show_error(error)

    def _started(self, exchange: Exchange) -> None:
        self._chat.list.exchange_started(exchange)

    def _renamed(self, _chat_id: int) -> None:
        self._services.tasks.spawn(self, self._chat.list.refresh())

    def _dropped(self, files: list[str]) -> None:
        if files:
            self._model.open_file(files[0])

    def _new_chat(self) -> None:
        self._chat.new_chat()

    def _open_model(self) -> None:
        self._model.ask_for_file()

    def _open_folder(self) -> None:
        folder = self._window.models_folder
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _show_settings(self) -> None:
        self._panel.show_page()

    def _toggle_sidebar(self) -> None:
        self._window.shell.toggle_sidebar()

    def _focus_composer(self) -> None:
        self._window.shell.composer.editor.setFocus()

    def _show_shortcuts(self) -> None:
        ShortcutsDialog(self._window).open()
