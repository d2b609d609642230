"""What all controls of settings have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row


class Field(QWidget):
    """The control of one setting: it shows a value, and gives the one that is typed."""

    edited = Signal()  # there is another value to be had
    wanted = Signal()  # something that only others know is to be shown; `take` gets it
    acted = Signal(object)  # a button was pressed that no setting belongs to

    is_wide = False  # it takes the whole width, below its name

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.row = row
        self.icons = icons
        self.line = QHBoxLayout(self)
        self.line.setContentsMargins(0, 0, 0, 0)
        self.line.setSpacing(8)

    @property
    def target(self) -> QWidget:
        """What takes the keyboard."""
        return self

    def value(self) -> object:
        """What is typed. Raises WrongValue."""
        raise NotImplementedError

    def show_value(self, value: object) -> None:
        """Shows what is set, without telling of it."""
        with QSignalBlocker(self.target):
            self.display(value)

    def display(self, value: object) -> None:
        """Puts a value into the control."""

    def take(self, content: object) -> None:
        """Gets what it has asked for by `wanted`."""

    def show_wrong(self, text: str) -> None:
        """Marks the control; "" for what is right. The text itself stands below it."""
        target = self.target
        target.setProperty("invalid", bool(text))
        target.setAccessibleDescription(text or self.row.sentence)
        target.style().unpolish(target)
        target.style().polish(target)

    def set_narrow(self, *, narrow: bool) -> None:
        """Lays the control out for little room, or for much."""

    def dress(self, control: QWidget) -> None:
        """Gives the control its names."""
        control.setObjectName(f"setting-{self.row.key}")
        control.setAccessibleName(self.row.name)
        control.setAccessibleDescription(self.row.sentence)

    def add(self, control: QWidget, *, stretch: int = 0) -> None:
        """Puts the control into its place, with its names."""
        self.dress(control)
        self.line.addWidget(control, stretch)

    def add_unit(self, text: str) -> None:
        """Says in what the value is measured."""
        if text:
            label = QLabel(text, self)
            label.setProperty("role", "muted")
            self.line.addWidget(label)
