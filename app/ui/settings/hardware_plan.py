"""How the chosen model is loaded: every choice with its reason, and its memory in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.llm.workbench import Sheet
from app.ui.settings import hardware_words as words
from app.ui.settings.field import Field
from app.ui.settings.hardware_pairs import Pairs
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row


class PlanField(Field):
    """Takes the sheet of a model, or a sentence in place of it."""

    is_wide = True

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self.heading = Words("", self, "strong")
        self.heading.setObjectName("planHeading")
        self.warning = Words("", self, "error")
        self.warning.setObjectName("planWarning")
        self.warning.hide()
        self._memory_heading = Words("Memory and speed", self, "strong")
        self.lines, self.memory = Pairs(self), Pairs(self)
        column = QVBoxLayout()
        column.setSpacing(12)
        for part in (self.heading, self.warning, self.lines, self._memory_heading, self.memory):
            column.addWidget(part)
        self.line.addLayout(column, 1)
        self.take("")

    @property
    def target(self) -> QWidget:
        """The heading: nothing here takes the keyboard."""
        return self.heading

    def value(self) -> object:
        """Nothing is set here."""
        return None

    def take(self, content: object) -> None:
        """What is to be shown."""
        if isinstance(content, Sheet):
            bench, outlook = content.bench, content.present
            state = "is loaded so" if bench.is_loaded else "is not loaded; it would be so"
            self.heading.setText(f"{bench.name} {state}:")
            self.warning.setText(" ".join(outlook.warnings))
            self.lines.show_pairs(words.lines(outlook.lines))
            self.memory.show_pairs(words.taken(outlook))
        else:
            self.heading.setText(str(content or ""))
            self.warning.setText("")
            self.lines.show_pairs([])
            self.memory.show_pairs([])
        self.warning.setVisible(bool(self.warning.text()))
        self._memory_heading.setVisible(not self.memory.isHidden())

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the values below their names, or beside them."""
        self.lines.set_narrow(narrow=narrow)
        self.memory.set_narrow(narrow=narrow)
