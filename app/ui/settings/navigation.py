"""The list of sections: beside the settings, or as one line above them where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSignalBlocker, Signal
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QPushButton, QVBoxLayout, QWidget

from app.ui.choice import CalmChoice
from app.ui.controls import text_button

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Section


class Navigation(QWidget):
    """The arrow keys go through the sections; Tab leads on to the settings."""

    chosen = Signal(str)  # a section's name

    def __init__(self, sections: Sequence[Section], icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("settingsSections")
        self._buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._line = CalmChoice(icons, self)
        self._line.setObjectName("settingsSectionChoice")
        self._line.setAccessibleName("Section of the settings")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self._line)
        for section in sections:
            self._add(section)
        self._column.addStretch(1)
        self._line.activated.connect(lambda: self.chosen.emit(self._line.currentData()))
        self.set_narrow(narrow=False)

    @property
    def last(self) -> QWidget:
        """What Tab reaches last of it."""
        return list(self._buttons.values())[-1]

    def mark(self, name: str) -> None:
        """Marks the section that is shown; "" for none."""
        self._group.setExclusive(False)
        for each, button in self._buttons.items():
            button.setChecked(each == name)
        self._group.setExclusive(bool(name))
        with QSignalBlocker(self._line):
            self._line.setCurrentIndex(self._line.findData(name) if name else -1)

    def set_narrow(self, *, narrow: bool) -> None:
        """One line, or a list."""
        self._line.setVisible(narrow)
        for button in self._buttons.values():
            button.setVisible(not narrow)

    def event(self, event: QEvent) -> bool:
        """A title is bold where it is marked, and needs the room for that from the start."""
        if event.type() in (QEvent.Type.Polish, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            for button in self._buttons.values():
                button.ensurePolished()
                bold = QFont(button.font())
                bold.setWeight(QFont.Weight.DemiBold)
                text = QFontMetrics(bold).horizontalAdvance(button.text())
                usual = button.fontMetrics().horizontalAdvance(button.text())
                button.setMinimumWidth(button.sizeHint().width() + max(0, text - usual))
        return super().event(event)

    def _add(self, section: Section) -> None:
        button = text_button(section.title, "section", self, f"section-{section.name}")
        button.setCheckable(True)
        button.clicked.connect(lambda: self.chosen.emit(section.name))
        self._buttons[section.name] = button
        self._group.addButton(button)
        self._column.addWidget(button)
        self._line.addItem(section.title, section.name)
