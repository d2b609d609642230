"""Messages in place: what happened, why, and a button that mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.errors import HearthError
from app.ui.controls import ElidedLabel, IconButton, text_button
from app.ui.icons import Icons

DETAILS_HEIGHT = 140
NARROW = 80  # characters
UNDO_SECONDS = 8
TOAST_MARGIN, TOAST_GAP = 16, 12


class Topic(StrEnum):
    """What a message is about; a new one takes the place of an earlier one about the same."""

    MODEL = "model"
    HISTORY = "history"
    SETTINGS = "settings"
    LEFT_BEHIND = "left behind"
    OTHER = "other"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class _Message:
    text: str
    role: str  # "error" or "note", for the style sheet
    details: str = ""
    action: str = ""
    run: Callable[[], None] | None = None


class Banner(QFrame):
    """The latest message, under the header; it stays until it is closed or mended."""

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
        self._close.clicked.connect(self._close_latest)
        self._details = QPlainTextEdit(self)
        self._details.setObjectName("bannerDetails")
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setFixedHeight(DETAILS_HEIGHT)
        self._messages: dict[Topic, _Message] = {}  # the latest last
        self._action.clicked.connect(self._act)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for button in (self._more, self._copy, self._action):
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.addWidget(self._label, 1)
        self._middle.addLayout(buttons)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(self._middle, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 8, 8)
        column.addLayout(row)
        column.addWidget(self._details)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the buttons stand below the text."""
        super().resizeEvent(event)
        wide = event.size().width() > NARROW * self.fontMetrics().averageCharWidth()
        direction = QBoxLayout.Direction
        self._middle.setDirection(direction.LeftToRight if wide else direction.TopToBottom)

    def text(self) -> str:
        """The sentence that is shown, or ""."""
        return self._label.text() if not self.isHidden() else ""

    def show_error(
        self,
        topic: Topic,
        error: HearthError,
        action: str = "",
        run: Callable[[], None] | None = None,
    ) -> None:
        """A known problem; `action` names the button that mends it."""
        self._add(topic, _Message(str(error), "error", error.details, action, run))

    def show_bug(self, details: str) -> None:
        """An error that is ours: it is in the log, and can be copied for a report."""
        text = "Something in Hearth went wrong. Your chats are safe; the log has the details."
        self._add(Topic.BUG, _Message(text, "error", details))

    def show_note(
        self,
        topic: Topic,
        text: str,
        details: str = "",
        action: str = "",
        run: Callable[[], None] | None = None,
    ) -> None:
        """Something that the person should know; `action` is a button that does `run`."""
        self._add(topic, _Message(text, "note", details, action, run))

    def clear(self, topic: Topic) -> None:
        """Takes the message on a topic away; an earlier one on another comes back."""
        if self._messages.pop(topic, None) is not None:
            self._show_latest()

    def take_over(self, other: Banner) -> None:
        """Shows what another banner showed."""
        self._messages = dict(other._messages)
        self._show_latest()

    def _add(self, topic: Topic, message: _Message) -> None:
        self._messages.pop(topic, None)
        self._messages[topic] = message
        self._show_latest()

    def _show_latest(self) -> None:
        if not self._messages:
            self.hide()
            return
        message = next(reversed(self._messages.values()))
        colour = "danger" if message.role == "error" else "muted"
        icon = "warning" if message.role == "error" else "info"
        self._icon.setPixmap(self._icons.get(icon, colour).pixmap(20, 20))
        self._label.setText(message.text)
        self._label.setAccessibleName(message.text)
        self._details.setPlainText(message.details)
        self._details.hide()
        self._more.setVisible(bool(message.details))
        self._copy.setVisible(bool(message.details))
        self._action.setText(message.action)
        self._action.setVisible(bool(message.action))
        self.setProperty("role", message.role)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _close_latest(self) -> _Message:
        topic = next(reversed(self._messages))
        message = self._messages.pop(topic)
        self._show_latest()
        return message

    def _act(self) -> None:
        run = self._close_latest().run
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

    def __init__(self, above: QWidget, parent: QWidget) -> None:
        """Floats in `parent`, a little over `above`."""
        super().__init__(parent)
        self._above = above
        self.setObjectName("toast")
        self._label = ElidedLabel("", self)
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
        self._label.set_text(text)
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
        page = self._page
        wanted = self.sizeHint()
        self.resize(min(wanted.width(), page.width() - 2 * TOAST_MARGIN), wanted.height())
        below = self._above.mapTo(page, QPoint(0, 0)).y()
        self.move((page.width() - self.width()) // 2, below - self.height() - TOAST_GAP)

    def _act(self) -> None:
        run, self._run = self._run, None
        self._timer.stop()
        self.hide()
        if run is not None:
            run()
