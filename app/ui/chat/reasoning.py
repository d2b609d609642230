"""What a model thought before it answered: a line that opens into the whole text."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.icons import Icons

SHOWN = 20_000  # characters; the beginning of a longer text is left out


class Reasoning(QWidget):
    """Closed at first. The text is muted, plain, and can be selected."""

    height_changed = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._icons = icons
        self._text = ""
        self._is_open = False
        self._button = text_button("Thoughts", "link", self, "reasoningButton")
        self._button.setCheckable(True)
        self._button.toggled.connect(self._toggle)
        self._label = QLabel(self)
        self._label.setObjectName("reasoningText")
        self._label.setProperty("role", "muted")
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._label.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._label)
        self._name()
        self.hide()

    def text(self) -> str:
        """The whole text."""
        return self._text

    def show_text(self, text: str, *, growing: bool) -> None:
        """The thoughts so far; "" takes the line away."""
        text = text.strip()
        self._button.setText("Thinking…" if growing else "Thoughts")
        if text == self._text and self.isHidden() == (not text):
            return
        self._text = text
        self.setVisible(bool(text))
        if self._is_open:
            self._show()
        self.height_changed.emit()

    def height_for(self, width: int) -> int:
        """The height that it takes in this width."""
        height = self._button.sizeHint().height() + 4
        if self._is_open:
            height += self._label.heightForWidth(width) + 8
        return height

    def _toggle(self, checked: bool) -> None:  # noqa: FBT001 - a Qt slot
        self._is_open = checked
        self._label.setVisible(checked)
        self._name()
        if checked:
            self._show()
        self.height_changed.emit()

    def _show(self) -> None:
        cut = len(self._text) > SHOWN
        self._label.setText(f"…{self._text[-SHOWN:]}" if cut else self._text)

    def _name(self) -> None:
        icon = "down" if self._is_open else "right"
        self._button.setIcon(self._icons.get(icon, "muted"))
        self._button.setAccessibleName(
            "Hide what the model thought" if self._is_open else "Show what the model thought"
        )
