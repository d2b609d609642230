"""Where the person writes: grows with the text, sends on Enter, takes long pastes as a parcel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent

    from app.ui.chat.pasted_text import PastedText
    from app.ui.icons import Icons
    from app.ui.theme import Theme

MOST_OF_WINDOW = 0.4  # of the page's height
LONG_PASTE = 20_000  # characters; more than this is kept beside the text instead of in it
HINT = "Write a message…  Enter sends, Shift+Enter begins a new line"


class Composer(QWidget):
    """The text, what was pasted, and Send or Stop."""

    sent = Signal(str)
    stopped = Signal()
    escaped = Signal()
    edited = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._running, self._stopping = False, False
        self._box = QFrame(self)
        self._box.setObjectName("composerBox")
        self.editor = Editor(self._box)
        self.editor.submitted.connect(self.send)
        self.editor.escaped.connect(self._escape)
        self.editor.focus_changed.connect(self._show_focus)
        self.editor.pasted_long.connect(self.add_parcel)
        self.editor.textChanged.connect(self._text_changed)
        self._parcel_widgets: list[PastedText] = []
        self._parcels = QHBoxLayout()
        self._parcels.setSpacing(8)
        self._parcels.addStretch()
        self._send = self._button("send", "Send (Enter)", "sendButton", self.send)
        self._stop = self._button("stop", "Stop (Esc)", "stopButton", self.stopped.emit)
        self._stop.hide()
        row = QHBoxLayout()
        row.addWidget(self.editor, 1)
        row.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        inside = QVBoxLayout(self._box)
        inside.setContentsMargins(12, 8, 8, 8)
        inside.setSpacing(4)
        inside.addLayout(self._parcels)
        inside.addLayout(row)
        around = QHBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(self._box)
        self._text_changed()

    def text(self) -> str:
        """What would be sent: the text, then what was pasted."""
        typed = self.editor.toPlainText()
        return "\n\n".join(part for part in (typed, *self.parcels()) if part.strip())

    def set_text(self, text: str) -> None:
        """Replaces everything; a long text becomes a parcel."""
        for parcel in tuple(self._parcel_widgets):
            self._remove_parcel(parcel)
        if len(text) > LONG_PASTE:
            self.editor.clear()
            self.add_parcel(text)
        else:
            self.editor.setPlainText(text)
            self.editor.moveCursor(self.editor.textCursor().MoveOperation.End)
        self._text_changed()

    def parcels(self) -> list[str]:
        """The long texts that were pasted."""
        return [parcel.text for parcel in self._parcel_widgets]

    def add_parcel(self, text: str) -> None:
        """Keeps a long text beside what is typed."""
        from app.ui.chat.pasted_text import PastedText

        parcel = PastedText(text, self._icons, self._box)
        parcel.removed.connect(lambda: self._remove_parcel(parcel))
        self._parcel_widgets.append(parcel)
        self._parcels.insertWidget(self._parcels.count() - 1, parcel)
        self._text_changed()

    def send(self) -> None:
        """Sends what is there, unless an answer is still running."""
        text = self.text()
        if text and not self._running:
            self.sent.emit(text)

    def set_running(self, *, running: bool, stopping: bool = False) -> None:
        """Shows Stop while an answer is made, and that it is ending."""
        if (running, stopping) == (self._running, self._stopping):
            return
        self._running, self._stopping = running, stopping
        had_focus = self._send.hasFocus() or self._stop.hasFocus()
        self._send.setVisible(not running)
        self._stop.setVisible(running)
        self._stop.setDisabled(stopping)
        self._stop.setToolTip("Stopping…" if stopping else "Stop (Esc)")
        if had_focus:
            self.editor.setFocus()

    def set_page_height(self, height: int) -> None:
        """The height of which the text may take its share."""
        self.editor.set_highest(round(height * MOST_OF_WINDOW))

    def _escape(self) -> None:
        if self._running:
            self.stopped.emit()
        else:
            self.escaped.emit()

    def _text_changed(self) -> None:
        self._send.setEnabled(bool(self.parcels()) or not self.editor.is_blank())
        self.edited.emit()

    def _remove_parcel(self, parcel: PastedText) -> None:
        self._parcel_widgets.remove(parcel)
        self._parcels.removeWidget(parcel)
        parcel.hide()
        parcel.deleteLater()
        self._text_changed()
        self.editor.setFocus()

    def _show_focus(self, focused: bool) -> None:  # noqa: FBT001 - a slot
        self._box.setProperty("focused", focused)
        self._box.style().unpolish(self._box)
        self._box.style().polish(self._box)

    def _button(
        self, icon: str, name: str, object_name: str, action: Callable[[], None]
    ) -> QToolButton:
        button = QToolButton(self._box)
        button.setObjectName(object_name)
        button.setIcon(self._icons.get(icon, "on_accent"))
        button.setIconSize(QSize(20, 20))
        button.setToolTip(name)
        button.setAccessibleName(name.partition(" (")[0])
        button.clicked.connect(action)
        return button


class Editor(QPlainTextEdit):
    """The text field itself."""

    submitted = Signal()
    escaped = Signal()
    focus_changed = Signal(bool)
    pasted_long = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._highest = 240
        self.setObjectName("composer")
        self.setAccessibleName("Message")
        self.setPlaceholderText(HINT)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def is_blank(self) -> bool:
        """Whether there is nothing but white space."""
        document = self.document()
        return document.characterCount() < 1000 and not document.toPlainText().strip()

    def set_highest(self, height: int) -> None:
        """How high it may grow, in pixels."""
        self._highest = height
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends, Shift+Enter breaks the line, Esc goes back one step."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self.submitted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif enter:
            self.insertPlainText("\n")
            self.ensureCursorVisible()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Pastes as plain text; a very long one is handed over instead."""
        text = source.text()
        if len(text) > LONG_PASTE:
            self.pasted_long.emit(text)
        else:
            self.insertPlainText(text)
            self.ensureCursorVisible()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Text only: a dropped file is for the window."""
        return source.hasText() and not source.hasUrls()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells the box around it."""
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tells the box around it."""
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def changeEvent(self, event: QEvent) -> None:
        """Follows the text size."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines may break anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as its lines, between one line and the highest. Its layout counts in lines."""
        line = self.fontMetrics().lineSpacing()
        lines = max(1, round(self.document().size().height()))
        margins = 2 * round(self.document().documentMargin()) + 2
        wanted, limit = lines * line + margins, max(self._highest, 3 * line)
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if wanted > limit else policy.ScrollBarAlwaysOff
        )
        height = min(wanted, limit)
        if height != self.height():
            self.setFixedHeight(height)
