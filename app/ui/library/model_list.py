"""The models of the library as rows of a list, and how a row is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.library import describing
from app.library.records import LibraryModel, Presence
from app.ui.library import row_words
from app.ui.words import isolated

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent

    from app.library.verdicts import Fit
    from app.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex
FACTS = int(Qt.ItemDataRole.UserRole) + 1
STATE = int(Qt.ItemDataRole.UserRole) + 2
USABLE = int(Qt.ItemDataRole.UserRole) + 3
IN_USE = int(Qt.ItemDataRole.UserRole) + 4
MORE = int(Qt.ItemDataRole.UserRole) + 5
PADDING = 12  # pixels around a row's text
GAP = 2  # pixels between its lines


class ModelListModel(QAbstractListModel):
    """The rows, in the order in which they are given."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._models: tuple[LibraryModel, ...] = ()
        self._fits: Mapping[Path, Fit] = {}
        self._in_use: Path | None = None

    def show_models(
        self, models: Sequence[LibraryModel], fits: Mapping[Path, Fit], in_use: Path | None
    ) -> None:
        """Replaces all rows; `in_use` is the file of the model that is loaded."""
        shown = tuple(models)
        if shown == self._models and fits == self._fits and in_use == self._in_use:
            return
        if [one.path for one in shown] == [one.path for one in self._models]:
            self._models, self._fits, self._in_use = shown, fits, in_use
            if shown:
                self.dataChanged.emit(self.index(0), self.index(len(shown) - 1))
            return
        self.beginResetModel()
        self._models, self._fits, self._in_use = shown, fits, in_use
        self.endResetModel()

    def model_at(self, index: Index) -> LibraryModel | None:
        """The model of a row."""
        return self._models[index.row()] if index.isValid() else None

    def fit_of(self, model: LibraryModel) -> Fit | None:
        """Whether it fits this computer, where that is known."""
        return self._fits.get(model.path)

    def index_of(self, path: Path | None) -> QModelIndex:
        """Where a model stands; invalid where it does not."""
        for row, model in enumerate(self._models):
            if model.path == path:
                return self.index(row)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """How many rows there are."""
        return 0 if parent.isValid() else len(self._models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The texts and marks of a row."""
        model = self.model_at(index)
        make = self._MADE.get(role)
        return make(self, model) if model is not None and make is not None else None

    def _state(self, model: LibraryModel) -> str:
        return "in use" if self._is_in_use(model) else describing.state(model, self.fit_of(model))

    def _said(self, model: LibraryModel) -> str:
        """The row for a screen reader."""
        known = (model.name, self._state(model), describing.line(model), _more(model))
        return ", ".join(filter(None, known))

    def _is_in_use(self, model: LibraryModel) -> bool:
        return self._in_use is not None and model.path == self._in_use

    _MADE: ClassVar[Mapping[int, Callable[[ModelListModel, LibraryModel], Any]]] = {
        int(Qt.ItemDataRole.DisplayRole): lambda _self, model: model.name,
        int(Qt.ItemDataRole.ToolTipRole): lambda _self, model: str(model.path),
        int(Qt.ItemDataRole.AccessibleTextRole): _said,
        FACTS: lambda _self, model: describing.line(model),
        MORE: lambda _self, model: _more(model),
        STATE: _state,
        USABLE: lambda _self, model: model.presence is Presence.HERE,
        IN_USE: _is_in_use,
    }


class ModelList(QListView):
    """Arrow keys move, Enter loads, F2 renames, Delete deletes."""

    load_pressed = Signal()
    rename_pressed = Signal()
    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Asks for what the key means to be done with the chosen model."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_pressed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.load_pressed.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The first model is chosen where none was, so that the keys mean something."""
        super().focusInEvent(event)
        if not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))


class ModelDelegate(QStyledItemDelegate):
    """Draws three lines: the name with the verdict at the other end, and the facts below."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._view = parent

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        """The same for every row."""
        strong, small = self._fonts(option)
        height = QFontMetrics(strong).height() + 2 * (GAP + QFontMetrics(small).height())
        return QSize(0, height + 2 * (PADDING - 4))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draws the row; what cannot be used now is muted."""
        painter.save()
        state = option.state
        rect: QRect = option.rect
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        self._draw_back(painter, rect, state, is_selected=is_selected)
        strong, small = self._fonts(option)
        inside = rect.adjusted(PADDING, PADDING - 4, -PADDING, -(PADDING - 4))
        upper = QRect(inside.left(), inside.top(), inside.width(), QFontMetrics(strong).height())
        line = QFontMetrics(small).height()
        middle = QRect(inside.left(), upper.bottom() + GAP, inside.width(), line + 1)
        lower = middle.translated(0, line + GAP)
        is_usable = bool(index.data(USABLE))
        said = str(index.data(STATE))
        said_width = min(QFontMetrics(small).horizontalAdvance(said), inside.width() // 2)
        name_width = inside.width() - (said_width + PADDING if said else 0)
        is_mirrored = option.direction == Qt.LayoutDirection.RightToLeft
        name_at = upper.left() + (inside.width() - name_width if is_mirrored else 0)
        said_at = upper.left() if is_mirrored else upper.right() - said_width
        self._text(
            painter,
            QRect(name_at, upper.top(), name_width, upper.height()),
            index.data(),
            strong,
            "text" if is_usable else "muted",
        )
        role = "accent" if index.data(IN_USE) else "muted"
        place = QRect(said_at, upper.top(), said_width + 1, upper.height())
        self._text(painter, place, said, small, role)
        self._text(painter, middle, index.data(FACTS), small, "muted")
        self._text(painter, lower, index.data(MORE), small, "muted")
        painter.restore()

    def _draw_back(
        self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, *, is_selected: bool
    ) -> None:
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = rect.adjusted(2, 1, -2, -1)
        radius = self._theme.metric("radius")
        if is_selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent_soft" if is_selected else "hover"))
            painter.drawRoundedRect(box, radius, radius)
        if is_selected and bool(state & QStyle.StateFlag.State_HasFocus):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._theme.colour("accent"))
            painter.drawRoundedRect(box, radius, radius)

    def _text(self, painter: QPainter, place: QRect, text: str, font: QFont, role: str) -> None:
        painter.setFont(font)
        painter.setPen(self._theme.colour(role))
        fitting = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(
            place,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading,
            isolated(fitting, self._view),
        )

    def _fonts(self, option: QStyleOptionViewItem) -> tuple[QFont, QFont]:
        strong = QFont(option.font)
        strong.setPixelSize(self._theme.metric("ui_font"))
        strong.setWeight(QFont.Weight.DemiBold)
        return strong, self._theme.small_font()


def _more(model: LibraryModel) -> str:
    return row_words.more(model, datetime.now().astimezone())
