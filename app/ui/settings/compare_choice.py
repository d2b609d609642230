"""Which models are compared: a list with a mark for each, and a search where there are many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QFrame,
    QListView,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from app.ui.controls import text_button
from app.ui.search_line import SearchLine
from app.ui.words import Words, isolated

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleOptionViewItem

    from app.ui.icons import Icons
    from app.ui.settings.compare_words import Candidate

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
MANY = 8  # models, from which on there is a search
ROWS = 7.5  # that are seen at once at most
ROOM = 10  # pixels of a row beside its text
NOTHING = "No model has all these words."


class ChoiceModel(QAbstractListModel):
    """The models that the search lets through, each marked or not."""

    marked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._view = parent
        self._shown: list[Candidate] = []
        self.paths: set[str] = set()  # of the models that are marked

    @property
    def shown(self) -> Sequence[Candidate]:
        """What is seen."""
        return self._shown

    def show_models(self, models: Iterable[Candidate]) -> None:
        """Shows these."""
        self.beginResetModel()
        self._shown = list(models)
        self.endResetModel()

    def mark(self, paths: Iterable[str]) -> None:
        """Marks these and no others."""
        self.paths = set(paths)
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))
        self.marked.emit()

    def toggle(self, index: Index) -> None:
        """Marks a model, or takes the mark away."""
        self.mark(self.paths ^ {self._shown[index.row()].path})

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """How many are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def flags(self, _index: Index) -> Qt.ItemFlag:
        """Each can be marked."""
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual | Qt.ItemFlag.ItemIsUserCheckable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A model's name with its facts, and its mark."""
        make = self._MADE.get(role)
        return make(self, self._shown[index.row()]) if index.isValid() and make else None

    def _text(self, model: Candidate) -> str:
        return isolated(_said(model), self._view)

    def _check(self, model: Candidate) -> Qt.CheckState:
        return Qt.CheckState.Checked if model.path in self.paths else Qt.CheckState.Unchecked

    _MADE: ClassVar[Mapping[int, Callable[[ChoiceModel, Candidate], Any]]] = {
        int(Qt.ItemDataRole.DisplayRole): _text,
        int(Qt.ItemDataRole.AccessibleTextRole): lambda _self, model: _said(model),
        int(Qt.ItemDataRole.ToolTipRole): lambda _self, model: model.path,
        int(Qt.ItemDataRole.CheckStateRole): _check,
    }


class MarkDelegate(QStyledItemDelegate):
    """A press anywhere on a row marks it, as Space does."""

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, _option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Toggles the mark."""
        is_press = (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() is Qt.MouseButton.LeftButton
        )
        is_space = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space
        if (is_press or is_space) and isinstance(model, ChoiceModel):
            model.toggle(index)
            return True
        return False


class CompareChoice(QFrame):
    """Tells of each change of what is marked."""

    changed = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("compareChoice")
        self.setProperty("role", "card")
        self._models: tuple[Candidate, ...] = ()
        self.search = SearchLine(icons, self, "compareSearch", "Search the models")
        self.search.textChanged.connect(self._filter)
        self.list = QListView(self)
        self.marks = ChoiceModel(self.list)
        self._make_list()
        self._nothing = Words(NOTHING, self, "muted")
        every = text_button("Mark all of these", "link", self, "compareMarkAll")
        every.clicked.connect(lambda: self._mark_shown(marked=True))
        none = text_button("Mark none of these", "link", self, "compareMarkNone")
        none.clicked.connect(lambda: self._mark_shown(marked=False))
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.addWidget(every, 0, Qt.AlignmentFlag.AlignLeft)
        self._buttons.addWidget(none, 0, Qt.AlignmentFlag.AlignLeft)
        self._buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 8)
        column.setSpacing(8)
        for part in (self.search, self._nothing, self.list):
            column.addWidget(part)
        column.addLayout(self._buttons)

    @property
    def chosen(self) -> list[str]:
        """The paths of the marked models, in the order of the list."""
        return [one.path for one in self._models if one.path in self.marks.paths]

    def show_models(self, models: Sequence[Candidate], marked: Iterable[str]) -> None:
        """The models of the library, of which some are marked."""
        self._models = tuple(models)
        self.search.setVisible(len(self._models) > MANY)
        self._filter()
        self.marks.mark(marked)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the buttons below each other, or beside each other."""
        direction = QBoxLayout.Direction
        self._buttons.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)

    def _make_list(self) -> None:
        self.list.setObjectName("compareModels")
        self.list.setAccessibleName("Models to compare")
        self.list.setModel(self.marks)
        self.list.setItemDelegate(MarkDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.marks.marked.connect(self.changed)

    def _filter(self) -> None:
        wanted = self.search.text().casefold().split()
        shown = [
            one for one in self._models if all(word in _said(one).casefold() for word in wanted)
        ]
        self.marks.show_models(shown)
        self._nothing.setVisible(not shown)
        self.list.setVisible(bool(shown))
        height = self.list.sizeHintForRow(0) if shown else 0
        self.list.setFixedHeight(round(min(ROWS, len(shown)) * height) + 2)

    def _mark_shown(self, *, marked: bool) -> None:
        shown = {one.path for one in self.marks.shown}
        self.marks.mark(self.marks.paths | shown if marked else self.marks.paths - shown)


def _said(model: Candidate) -> str:
    return " · ".join(filter(None, (model.name, model.facts, "loaded" if model.is_loaded else "")))
