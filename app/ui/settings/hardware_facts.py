"""What this computer is: a line at once, and all facts when they have been read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings.field import Field
from app.ui.settings.hardware_pairs import Pair, Pairs
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row

READ, READING = "Read again", "Reading…"


class FactsField(Field):
    """Takes a line of text, or the facts; `acted` asks for them to be read again."""

    is_wide = True

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._text = Words("", self)
        self._text.setObjectName(f"fact-{row.key}")
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.facts = Pairs(self)
        self.facts.hide()
        self._button = text_button(READ, "secondary", self)
        self._button.clicked.connect(self._read_again)
        self.dress(self._button)
        self._button.setAccessibleName(f"{READ}: {row.name}")
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self._text)
        column.addWidget(self.facts)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        self.line.addLayout(column, 1)

    @property
    def target(self) -> QWidget:
        """The button."""
        return self._button

    def value(self) -> object:
        """Nothing is set here."""
        return None

    def take(self, content: object) -> None:
        """The line, or the facts."""
        if isinstance(content, str):
            self._text.setText(content)
            self._text.setAccessibleName(content)
        elif isinstance(content, tuple):
            self.facts.show_pairs([Pair(one.name, one.value) for one in content])
            self._button.setText(READ)
            self._button.setEnabled(True)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the values below their names, or beside them."""
        self.facts.set_narrow(narrow=narrow)

    def _read_again(self) -> None:
        self._button.setText(READING)
        self._button.setEnabled(False)
        self.acted.emit(None)
