"""The top of the settings: the way back, the heading, and the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QLayout, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.search_line import SearchLine
from app.ui.words import Words, is_mirrored

if TYPE_CHECKING:
    from app.ui.icons import Icons

SEARCH_LETTERS = 34
TOP, BAR = 16, 12  # pixels, above everything and of the scroll bar


class Head(QWidget):
    """The search stands beside the heading, or below it where it is narrow."""

    left = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        back = text_button("Back to the chat", "link", self, "settingsBackButton")
        back.setIcon(icons.get("right" if is_mirrored(self) else "left", "accent"))
        back.clicked.connect(self.left)
        self.search = SearchLine(icons, self, "settingsSearch", "Search the settings")
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(12)
        self._top.addWidget(Words("Settings", self, "title"), 1)
        self._top.addWidget(self.search)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(8)
        self._column.addWidget(back, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addLayout(self._top)

    def set_narrow(self, *, narrow: bool) -> None:
        """Lays it out for little room, where it scrolls with the rest, or for much."""
        direction = QBoxLayout.Direction
        self._top.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        letter = self.fontMetrics().averageCharWidth()
        self.search.setMinimumWidth(0 if narrow else SEARCH_LETTERS * letter)
        set_margins(self._column, self, (0, TOP, 0 if narrow else BAR, 0))


def set_margins(layout: QLayout, widget: QWidget, margins: tuple[int, int, int, int]) -> None:
    """Left, top, right and bottom in pixels; Qt itself does not mirror them."""
    left, top, right, bottom = margins
    if is_mirrored(widget):
        left, right = right, left
    layout.setContentsMargins(left, top, right, bottom)
