"""Something to read, with a button where it leads elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings.field import Field
from app.ui.settings.rows import Fact, Row
from app.ui.words import Words, breakable

if TYPE_CHECKING:
    from app.ui.icons import Icons

SHORT = 2000  # milliseconds


class FactField(Field):
    """Its text is given by `take`."""

    is_wide = True

    def __init__(self, row: Row, control: Fact, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._text = Words("", self)
        self._text.setObjectName(f"fact-{row.key}")
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._text.hide()
        self._button: QPushButton | None = None
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self._text)
        if control.action:
            self._button = text_button(control.action, "secondary", self)
            self._button.clicked.connect(lambda: self.acted.emit(""))
            self.dress(self._button)
            self._button.setAccessibleName(f"{control.action}: {row.name}")
            column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        self.line.addLayout(column, 1)
        self._label = control.action
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(SHORT)
        self._back.timeout.connect(lambda: self._say(self._label))

    def confirm(self, text: str) -> None:
        """Says on the button that it was done; a moment later it is as before."""
        self._say(text)
        self._back.start()

    def _say(self, text: str) -> None:
        if self._button is not None:
            self._button.setText(text)

    @property
    def target(self) -> QWidget:
        """The button, or the text where there is none."""
        return self._button or self._text

    def value(self) -> object:
        """Nothing is set here."""
        return None

    def take(self, content: object) -> None:
        """The text."""
        text = str(content)
        self._text.setText(breakable(text))
        self._text.setAccessibleName(text)
        self._text.setVisible(bool(text))
