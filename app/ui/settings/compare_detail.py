"""Everything about one cell of the comparison, and the button that has the model loaded so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.llm.comparing import Fits
from app.ui.controls import text_button
from app.ui.settings import compare_words as words
from app.ui.settings.compare_model import Kind, Spot
from app.ui.settings.hardware_pairs import Pairs
from app.ui.words import Words, breakable

if TYPE_CHECKING:
    from app.ui.icons import Icons

LOAD, LOADED = "Load it so", "It is loaded so"
KEPT = "The model is loaded this way from now on, until you set it otherwise."
WAITING = "This is being reckoned."
MARK = 20  # pixels at least


class CompareDetail(QFrame):
    """The cell that is chosen in the table."""

    load_wanted = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("compareDetail")
        self.setProperty("role", "card")
        self._icons = icons
        self._mark = QLabel(self)
        self.heading = Words("", self, "strong")
        self.heading.setObjectName("compareHeading")
        self.sentence = Words("", self)
        self.sentence.setObjectName("compareSentence")
        self.facts = Pairs(self)
        self.load = text_button(LOAD, "primary", self, "compareLoad")
        self.load.clicked.connect(self.load_wanted)
        self._about = Words(KEPT, self, "small")
        for label in (self.heading, self.sentence, self._about):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.heading, 1)
        texts = QVBoxLayout()
        texts.setSpacing(4)
        texts.addLayout(top)
        texts.addWidget(self.sentence)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        self._upper = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._upper.setSpacing(12)
        self._upper.addLayout(texts, 1)
        self._upper.addWidget(self.load, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        column.addLayout(self._upper)
        column.addWidget(self._about)
        column.addWidget(self.facts)
        self.hide()

    def show_spot(self, name: str, spot: Spot | None) -> None:
        """A cell of the model of that name, or why it has none."""
        self.setVisible(spot is not None and spot.kind is not Kind.NAME)
        if spot is None:
            return
        cell = spot.cell
        fits = cell.fits if cell is not None else Fits.NEVER
        side = max(MARK, self.heading.fontMetrics().height())
        self._mark.setPixmap(self._icons.get(*words.MARKS[fits]).pixmap(side, side))
        self._mark.setVisible(cell is not None or bool(spot.row.problem))
        way = f": {words.phrase(spot.way)}" if spot.way is not None else ""
        self.heading.setText(breakable(f"{name}{way}"))
        said = words.sentence(cell) if cell is not None else spot.row.problem or WAITING
        self.sentence.setText(breakable(said))
        can_load = cell is not None and cell.made is not None
        is_loaded = cell is not None and cell.is_loaded
        self.load.setVisible(can_load)
        self.load.setEnabled(not is_loaded)
        self.load.setText(LOADED if is_loaded else LOAD)
        self.load.setAccessibleName(f"{self.load.text()}: {name}{way}")
        self._about.setVisible(can_load and not is_loaded)
        self.facts.show_pairs(words.pairs(cell) if cell is not None else [])

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the values below their names, or beside them."""
        direction = QBoxLayout.Direction
        self._upper.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self.facts.set_narrow(narrow=narrow)
