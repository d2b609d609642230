"""Messages in place: what happened, why, and a button that mends it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import HearthError
from app.ui.controls import IconButton, text_button
from app.ui.icons import Icons

DETAILS_HEIGHT = 140
UNDO_SECONDS = 8


class Banner(QFrame):
    """One message at a time, under the header; it stays until it is closed or mended."""

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._icon = QLabel(self)
        self._icons = icons
        self._label = QLabel(self)
        self._label.setObjectName("bannerText")
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._action = text_button("", "secondary", self, "bannerAction")
        self._more = text_button("Details", "link", self, "bannerDetailsButton")
        self._more.clicked.connect(self._toggle_details)
        self._copy = text_button("Copy details", "link", self, "bannerCopyButton")
        self._copy.clicked.connect(self._copy_details)
        self._close = IconButton(icons, "close", "Close this message", self)
        self._close.setObjectName("bannerClose")
        self._close.clicked.connect(self.clear)
        self._details = QPlainTextEdit(self)
        self._details.setObjectName("bannerDetails")
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setFixedHeight(DETAILS_HEIGHT)
        self._run: Callable[[], None] | None = None
        self._action.clicked.connect(self._act)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._label, 1)
        for button in (self._more, self._copy, self._action, self._close):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 8, 8)
        column.addLayout(row)
        column.addWidget(self._details)
        self.hide()

    def text(self) -> str:
        """The sentence that is shown, or ""."""
        return self._label.text() if not self.isHidden() else ""

    def show_error(
        self, error: HearthError, action: str = "", run: Callable[[], None] | None = None
    ) -> None:
        """A known problem; `action` names the button that mends it."""
        self._show(str(error), "error", error.details, action, run)

    def show_bug(self, details: str) -> None:
        """An error that is ours: it is in the log, and can be copied for a report."""
        text = "Something in Hearth went wrong. Your chats are safe; the log has the details."
        self._show(text, "error", details, "", None)

    def show_note(self, text: str, action: str = "", run: Callable[[], None] | None = None) -> None:
        """Something that the person should know."""
        self._show(text, "note", "", action, run)

    def clear(self) -> None:
        """Takes the message away."""
        self.hide()
        self._run = None

    def _show(
        self, text: str, role: str, details: str, action: str, run: Callable[[], None] | None
    ) -> None:
        colour = "danger" if role == "error" else "muted"
        self._icon.setPixmap(self._icons.get("warning", colour).pixmap(20, 20))
        self._label.setText(text)
        self._label.setAccessibleName(text)
        self._details.setPlainText(details)
        self._details.hide()
        self._more.setVisible(bool(details))
        self._copy.setVisible(bool(details))
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self._run = run
        self.setProperty("role", role)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _act(self) -> None:
        run = self._run
        self.clear()
        if run is not None:
            run()

    def _toggle_details(self) -> None:
        self._details.setVisible(self._details.isHidden())

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(
            f"{self._label.text()}\n\n{self._details.toPlainText()}"
        )


class Toast(QFrame):
    """A word about what was done, with Undo; it floats above the page and goes by itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self._label = QLabel(self)
        self._undo: QPushButton = text_button("Undo", "toast", self, "undoButton")
        self._undo.clicked.connect(self._act)
        self._run: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 6)
        row.addWidget(self._label)
        row.addWidget(self._undo)
        self._page = parent
        parent.installEventFilter(self)
        self.hide()

    def show_undo(self, text: str, undo: Callable[[], None]) -> None:
        """Says what was done, and takes it back if Undo is pressed within eight seconds."""
        self._label.setText(text)
        self._label.setAccessibleName(text)
        self._run = undo
        self._timer.start(UNDO_SECONDS * 1000)
        self._place()
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stays in its place when the window changes."""
        if event.type() == QEvent.Type.Resize and watched is self._page:
            self._place()
        return False

    def _place(self) -> None:
        self.adjustSize()
        page = self._page
        self.move((page.width() - self.width()) // 2, page.height() - self.height() - 112)

    def _act(self) -> None:
        run, self._run = self._run, None
        self._timer.stop()
        self.hide()
        if run is not None:
            run()
