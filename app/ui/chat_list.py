"""The chats as rows: a model with headings by day, and how a row is drawn and renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.chats.records import Chat
from app.conversation.titles import UNTITLED
from app.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex
CHAT_ID = int(Qt.ItemDataRole.UserRole) + 1
HEADING = int(Qt.ItemDataRole.UserRole) + 2
BUSY = int(Qt.ItemDataRole.UserRole) + 3
ROW_PADDING = 16


@dataclass(frozen=True, slots=True)
class _Row:
    """A chat, or a heading where there is none."""

    text: str
    chat: Chat | None = None


def group(when: float, now: datetime) -> str:
    """Today, Yesterday or Earlier, by the computer's own calendar."""
    day = datetime.fromtimestamp(when, tz=now.tzinfo).date()
    if day >= now.date():
        return "Today"
    return "Yesterday" if day == now.date() - timedelta(days=1) else "Earlier"


class ChatListModel(QAbstractListModel):
    """The rows; a chat that is being answered shows it."""

    renamed = Signal(int, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._busy: set[int] = set()

    def show_chats(self, chats: Sequence[Chat]) -> None:
        """Replaces all rows."""
        now = datetime.now().astimezone()
        rows: list[_Row] = []
        heading = ""
        for chat in chats:
            wanted = group(chat.updated_at, now)
            if wanted != heading:
                heading = wanted
                rows.append(_Row(heading))
            rows.append(_Row(chat.title or UNTITLED, chat))
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def set_busy(self, chat_id: int, *, busy: bool) -> None:
        """Marks a chat whose answer is being made."""
        (self._busy.add if busy else self._busy.discard)(chat_id)
        index = self.index_of(chat_id)
        if index.isValid():
            self.dataChanged.emit(index, index)

    def index_of(self, chat_id: int | None) -> QModelIndex:
        """Where a chat stands; invalid where it does not."""
        for row, entry in enumerate(self._rows):
            if entry.chat is not None and entry.chat.id == chat_id:
                return self.index(row)
        return QModelIndex()

    def chat_at(self, index: Index) -> Chat | None:
        """The chat of a row."""
        return self._rows[index.row()].chat if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """How many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text and marks of a row."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.text if row.chat else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            busy = row.chat is not None and row.chat.id in self._busy
            return f"{row.text}, answering" if busy else row.text
        if role == CHAT_ID:
            return row.chat.id if row.chat else None
        if role == HEADING:
            return row.chat is None
        if role == BUSY:
            return row.chat is not None and row.chat.id in self._busy
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Takes a new title from the editor."""
        chat = self.chat_at(index)
        title = " ".join(str(value).split())
        if role != Qt.ItemDataRole.EditRole or chat is None or not title or title == chat.title:
            return False
        self.renamed.emit(chat.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings can't be selected."""
        if self.chat_at(index) is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag
        return flags.ItemIsEnabled | flags.ItemIsSelectable | flags.ItemIsEditable


class ChatDelegate(QStyledItemDelegate):
    """Draws a heading, or a chat with a dot while it is being answered."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        """Headings have air above them."""
        line = self._theme.metric("ui_font")
        return QSize(0, round(line * (2.7 if index.data(HEADING) else 2.6)))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The row."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        if index.data(HEADING):
            font = self._theme.small_font()
            font.setWeight(QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(self._theme.colour("muted"))
            area = rect.adjusted(ROW_PADDING, 0, -ROW_PADDING, -4)
            painter.drawText(area, Qt.AlignmentFlag.AlignBottom, str(index.data()))
        else:
            self._paint_chat(painter, rect, state, index)
        painter.restore()

    def _paint_chat(
        self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, index: Index
    ) -> None:
        ground = rect.adjusted(6, 1, -6, -1)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(Qt.PenStyle.NoPen)
        if selected or hovered:
            painter.setBrush(self._theme.colour("pressed" if selected else "hover"))
            painter.drawRoundedRect(ground, 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._theme.colour("accent"))
            painter.drawRoundedRect(ground, 6, 6)
        font = QFont(self._theme.text_font())
        font.setPixelSize(self._theme.metric("ui_font"))
        painter.setFont(font)
        painter.setPen(self._theme.colour("text"))
        area = ground.adjusted(ROW_PADDING - 6, 0, -8, 0)
        if index.data(BUSY):
            painter.setBrush(self._theme.colour("accent"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(area.right() - 8, area.center().y() - 3, 7, 7)
            painter.setPen(self._theme.colour("text"))
            area.setRight(area.right() - 16)
        text = painter.fontMetrics().elidedText(
            str(index.data()), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, text)

    def createEditor(
        self, parent: QWidget, _option: QStyleOptionViewItem, _index: Index
    ) -> QWidget:
        """A plain line to rename the chat."""
        editor = QLineEdit(parent)
        editor.setObjectName("renameField")
        editor.setAccessibleName("Name of the chat")
        return editor

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Hands the new title over."""
        if isinstance(editor, QLineEdit):
            model.setData(index, editor.text())
