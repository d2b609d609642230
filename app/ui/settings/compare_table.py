"""The table of models and ways to load them; where it is narrow, all cells stand in one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView

from app.ui.settings.compare_cells import LONGEST_LINE, USUAL_NAME, CellDelegate, NameHeader, Pen
from app.ui.settings.compare_model import CompareModel, Kind, Spot

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from app.llm.comparing import Row
    from app.llm.load_ways import Way
    from app.ui.icons import Icons
    from app.ui.settings.compare_words import Candidate, Order
    from app.ui.theme import Theme

NAME_SHARE = 0.34  # of the width, that the names take at most
LEAST_CELLS = 2  # beside a name; where there is no room for as many, they stand below each other
ROWS = 6.5  # that are seen at once at most: the half one says that there are more


class CompareTable(QTableView):
    """Arrow keys move, Enter loads."""

    chosen = Signal()  # another cell, or none
    load_pressed = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("compareTable")
        self.setAccessibleName("Models, and ways to load them")
        self._pen = Pen(theme, self)
        self._cells = CompareModel(self)
        self._wanted: tuple[str, Way | None] | None = None  # the cell that is to be chosen
        self.setModel(self._cells)
        self.setItemDelegate(CellDelegate(self._pen, icons, self))
        self._names = NameHeader(self._pen, self)
        self.setVerticalHeader(self._names)
        self._make_calm()
        across = self.horizontalHeader()
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignBottom)
        self._cells.modelReset.connect(self._lay_out)
        self._cells.rowsInserted.connect(self._lay_out)
        self._cells.dataChanged.connect(lambda *_: self.chosen.emit())
        self.selectionModel().currentChanged.connect(lambda *_: self.chosen.emit())
        self.doubleClicked.connect(lambda _index: self.load_pressed.emit())

    def show_rows(
        self,
        rows: Sequence[Row],
        ways: Sequence[Way],
        known: Mapping[str, Candidate],
        order: Order,
    ) -> None:
        """Shows these rows, with the same cell chosen as before where it is still there."""
        self._remember()
        self._cells.show_rows(rows, ways, known, order)

    def put(self, row: Row) -> None:
        """Adds a row, or shows it anew."""
        self._remember()
        self._cells.put(row)

    def spot(self) -> Spot | None:
        """What is chosen."""
        return self._cells.spot(self.currentIndex())

    def name(self, row: Row) -> str:
        """A model's, as it is shown."""
        return self._cells.name(row)

    def choose(self, path: str, way: Way | None) -> None:
        """Chooses a cell, now or when it comes."""
        self._wanted = path, way
        self._choose_wanted()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter loads."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.load_pressed.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Puts the cells beside the names, or below them."""
        super().resizeEvent(event)
        self._follow_width()

    def _make_calm(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def _remember(self) -> None:
        spot = self.spot()
        if spot is not None:
            self._wanted = spot.row.path, spot.way

    def _choose_wanted(self) -> None:
        index = self._cells.index_of(*self._wanted) if self._wanted else self._cells.first()
        if index.isValid() and index != self.currentIndex():
            self.setCurrentIndex(index)
        self.chosen.emit()

    def _follow_width(self) -> None:
        cell, name = self._pen.width(LONGEST_LINE), self._pen.width(USUAL_NAME)
        name = min(name, max(cell, round(NAME_SHARE * self.width())))
        is_narrow = self.width() < name + LEAST_CELLS * cell
        if is_narrow is not self._cells.is_stacked:
            self._remember()
            self._cells.set_stacked(stacked=is_narrow)
        self._names.setVisible(not is_narrow)
        self.horizontalHeader().setVisible(not is_narrow)
        self._names.setFixedWidth(name)
        self._set_widths(cell)

    def _set_widths(self, least: int) -> None:
        """All columns alike: they share the room where there is enough."""
        across, count = self.horizontalHeader(), self._cells.columnCount()
        room = self.viewport().width()
        if count and room >= count * least:
            across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        else:
            across.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            for number in range(count):
                across.resizeSection(number, least)

    def _lay_out(self) -> None:
        """Spans, heights and widths, as they suit what is shown now."""
        self.clearSpans()
        columns = self._cells.columnCount()
        for number in range(self._cells.rowCount()):
            spot = self._cells.spot(self._cells.index(number, 0))
            is_name = spot is not None and spot.kind is Kind.NAME
            self.setRowHeight(number, self._pen.name_height if is_name else self._pen.height)
            if spot is not None and spot.kind is Kind.PROBLEM and columns > 1:
                self.setSpan(number, 0, 1, columns)
        self._follow_width()
        self._choose_wanted()
        self.updateGeometry()
        self.set_room(self._room)

    _room = 0

    def set_room(self, room: int) -> None:
        """As high as its rows, but no higher than `room` pixels."""
        self._room = room
        rows = self._names.length()
        across = self.horizontalHeader()
        head = across.sizeHint().height() if not across.isHidden() else 0
        is_whole = across.sectionResizeMode(0) is QHeaderView.ResizeMode.Stretch if rows else True
        bar = 0 if is_whole else self.horizontalScrollBar().sizeHint().height()
        most = min(max(room, 3 * self._pen.height), head + round(ROWS * self._pen.height))
        self.setFixedHeight(min(head + rows + bar, max(most, head + self._pen.height + bar)))
