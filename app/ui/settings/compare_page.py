"""Models and ways to load them beside each other, as a page that leads back to the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QHBoxLayout, QWidget

from app.llm.load_ways import WAYS, Varied, Way
from app.ui.choice import CalmChoice
from app.ui.controls import text_button
from app.ui.page import Page
from app.ui.settings.compare_choice import CompareChoice
from app.ui.settings.compare_detail import CompareDetail
from app.ui.settings.compare_table import CompareTable
from app.ui.settings.compare_words import Candidate, Order
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from app.llm.comparing import Row
    from app.ui.icons import Icons
    from app.ui.theme import Theme

ABOUT = (
    "What each model would take and how fast it is likely to answer, loaded in several ways. A "
    "figure with ≈ before it is foretold; a speed without it was measured."
)
CHOOSE, DONE = "Choose models", "Hide the models"
NO_MODELS = (
    "There is no chat model on this disk yet. Fetch one on the page of models, and compare it here."
)
NONE_CHOSEN = "Choose at least one model."
LOOKING = "Looking for the models on this disk…"
STOP, GO_ON = "Stop", "Go on"
VARIED = ((Varied.CONTEXT, "Contexts"), (Varied.CACHE, "KV caches"), (Varied.MEMORY, "Less memory"))
SORTS = (
    (Order.NAME, "By name"),
    (Order.MEMORY, "Least memory first"),
    (Order.SPEED, "Fastest first"),
)
LETTERS, FEW_LETTERS = 62, 44  # in less room the controls, and the switches, are below each other
PATIENCE = 400  # milliseconds of work that nothing is said of
TABLE_SHARE = 0.62  # of the page's height, that the table takes at most


class View(NamedTuple):
    """What is compared: enough to come back to it in another look."""

    chosen: frozenset[str]
    varied: frozenset[Varied]
    order: Order
    cell: tuple[str, Way | None] | None = None


class ComparePage(Page):
    """Says what is wanted; the rows are given to it."""

    wanted = Signal()  # other models, or other ways
    stopped = Signal(bool)  # whether it is to stop, or to go on
    load_wanted = Signal()
    widest = 1100
    back = "Back to the settings"

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__("Compare models", "compare", icons, parent)
        self._known: dict[str, Candidate] = {}
        self.rows: dict[str, Row] = {}  # by path; of models that are not chosen now too
        self._done = (0, 0)
        self._is_filling = False
        self._about = self.add_paragraph(ABOUT)
        self._empty = self.add_paragraph(LOOKING)
        self._empty.setObjectName("compareEmpty")
        self._make_controls(icons)
        self.choice = CompareChoice(icons, self.inside)
        self.choice.hide()
        self.choice.changed.connect(self._chosen_changed)
        self._make_progress()
        self.table = CompareTable(theme, icons, self.inside)
        self.table.chosen.connect(self._show_detail)
        self.table.load_pressed.connect(self._ask_to_load)
        self.detail = CompareDetail(icons, self.inside)
        self.detail.load_wanted.connect(self._ask_to_load)
        self.column.addLayout(self._controls)
        for part in (self.choice, self.table, self._working, self.detail):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self._show_parts()

    @property
    def ways(self) -> tuple[Way, ...]:
        """The columns."""
        varied = {Varied.NOTHING, *self._varied()}
        return tuple(way for way in WAYS if way.varied in varied)

    def view(self) -> View:
        """What is compared now."""
        spot = self.table.spot()
        cell = (spot.row.path, spot.way) if spot is not None else None
        return View(frozenset(self.choice.marks.paths), self._varied(), self._order, cell)

    def show_models(self, models: Sequence[Candidate], view: View | None = None) -> None:
        """The models that there are; `view` says which are compared, and how."""
        self._is_filling = True
        self._known = {one.path: one for one in models}
        if view is not None:
            for kind, box in self._boxes.items():
                box.setChecked(kind in view.varied)
            self.order.setCurrentIndex(self.order.findData(view.order))
            if view.cell is not None:
                self.table.choose(*view.cell)
        marked = view.chosen if view is not None else self.choice.marks.paths
        self.choice.show_models(models, marked & self._known.keys())
        self._is_filling = False
        self._empty.setText(NO_MODELS)
        self._show_parts()
        self._show_rows()

    def put(self, row: Row) -> None:
        """Adds a row, or shows it anew."""
        self.rows[row.path] = row
        if row.path in self.choice.marks.paths:
            self.table.put(row)
            self.table.show()

    def show_progress(self, done: int, of: int) -> None:
        """How many models have been reckoned; nothing is said of it when all have."""
        self._done = done, of
        if done >= of:
            self._soon.stop()
            self._working.hide()
        elif self._working.isHidden() and not self._soon.isActive():
            self._soon.start()  # a short work says nothing, and so moves nothing
        self._progress.setText(f"Reckoned: {done:,} of {of:,} models.")
        self._stop.setText(STOP)

    def show_stopped(self) -> None:
        """No more of them are reckoned."""
        done, of = self._done
        self._progress.setText(f"Stopped after {done:,} of {of:,} models.")
        self._stop.setText(GO_ON)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes back one step: the list of models is closed first."""
        if event.key() == Qt.Key.Key_Escape and not self.choice.isHidden():
            self._open_choice(is_open=False)
            self.choose.setFocus()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Puts the controls below each other where it is narrow."""
        super().resizeEvent(event)
        letters = self.viewport().width() // self.inside.fontMetrics().averageCharWidth()
        narrow = letters < LETTERS
        direction = QBoxLayout.Direction
        for line, least in ((self._controls, LETTERS), (self._switches, FEW_LETTERS)):
            is_narrow = letters < least
            line.setDirection(direction.TopToBottom if is_narrow else direction.LeftToRight)
        self.choice.set_narrow(narrow=narrow)
        self.detail.set_narrow(narrow=narrow)
        self.table.set_room(round(TABLE_SHARE * self.viewport().height()))

    def _make_controls(self, icons: Icons) -> None:
        self.choose = text_button(CHOOSE, "secondary", self.inside, "compareChoose")
        self.choose.clicked.connect(lambda: self._open_choice(is_open=self.choice.isHidden()))
        self._boxes: dict[Varied, QCheckBox] = {}
        self._switches = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._switches.setSpacing(16)
        for kind, name in VARIED:
            box = self._boxes[kind] = QCheckBox(name, self.inside)
            box.setObjectName(f"compare-{kind.value}")
            box.setChecked(kind is Varied.CONTEXT)
            box.setAccessibleDescription("Columns of the table")
            box.toggled.connect(lambda _on: self._ways_changed())
            self._switches.addWidget(box)
        self._switches.addStretch(1)
        self.order = CalmChoice(icons, self.inside)
        self.order.setObjectName("compareOrder")
        self.order.setAccessibleName("In which order")
        self.order.setMinimumContentsLength(12)
        for order, label in SORTS:
            self.order.addItem(label, order)
        self.order.currentIndexChanged.connect(lambda _index: self._show_rows())
        self._controls = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._controls.setSpacing(16)
        self._controls.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignLeft)
        self._controls.addLayout(self._switches)
        self._controls.addStretch(1)
        self._controls.addWidget(self.order)

    def _make_progress(self) -> None:
        self._working = QWidget(self.inside)
        self._progress = Words("", self._working, "muted")
        self._progress.setObjectName("compareProgress")
        self._stop = text_button(STOP, "link", self._working, "compareStop")
        self._stop.clicked.connect(lambda: self.stopped.emit(self._stop.text() == STOP))
        line = QHBoxLayout(self._working)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self._progress, 1)
        line.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignTop)
        self._working.hide()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PATIENCE)
        self._soon.timeout.connect(self._working.show)

    @property
    def _order(self) -> Order:
        return Order(self.order.currentData())  # Qt keeps the text alone

    def _varied(self) -> frozenset[Varied]:
        return frozenset(kind for kind, box in self._boxes.items() if box.isChecked())

    def _open_choice(self, *, is_open: bool) -> None:
        self.choice.setVisible(is_open)
        self._show_parts()
        if is_open:
            search = self.choice.search
            (search if search.isVisibleTo(self) else self.choice.list).setFocus()

    def _chosen_changed(self) -> None:
        if not self._is_filling:
            self._show_parts()
            self._show_rows()
            self.wanted.emit()

    def _ways_changed(self) -> None:
        if not self._is_filling:
            self._show_rows()
            self.wanted.emit()

    def _show_parts(self) -> None:
        """What suits the number of models: none, none chosen, or some."""
        count, of = len(self.choice.marks.paths), len(self._known)
        for part in (self._about, self.choose, self.order, *self._boxes.values()):
            part.setVisible(of > 0)
        self._empty.setVisible(not count)
        if of:
            self._empty.setText(NONE_CHOSEN)
        counted = f"{count} of {of:,}" if of != 1 else "the only one"
        self.choose.setText(f"{CHOOSE if self.choice.isHidden() else DONE} ({counted})")

    def _show_rows(self) -> None:
        if self._is_filling:
            return
        marked = self.choice.marks.paths
        rows = [row for path, row in self.rows.items() if path in marked]
        self.table.show_rows(rows, self.ways, self._known, self._order)
        self.table.setVisible(bool(rows))
        self._show_detail()

    def _show_detail(self) -> None:
        spot = self.table.spot()
        self.detail.show_spot(self.table.name(spot.row) if spot is not None else "", spot)

    def _ask_to_load(self) -> None:
        spot = self.table.spot()
        cell = spot.cell if spot is not None else None
        if cell is not None and cell.made is not None and not cell.is_loaded:
            self.table.setFocus()  # the button goes
            self.load_wanted.emit()


def is_complete(row: Row | None, ways: Iterable[Way]) -> bool:
    """Whether a row has all these cells, or says why it has none."""
    return row is not None and (bool(row.problem) or all(way in row.cells for way in ways))
