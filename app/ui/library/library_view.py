"""The models on this disk: found, filtered, looked at, and what can be done with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QGridLayout,
    QVBoxLayout,
    QWidget,
)

from app import wording
from app.library import listing
from app.library.records import Kind, LibraryModel, Snapshot, StoreProblem
from app.ui.choice import CalmChoice
from app.ui.library.model_card import ModelCard
from app.ui.library.model_list import ModelDelegate, ModelList, ModelListModel
from app.ui.library.space_box import SpaceBox
from app.ui.search_line import SearchLine
from app.ui.words import Words

if TYPE_CHECKING:
    from app.library.verdicts import Fit
    from app.ui.icons import Icons
    from app.ui.theme import Theme

EVERYTHING = ""
SHOWN_KINDS = (
    (EVERYTHING, "All kinds"),
    (Kind.CHAT.value, "Chat models"),
    (Kind.EMBEDDING.value, "Embedding models"),
    (Kind.ADAPTER.value, "Adapters"),
    (Kind.PROJECTOR.value, "Projectors"),
    ("vision", "With vision"),
    ("tools", "With tools"),
    ("thinking", "With reasoning"),
)
SORTS = (
    (listing.Order.NAME, "By name"),
    (listing.Order.USED, "Last used first"),
    (listing.Order.SIZE, "Largest first"),
    (listing.Order.PARAMETERS, "Most parameters first"),
    (listing.Order.CONTEXT, "Longest context first"),
    (listing.Order.ADDED, "Newest first"),
)
# Row, column, rows and columns of the four fields.
WIDE_PLACES = ((0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 1), (0, 3, 1, 1))
NARROW_PLACES = ((0, 0, 1, 2), (1, 0, 1, 1), (1, 1, 1, 1), (2, 0, 1, 2))
ROWS = 5.5  # of the list that are shown at most: the half one says that there are more
WIDE_LETTERS, NARROW_LETTERS = 9, 6  # of a filter at least
NOTHING_HERE = (
    "There is no model on this disk yet. “Get more” has models that fit this computer; a file "
    "that you have already is opened with the button above."
)


class LibraryView(QWidget):
    """A list with its filters, and below it the chosen model."""

    load_wanted = Signal(object)  # a LibraryModel
    rename_wanted = Signal(object, str)
    folder_wanted = Signal(object)
    delete_wanted = Signal(object)
    details_wanted = Signal(object)
    changes_wanted = Signal(object)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("libraryView")
        self._snapshot = Snapshot()
        self._fits: Mapping[Path, Fit] = {}
        self._in_use: Path | None = None
        self._wanted: Path | None = None  # to be chosen when it appears
        self._make_filters(icons)
        self._make_list(theme)
        self._make_texts()
        self.space = SpaceBox(self)
        self.card = ModelCard(self)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(12)
        self._connect_card()
        self.set_narrow(narrow=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._filters)
        column.addWidget(self._summary)
        column.addWidget(self._empty)
        self._middle.addWidget(self.list, 3)
        self._middle.addWidget(self.card, 2, Qt.AlignmentFlag.AlignTop)
        column.addLayout(self._middle)
        column.addWidget(self.space)
        self._refresh()

    def _make_list(self, theme: Theme) -> None:
        self._model = ModelListModel(self)
        self.list = ModelList(self)
        self.list.rename_pressed.connect(lambda: self.card.begin_rename())
        self.list.delete_pressed.connect(lambda: self._emit(self.delete_wanted))
        self.list.setObjectName("libraryList")
        self.list.setAccessibleName("Models on this disk")
        self.list.setModel(self._model)
        self.list.setItemDelegate(ModelDelegate(theme, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._chosen())
        # Not `activated`: on some desktops a single press does that.
        self.list.load_pressed.connect(self._load)
        self.list.doubleClicked.connect(lambda _index: self._load())
        self.search.returnPressed.connect(self._to_list)

    def _make_texts(self) -> None:
        self._empty = Words(NOTHING_HERE, self, "muted")
        self._empty.setObjectName("libraryEmpty")
        self._summary = Words("", self, "small")
        self._summary.setObjectName("librarySummary")

    def show_snapshot(
        self, snapshot: Snapshot, fits: Mapping[Path, Fit], in_use: Path | None
    ) -> None:
        """The models as the disk was last seen, and which of them is loaded."""
        self._snapshot, self._fits, self._in_use = snapshot, fits, in_use
        self._fill_programs()
        self._refresh()
        if self._wanted is not None:
            self.choose(self._wanted)

    def show_now(self) -> None:
        """Takes the keyboard."""
        self.search.setFocus()

    def chosen(self) -> LibraryModel | None:
        """The model whose card is shown."""
        return self._model.model_at(self.list.currentIndex())

    def choose(self, path: Path) -> None:
        """Shows the card of a model."""
        index = self._model.index_of(path)
        self._wanted = None if index.isValid() else path  # it may be shown in a moment
        if index.isValid():
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the filters below the search field, or beside it."""
        fields: tuple[QWidget, ...] = (self.search, self.kind, self.program, self.order)
        for field in fields:
            self._filters.removeWidget(field)
        for box in (self.kind, self.program, self.order):
            box.setMinimumContentsLength(NARROW_LETTERS if narrow else WIDE_LETTERS)
        places = NARROW_PLACES if narrow else WIDE_PLACES
        for field, place in zip(fields, places, strict=True):
            self._filters.addWidget(field, *place)
        self._filters.setColumnStretch(0, 1)
        self._filters.setColumnStretch(1, 1 if narrow else 0)
        direction = QBoxLayout.Direction
        self._middle.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self.card.set_narrow(narrow=narrow)
        self.space.set_narrow(narrow=narrow)

    def _make_filters(self, icons: Icons) -> None:
        self.search = SearchLine(icons, self, "librarySearch", "Search the models here")
        self.search.textChanged.connect(lambda _text: self._refresh())
        self.kind = CalmChoice(icons, self)
        self.kind.setObjectName("libraryKind")
        self.kind.setAccessibleName("Which kinds are shown")
        for value, label in SHOWN_KINDS:
            self.kind.addItem(label, value)
        self.program = CalmChoice(icons, self)
        self.program.setObjectName("libraryProgram")
        self.program.setAccessibleName("Whose models are shown")
        self.order = CalmChoice(icons, self)
        self.order.setObjectName("libraryOrder")
        self.order.setAccessibleName("In which order")
        for order, label in SORTS:
            self.order.addItem(label, order)
        self._filters = QGridLayout()
        self._filters.setSpacing(8)
        self._fill_programs()
        for box in (self.kind, self.program, self.order):
            box.currentIndexChanged.connect(lambda _index: self._refresh())

    def _connect_card(self) -> None:
        card = self.card
        card.load_wanted.connect(self._load)
        card.renamed.connect(lambda name: self._emit(self.rename_wanted, name))
        card.folder_wanted.connect(lambda: self._emit(self.folder_wanted))
        card.delete_wanted.connect(lambda: self._emit(self.delete_wanted))
        card.details_wanted.connect(lambda: self._emit(self.details_wanted))
        card.changes_wanted.connect(lambda: self._emit(self.changes_wanted))

    def _emit(self, signal: object, *more: object) -> None:
        model = self.chosen()
        if model is not None:
            signal.emit(model, *more)  # type: ignore[attr-defined]

    def _load(self) -> None:
        model = self.chosen()
        if model is not None and self.card.can_load:
            self.load_wanted.emit(model)

    def _to_list(self) -> None:
        """Takes the keyboard from the search to the first model that it has found."""
        if self._model.rowCount():
            if not self.list.currentIndex().isValid():
                self.list.setCurrentIndex(self._model.index(0))
            self.list.setFocus()

    def _fill_programs(self) -> None:
        programs = sorted({model.program for model in self._snapshot.models if model.program})
        wanted = [("Everybody's", None), ("Yours", ""), *((name, name) for name in programs)]
        if [self.program.itemData(row) for row in range(self.program.count())] == [
            data for _, data in wanted
        ]:
            return
        before = self.program.currentData()
        with QSignalBlocker(self.program):
            self.program.clear()
            for label, data in wanted:
                self.program.addItem(label, data)
            self.program.setCurrentIndex(max(0, self.program.findData(before)))

    def _refresh(self) -> None:
        """Shows what the filters let through, with the same model chosen as before."""
        before, row = self.chosen(), self.list.currentIndex().row()
        scrolled = self.list.verticalScrollBar().value()
        kind = self.kind.currentData()
        kinds = {each.value for each in Kind}
        shown = listing.arranged(
            self._snapshot.models,
            words=self.search.text(),
            kind=Kind(kind) if kind in kinds else None,
            feature=kind if kind and kind not in kinds else "",
            program=self.program.currentData(),
            order=self.order.currentData(),
        )
        self._model.show_models(shown, self._fits, self._in_use)
        if before is not None and self.chosen() is None:
            self._choose_again(before, row)
            self.list.verticalScrollBar().setValue(scrolled)
        self._empty.setVisible(not shown)
        self._empty.setText("Nothing here is like that." if self._snapshot.models else NOTHING_HERE)
        self.list.setVisible(bool(shown))
        rows = min(ROWS, len(shown))
        self.list.setMinimumHeight(round(rows * self.list.sizeHintForRow(0)) + 2 if shown else 0)
        self._show_summary(shown)
        self._chosen()

    def _choose_again(self, before: LibraryModel, row: int) -> None:
        """The same model after the rows have changed; where it has gone, what is there now."""
        index = self._model.index_of(before.path)
        if not index.isValid() and self.list.hasFocus():
            index = self._model.index(min(row, self._model.rowCount() - 1))
        self.list.selectionModel().setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )

    def _show_summary(self, shown: Sequence[LibraryModel]) -> None:
        count = len(shown)
        size = wording.size(sum(model.size for model in shown))
        problems = map(_said, self._snapshot.problems)
        counted = f"{count:,} model{'' if count == 1 else 's'}, {size}"
        self._summary.setText("\n".join((counted, *problems)))
        self._summary.setVisible(bool(shown or self._snapshot.problems))

    def _chosen(self) -> None:
        model = self.chosen()
        if model is None:
            self.card.hide()
            return
        in_use = model.path == self._in_use
        self.card.show_model(
            model, self._model.fit_of(model), datetime.now().astimezone(), is_in_use=in_use
        )
        self.card.show()


def _said(problem: StoreProblem) -> str:
    """Where models could not be looked for; a sentence that names the folder needs no more."""
    where = problem.program or str(problem.folder)
    is_named = not problem.program and where in problem.reason
    return problem.reason if is_named else f"{where}: {problem.reason}"
