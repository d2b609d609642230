"""The compared models as a table: a row for each, or where it is narrow all cells in one column."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.llm.comparing import Cell, Row
from app.llm.load_ways import Way
from app.ui.settings import compare_words as words
from app.ui.settings.compare_words import Candidate, Order

if TYPE_CHECKING:
    from collections.abc import Iterable

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class Kind(Enum):
    """What stands at a place."""

    CELL = "cell"
    NAME = "name"  # a model's, above its cells
    PROBLEM = "problem"  # why a model has no cells


class Spot(NamedTuple):
    """What stands at a place of the table."""

    kind: Kind
    row: Row
    way: Way | None = None

    @property
    def cell(self) -> Cell | None:
        """None where it is not reckoned yet, and for a name or a problem."""
        return self.row.cells.get(self.way) if self.way is not None else None


class CompareModel(QAbstractTableModel):
    """Rows are put in as they come, each at its place in the order."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._ways: tuple[Way, ...] = ()
        self._known: Mapping[str, Candidate] = {}
        self._order = Order.NAME
        self._is_stacked = False
        self._spots: list[Spot] = []  # from above to below, where all stand in one column

    @property
    def is_stacked(self) -> bool:
        """Whether all cells stand in one column."""
        return self._is_stacked

    def show_rows(
        self,
        rows: Iterable[Row],
        ways: Sequence[Way],
        known: Mapping[str, Candidate],
        order: Order,
    ) -> None:
        """Shows these, in place of what was there."""
        self.beginResetModel()
        self._ways, self._known, self._order = tuple(ways), known, order
        self._rows = sorted(rows, key=self._place)
        self._fill()
        self.endResetModel()

    def put(self, row: Row) -> None:
        """Adds a row, or shows it anew."""
        at = next((n for n, one in enumerate(self._rows) if one.path == row.path), None)
        if at is None:
            self._insert(row)
        elif self._place(self._rows[at]) == self._place(row) and not row.problem:
            self._rows[at] = row
            self._fill()
            last = self.index(self.rowCount() - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)
        else:
            rows = [*self._rows[:at], *self._rows[at + 1 :], row]
            self.show_rows(rows, self._ways, self._known, self._order)

    def set_stacked(self, *, stacked: bool) -> None:
        """Puts all cells below each other, or beside each other."""
        if stacked is not self._is_stacked:
            self.beginResetModel()
            self._is_stacked = stacked
            self._fill()
            self.endResetModel()

    def spot(self, index: Index) -> Spot | None:
        """What stands there."""
        if not index.isValid():
            return None
        if self._is_stacked:
            return self._spots[index.row()]
        row = self._rows[index.row()]
        if row.problem:
            return Spot(Kind.PROBLEM, row)
        return Spot(Kind.CELL, row, self._ways[index.column()])

    def index_of(self, path: str, way: Way | None) -> QModelIndex:
        """Where a cell stands, or the problem of a model; invalid where it does not."""
        if self._is_stacked:
            for number, spot in enumerate(self._spots):
                if spot.row.path == path and spot.way == way and spot.kind is not Kind.NAME:
                    return self.index(number, 0)
            return NOWHERE
        for number, row in enumerate(self._rows):
            if row.path == path and (way in self._ways or row.problem):
                return self.index(number, self._ways.index(way) if way in self._ways else 0)
        return NOWHERE

    def first(self) -> QModelIndex:
        """The first cell; invalid where there is none."""
        return self.index_of(self._rows[0].path, self._ways[0]) if self._rows else NOWHERE

    def name(self, row: Row) -> str:
        """The model's, as the person calls it."""
        known = self._known.get(row.path)
        return known.name if known is not None else row.name

    def facts(self, row: Row) -> str:
        """What is said below its name."""
        known = self._known.get(row.path)
        if known is None:
            return ""
        return " · ".join(filter(None, (known.facts, "loaded" if known.is_loaded else "")))

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """How many rows there are."""
        if parent.isValid():
            return 0
        return len(self._spots) if self._is_stacked else len(self._rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """A column for each way, or one for all."""
        if parent.isValid():
            return 0
        return 1 if self._is_stacked else len(self._ways)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """A name among the cells cannot be chosen."""
        spot = self.spot(index)
        if spot is None or spot.kind is Kind.NAME:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The texts of a place."""
        spot, make = self.spot(index), self._MADE.get(role)
        return make(self, spot) if spot is not None and make is not None else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The ways above, and the models at the side."""
        texts = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
        if self._is_stacked or role not in texts:
            return None
        if orientation is Qt.Orientation.Horizontal:
            way = self._ways[section]
            is_shown = role == Qt.ItemDataRole.DisplayRole
            return words.heading(way) if is_shown else words.phrase(way)
        row = self._rows[section]
        return ", ".join(filter(None, (self.name(row), self.facts(row))))

    def row_at(self, section: int) -> Row:
        """The model beside which a row of the table stands."""
        return self._rows[section]

    def _text(self, spot: Spot) -> str:
        if spot.kind is Kind.NAME:
            return self.name(spot.row)
        return spot.row.problem or "\n".join(words.lines(spot.cell) if spot.cell else ())

    def _tip(self, spot: Spot) -> str:
        return words.sentence(spot.cell) if spot.cell is not None else spot.row.problem

    def _said(self, spot: Spot) -> str:
        name = self.name(spot.row)
        if spot.cell is not None:
            return words.spoken(name, spot.cell)
        return f"{name}: {spot.row.problem}" if spot.row.problem else name

    _MADE: ClassVar[Mapping[int, Callable[[CompareModel, Spot], Any]]] = {
        int(Qt.ItemDataRole.DisplayRole): _text,
        int(Qt.ItemDataRole.ToolTipRole): _tip,
        int(Qt.ItemDataRole.AccessibleTextRole): _said,
        int(Qt.ItemDataRole.AccessibleDescriptionRole): _tip,
    }

    def _place(self, row: Row) -> Any:
        return words.place(self._order)(self.name(row), row)

    def _insert(self, row: Row) -> None:
        at = bisect_right(self._rows, self._place(row), key=self._place)
        rows = [*self._rows[:at], row, *self._rows[at:]]
        first = sum(len(self._block(one)) for one in rows[:at]) if self._is_stacked else at
        count = len(self._block(row)) if self._is_stacked else 1
        self.beginInsertRows(NOWHERE, first, first + count - 1)
        self._rows = rows
        self._fill()
        self.endInsertRows()

    def _fill(self) -> None:
        self._spots = [spot for row in self._rows for spot in self._block(row)]

    def _block(self, row: Row) -> list[Spot]:
        """A model in one column: its name, and its cells below it."""
        if row.problem:
            return [Spot(Kind.NAME, row), Spot(Kind.PROBLEM, row)]
        return [Spot(Kind.NAME, row), *(Spot(Kind.CELL, row, way) for way in self._ways)]
