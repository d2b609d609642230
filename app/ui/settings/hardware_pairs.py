"""Names with their values, beside each other or, where it is narrow, below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui.words import Words, breakable

LETTERS = 24  # of the longest name that has a column for itself


class Pair(NamedTuple):
    """A name, its value, and what is to be said of it in small."""

    name: str
    value: str
    remark: str = ""


class Pairs(QWidget):
    """Labels are kept from one content to the next, so that nothing flickers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._is_narrow: bool | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self.set_narrow(narrow=False)

    def show_pairs(self, pairs: Sequence[Pair]) -> None:
        """Shows these, in place of what was there."""
        while len(self._rows) < len(pairs):
            self._rows.append(_Row(self))
            self._place(len(self._rows) - 1)
        for row in self._rows[len(pairs) :]:
            row.hide()
        for row, pair in zip(self._rows, pairs, strict=False):
            row.show_pair(pair)
        self.setVisible(bool(pairs))

    def texts(self) -> list[tuple[str, str, str]]:
        """What is shown."""
        return [row.texts() for row in self._rows if not row.name.isHidden()]

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the values below their names, or beside them."""
        if narrow is self._is_narrow:
            return
        self._is_narrow = narrow
        letter = self.fontMetrics().averageCharWidth()
        self._grid.setColumnMinimumWidth(0, 0 if narrow else LETTERS * letter)
        self._grid.setVerticalSpacing(2 if narrow else 8)
        for at in range(len(self._rows)):
            self._place(at)

    def _place(self, at: int) -> None:
        row, top = self._rows[at], Qt.AlignmentFlag.AlignTop
        self._grid.removeWidget(row.name)
        self._grid.removeWidget(row.box)
        if self._is_narrow:
            self._grid.addWidget(row.name, 2 * at, 0, 1, 2)
            self._grid.addWidget(row.box, 2 * at + 1, 0, 1, 2)
        else:
            self._grid.addWidget(row.name, 2 * at, 0, top)
            self._grid.addWidget(row.box, 2 * at, 1)
        row.box.layout().setContentsMargins(0, 0, 0, 6 if self._is_narrow else 0)  # type: ignore[union-attr]


class _Row:
    """The labels of one pair."""

    def __init__(self, parent: QWidget) -> None:
        self.name = Words("", parent, "muted")
        self.box = QWidget(parent)
        self._value = Words("", self.box)
        self._remark = Words("", self.box, "small")
        column = QVBoxLayout(self.box)
        column.setSpacing(0)
        for label in (self._value, self._remark):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            column.addWidget(label)

    def show_pair(self, pair: Pair) -> None:
        """Its texts."""
        self.name.setText(pair.name)
        self._value.setText(breakable(pair.value))
        self._remark.setText(breakable(pair.remark))
        self._remark.setVisible(bool(pair.remark))
        self.name.show()
        self.box.show()

    def hide(self) -> None:
        """Shows nothing."""
        self.name.hide()
        self.box.hide()

    def texts(self) -> tuple[str, str, str]:
        """What it shows."""
        return self.name.text(), self._value.text(), self._remark.text()
