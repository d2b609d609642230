"""One message in the transcript: the person's in a bubble, the model's in the full column."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app import wording
from app.chats.records import State, StoredMessage
from app.ui.chat.body import COPIED_SHOWN, MessageBody
from app.ui.chat.reasoning import Reasoning
from app.ui.controls import ElidedLabel, IconButton, text_button
from app.ui.icons import Icons
from app.ui.theme import Theme

BUBBLE_SHARE = 0.8  # of the column
BUBBLE_PADDING, PADDING = 14, 10
NAME_HEIGHT, FOOTER_HEIGHT, GAP = 26, 30, 8
LONG_TEXT = 6_000  # characters of a person's message that are shown at first


class MessageView(QWidget):
    """What both kinds have: a body, actions in a fixed place, and versions."""

    height_changed = Signal()
    version_wanted = Signal(int, int)  # message id, step

    def __init__(self, message: StoredMessage, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.message = message
        self._theme = theme
        self._icons = icons
        self.body = MessageBody(theme, icons, self)
        self.body.height_changed.connect(self.height_changed)
        self._shy: list[IconButton] = []
        self.setMouseTracking(True)

    def text(self) -> str:
        """The message as it was written."""
        return self.body.written()

    def layout_for(self, width: int) -> int:
        """Places the parts in this width; returns the height that they take."""
        raise NotImplementedError

    def enterEvent(self, event: QEnterEvent) -> None:
        """Shows the actions."""
        self._reveal(revealed=True)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Hides the actions."""
        self._reveal(revealed=False)
        super().leaveEvent(event)

    def _reveal(self, *, revealed: bool) -> None:
        for button in self._shy:
            button.reveal(revealed=revealed)

    def _action(self, icon: str, name: str, object_name: str) -> IconButton:
        button = IconButton(self._icons, icon, name, self, shy=True)
        button.setObjectName(object_name)
        self._shy.append(button)
        return button

    def _copy_action(self) -> IconButton:
        button = self._action("copy", "Copy message", "copyButton")

        def copy() -> None:
            QGuiApplication.clipboard().setText(self.text())
            button.set_icon("check", "good")
            QTimer.singleShot(COPIED_SHOWN, button, lambda: button.set_icon("copy"))

        button.clicked.connect(copy)
        return button

    def _version_switch(self) -> QWidget | None:
        """‹ 2/3 › where the message has versions."""
        if self.message.versions < 2:
            return None
        switch = QWidget(self)
        row = QHBoxLayout(switch)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for icon, name, step in (("left", "Earlier version", -1), ("right", "Later version", 1)):
            button = IconButton(self._icons, icon, name, switch)
            button.setObjectName("earlierVersion" if step < 0 else "laterVersion")
            at_end = self.message.version + step not in range(1, self.message.versions + 1)
            button.setDisabled(at_end)
            button.clicked.connect(
                lambda _checked=False, step=step: self.version_wanted.emit(self.message.id, step)
            )
            row.addWidget(button)
        count = QLabel(f"{self.message.version}/{self.message.versions}", switch)
        count.setProperty("role", "small")
        row.insertWidget(1, count)
        return switch


class UserMessage(MessageView):
    """What the person wrote: a soft bubble at the right."""

    edit_wanted = Signal(int)  # message id

    def __init__(self, message: StoredMessage, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(message, theme, icons, parent)
        self.setObjectName("userMessage")
        self.body.setAccessibleName("Your message")
        self._bubble = QRect()
        self._show_all = text_button("Show all of it", "link", self, "showAllButton")
        self._show_all.clicked.connect(self._expand)
        is_long = len(message.text) > LONG_TEXT
        self._show_all.setText(f"Show all {len(message.text):,} characters")
        self._show_all.setVisible(is_long)
        self.body.set_plain(message.text[:LONG_TEXT] + "…" if is_long else message.text)
        self._footer = QWidget(self)
        row = QHBoxLayout(self._footer)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addStretch()
        if switch := self._version_switch():
            row.addWidget(switch)
        edit = self._action("edit", "Edit and ask again", "editButton")
        edit.clicked.connect(lambda: self.edit_wanted.emit(message.id))
        row.addWidget(edit)
        row.addWidget(self._copy_action())

    def text(self) -> str:
        """The whole message, also while only its beginning is shown."""
        return self.message.text

    def layout_for(self, width: int) -> int:
        """The bubble is as wide as its text, up to four fifths of the column."""
        widest = round(width * BUBBLE_SHARE) - 2 * BUBBLE_PADDING
        inner = max(self.body.natural_width(widest), 24)
        height = self.body.content_height(inner)
        extra = self._show_all.sizeHint().height() if not self._show_all.isHidden() else 0
        outer = inner + 2 * BUBBLE_PADDING
        high = height + extra + 2 * PADDING - self.body.leading()
        self._bubble = QRect(width - outer, 0, outer, high)
        left = width - outer + BUBBLE_PADDING
        self.body.setGeometry(left, PADDING, inner, height)
        self._show_all.setGeometry(
            left - 6, PADDING + height, self._show_all.sizeHint().width(), extra
        )
        self._footer.setGeometry(0, self._bubble.bottom() + 1, width, FOOTER_HEIGHT)
        return self._bubble.height() + FOOTER_HEIGHT

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The bubble."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("accent_soft"))
        radius = self._theme.metric("surface_radius")
        painter.drawRoundedRect(self._bubble, radius, radius)

    def _expand(self) -> None:
        self._show_all.hide()
        self.body.set_plain(self.message.text)
        self.height_changed.emit()


class AssistantMessage(MessageView):
    """What the model wrote, its figures beneath, and what went wrong."""

    regenerate_wanted = Signal(int)  # message id
    remedy_wanted = Signal(int)  # message id

    def __init__(self, message: StoredMessage, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(message, theme, icons, parent)
        self.setObjectName("assistantMessage")
        self.body.set_opaque()
        self._name = ElidedLabel(message.model, self, role="small")
        self._waiting = ElidedLabel("", self, role="muted")
        self._waiting.setObjectName("waiting")
        self._waiting.hide()
        self._reasoning = Reasoning(icons, self)
        self._reasoning.height_changed.connect(self.height_changed)
        self._note = _Note(self)
        self._note.again.clicked.connect(lambda: self.regenerate_wanted.emit(self.message.id))
        self._note.remedy.clicked.connect(lambda: self.remedy_wanted.emit(self.message.id))
        self._figures = ElidedLabel("", self, role="small")
        self._figures.setObjectName("figures")
        self._footer: QWidget | None = None
        self.body.setAccessibleName(f"Answer of {message.model or 'the model'}")
        self._show_end(message)

    def show_waiting(self, text: str) -> None:
        """What is going on while no word has come yet; "" takes it away."""
        if self._waiting.text() != text or self._waiting.isHidden() != (not text):
            self._waiting.set_text(text)
            self._waiting.setVisible(bool(text))
            self.height_changed.emit()

    def show_text(self, text: str) -> None:
        """The answer so far."""
        self.body.set_markdown(text, final=False)

    def show_reasoning(self, text: str, *, growing: bool) -> None:
        """What the model has thought so far."""
        self._reasoning.show_text(text, growing=growing)

    def end(self, message: StoredMessage, remedy: str = "", *, may_retry: bool = True) -> None:
        """The answer as it was kept, with the name of a remedy where there is one."""
        self.message = message
        self._name.set_text(message.model)
        self.show_waiting("")
        self._show_end(message, remedy, may_retry=may_retry)
        self.height_changed.emit()

    def layout_for(self, width: int) -> int:
        """Name, text, note and footer below each other."""
        self._name.setGeometry(0, 0, width, NAME_HEIGHT)
        top = NAME_HEIGHT
        if not self._waiting.isHidden():
            self._waiting.setGeometry(0, top, width, NAME_HEIGHT)
            top += NAME_HEIGHT
        if not self._reasoning.isHidden():
            thoughts = self._reasoning.height_for(width)
            self._reasoning.setGeometry(0, top, width, thoughts)
            top += thoughts
        height = self.body.content_height(width) if self.body.written() else 0
        self.body.setGeometry(0, top, width, height)
        self.body.setVisible(bool(height))
        top += height
        if not self._note.isHidden():
            note_height = self._note.heightForWidth(width)
            self._note.setGeometry(0, top + GAP, width, note_height)
            top += note_height + GAP
        if self._footer is not None:
            self._footer.setGeometry(0, top + 2, width, FOOTER_HEIGHT)
        return top + FOOTER_HEIGHT + 2

    def _show_end(
        self, message: StoredMessage, remedy: str = "", *, may_retry: bool = True
    ) -> None:
        ended = message.state is not State.STREAMING
        self._reasoning.show_text(message.reasoning, growing=False)
        self.body.set_markdown(message.text, final=ended)
        self._figures.set_text(wording.statistics(message.usage, message.reason) if ended else "")
        failed = message.state in (State.FAILED, State.INTERRUPTED)
        self._note.show_text(message.note, is_error=message.state is State.FAILED)
        self._note.again.setVisible(failed and may_retry)
        self._note.remedy.setVisible(bool(remedy))
        self._note.remedy.setText(remedy)
        if ended:
            self._build_footer()

    def _build_footer(self) -> None:
        if self._footer is not None:
            self._footer.deleteLater()
            self._shy.clear()
        footer = QWidget(self)
        row = QHBoxLayout(footer)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self._figures.setParent(footer)
        row.addWidget(self._figures, 1)
        self._figures.show()
        if switch := self._version_switch():
            row.addWidget(switch)
        again = self._action("again", "Answer again", "regenerateButton")
        again.clicked.connect(lambda: self.regenerate_wanted.emit(self.message.id))
        row.addWidget(again)
        row.addWidget(self._copy_action())
        footer.show()
        self._footer = footer


class _Note(QFrame):
    """A sentence below an answer: why it failed, or what the person should know."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("messageNote")
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.again = text_button("Answer again", "link", self, "noteAgainButton")
        self.remedy = text_button("", "link", self, "remedyButton")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addWidget(self._label, 1)
        row.addWidget(self.again)
        row.addWidget(self.remedy)
        self.hide()

    def show_text(self, text: str, *, is_error: bool) -> None:
        """Shows the sentence, or nothing for ""."""
        self._label.setText(text)
        self._label.setAccessibleName(text)
        self.setProperty("role", "error" if is_error else "note")
        self.style().unpolish(self)
        self.style().polish(self)
        self.setVisible(bool(text))
