"""A field to search in, with a button that clears it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.ui.icons import Icons


class SearchLine(QLineEdit):
    """Its button has the theme's colour, which Qt's own has not."""

    def __init__(self, icons: Icons, parent: QWidget, name: str, asking: str) -> None:
        """`name` is the object's; `asking` stands in the empty field and is its name."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setPlaceholderText(asking)
        self.setAccessibleName(asking)
        # Made here: of one that Qt makes, the Python side can be lost while it is in use.
        self._clear = QAction(icons.get("close", "muted"), "Clear the search", self)
        self._clear.setToolTip("Clear the search")
        self._clear.triggered.connect(self.clear)
        self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        self._clear.setVisible(False)  # not before: its button would be shown none the less
        self.textChanged.connect(self._typed)

    def _typed(self, text: str) -> None:
        self._clear.setVisible(bool(text))
