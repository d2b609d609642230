"""The window: the shell in it, its shortcuts and menu, dropped files, and its look."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Signal
from PySide6.QtGui import (
    QActionGroup,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QApplication, QMainWindow

from app import storage
from app.ui import theme as themes
from app.ui.icons import Icons, application_icon
from app.ui.shell import Shell

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import (
        QCloseEvent,
        QDragEnterEvent,
        QDragLeaveEvent,
        QDropEvent,
        QIcon,
        QPaintEvent,
    )
    from PySide6.QtWidgets import QMenu

DEFAULT_SIZE = (1080, 760)
SMALLEST_SIZE = (420, 420)
TEXT_STEPS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


class MainWindow(QMainWindow):
    """Knows how things look; what they do is in the controllers."""

    painted = Signal()
    close_wanted = Signal()
    files_dropped = Signal(list)
    restyling = Signal()  # the shell is about to be replaced
    restyled = Signal()
    appearance_changed = Signal(str, float)

    def __init__(
        self, resources: Path, models_folder: Path, preference: str, text_size: float
    ) -> None:
        super().__init__()
        self.resources = resources
        self.models_folder = models_folder
        self._preference = preference
        self._text_size = text_size
        self._has_painted = False
        self.is_closing = False  # it was asked to
        self._place_file: Path | None = None
        self.setObjectName("mainWindow")
        self.setWindowTitle("Hearth")
        self.icon: QIcon = application_icon(resources / "icons")
        self.setWindowIcon(self.icon)
        self.setMinimumSize(*SMALLEST_SIZE)
        self.resize(*DEFAULT_SIZE)
        self.setAcceptDrops(True)
        self.theme = self._load_theme()
        self.shell = self._build()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    def set_appearance(self, preference: str, text_size: float) -> None:
        """Changes the theme (system, light or dark) and the factor on the size of all text."""
        self._preference, self._text_size = preference, text_size
        self.appearance_changed.emit(preference, text_size)
        self._restyle()

    def step_text_size(self, step: int) -> None:
        """Makes all text larger or smaller by one step; 0 restores it."""
        near = min(TEXT_STEPS, key=lambda size: abs(size - self._text_size))
        index = max(0, min(len(TEXT_STEPS) - 1, TEXT_STEPS.index(near) + step))
        self.set_appearance(self._preference, TEXT_STEPS[index] if step else 1.0)

    def appearance_menu(self, parent: QMenu) -> None:
        """Adds the choices of theme and text size to a menu."""
        menu = parent.addMenu("Appearance")
        choices = QActionGroup(menu)
        for name, label in (("system", "As the system"), ("light", "Light"), ("dark", "Dark")):
            action = menu.addAction(label)
            action.setCheckable(True)
            action.setChecked(name == self._preference)
            choices.addAction(action)
            action.triggered.connect(
                lambda _checked=False, name=name: self.set_appearance(name, self._text_size)
            )
        menu.addSeparator()
        for label, keys, step in (
            ("Larger text", QKeySequence.StandardKey.ZoomIn, 1),
            ("Smaller text", QKeySequence.StandardKey.ZoomOut, -1),
            ("Usual text size", QKeySequence("Ctrl+0"), 0),
        ):
            action = menu.addAction(label)
            action.setShortcut(keys)
            action.triggered.connect(lambda _checked=False, step=step: self.step_text_size(step))

    def bind(self, keys: str, action: Callable[[], object]) -> None:
        """A keyboard shortcut of the window."""
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(action)

    def restore_place(self, file: Path) -> None:
        """Takes the size and place that the window had, and keeps them in this file from now on."""
        self._place_file = file
        try:
            saved = json.loads(file.read_text(encoding="utf-8"))["geometry"]
            self.restoreGeometry(QByteArray.fromBase64(saved.encode("ascii")))
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return

    def place_writer(self, draft: str) -> Callable[[], None]:
        """What keeps the window's size and place, and what was written in a new chat and not sent.

        It waits for the disk, and so is for another thread than the window's.
        """
        file = self._place_file
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")

        def write() -> None:
            if file is not None:
                with suppress(OSError):  # a folder that cannot be written: the history has said so
                    storage.write_atomically(
                        file, json.dumps({"geometry": geometry, "draft": draft})
                    )

        return write

    def saved_draft(self) -> str:
        """What was kept of a message that was never sent."""
        try:
            saved = self._place_file.read_text(encoding="utf-8") if self._place_file else "{}"
            return str(json.loads(saved).get("draft", ""))
        except (OSError, ValueError, AttributeError):
            return ""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tells once that there is something to see."""
        super().paintEvent(event)
        if not self._has_painted:
            self._has_painted = True
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Asks for the program to end; the window closes when everything is saved."""
        event.ignore()
        self.is_closing = True
        self.close_wanted.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Takes files."""
        if _local_files(event.mimeData()):
            event.acceptProposedAction()
            self.shell.welcome.set_dragging(dragging=True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        """The file went away again."""
        self.shell.welcome.set_dragging(dragging=False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Hands the files over."""
        self.shell.welcome.set_dragging(dragging=False)
        event.acceptProposedAction()
        self.files_dropped.emit(_local_files(event.mimeData()))

    def _system_changed(self) -> None:
        if self._preference == themes.SYSTEM:
            self._restyle()

    def _restyle(self) -> None:
        """Builds the shell anew in the new look."""
        self.restyling.emit()
        self.theme = self._load_theme()
        old = self.shell
        self.shell = self._build()
        self.shell.complete()
        self.shell.banner.take_over(old.banner)
        old.hide()
        old.deleteLater()
        self.restyled.emit()

    def _load_theme(self) -> themes.Theme:
        folder = self.resources / "themes"
        theme = themes.load(folder, themes.resolve(self._preference), self._text_size)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.setPalette(theme.palette())
            application.setStyleSheet(theme.style_sheet(folder))
        return theme

    def _build(self) -> Shell:
        icons = Icons(self.resources / "icons", self.theme)
        shell = Shell(self.theme, icons, self.icon, self.models_folder, self)
        # The old shell must live until its deletion is due: setCentralWidget would delete it now.
        self.takeCentralWidget()
        self.setCentralWidget(shell)
        return shell


def _local_files(data: QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
