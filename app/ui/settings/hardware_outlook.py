"""How a model would be loaded as it is set now: what it would take, and what stands against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.settings import hardware_words as words
from app.ui.settings.hardware_pairs import Pairs
from app.ui.words import Words

if TYPE_CHECKING:
    from app.llm.workbench import Outlook, Sheet


class OutlookView(QWidget):
    """The memory and the warnings; the rest of the plan only where it would change."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.heading = Words("", self, "strong")
        self.heading.setObjectName("outlookHeading")
        self.warning = Words("", self, "error")
        self.warning.setObjectName("outlookWarning")
        self.memory, self.changes = Pairs(self), Pairs(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        for part in (self.heading, self.warning, self.memory, self.changes):
            column.addWidget(part)

    def show_outlook(self, outlook: Outlook, sheet: Sheet) -> None:
        """What it would be like."""
        self.heading.setText(_heading(outlook, sheet))
        self.warning.setText(" ".join(outlook.warnings))
        self.warning.setVisible(bool(outlook.warnings))
        self.memory.show_pairs(words.taken(outlook))
        known = {one.choice: one.value for one in sheet.present.lines}
        changed = [one for one in outlook.lines if known.get(one.choice) != one.value]
        self.changes.show_pairs(words.lines(changed))

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the values below their names, or beside them."""
        self.memory.set_narrow(narrow=narrow)
        self.changes.set_narrow(narrow=narrow)


def _heading(outlook: Outlook, sheet: Sheet) -> str:
    if outlook.made is None:
        return "It could not be loaded so:"
    if sheet.bench.is_loaded and not outlook.differs:
        return "It is loaded so, and takes:"
    return "Loaded so, it would take:"
