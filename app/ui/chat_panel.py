"""The list of chats in the sidebar: open, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QListView, QMenu, QVBoxLayout, QWidget

from app.chats.records import Chat
from app.ui.chat_list import ChatDelegate, ChatListModel
from app.ui.theme import Theme


class ChatPanel(QWidget):
    """Tells what the person wants of the chats; the controller does it."""

    chat_chosen = Signal(int)
    rename_wanted = Signal(int, str)
    delete_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.chats = ChatListModel(self)
        self.chats.renamed.connect(self.rename_wanted)
        self._list = ChatList(self)
        self._list.setModel(self.chats)
        self._list.setItemDelegate(ChatDelegate(theme, self._list))
        self._list.clicked.connect(self._chosen)
        self._list.activated.connect(self._chosen)
        self._list.delete_pressed.connect(self._delete_current)
        self._list.customContextMenuRequested.connect(self._show_menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list)

    def show_chats(self, chats: Sequence[Chat], selected: int | None) -> None:
        """Fills the list, and marks the chat that is open."""
        if self._list.state() != QListView.State.EditingState:
            self.chats.show_chats(chats)
        self.select(selected)

    def select(self, chat_id: int | None) -> None:
        """Marks a chat, or none."""
        index = self.chats.index_of(chat_id)
        selection = self._list.selectionModel()
        if index.isValid():
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        else:
            selection.clear()

    def rename(self, chat_id: int) -> None:
        """Opens the field in which the chat is renamed."""
        index = self.chats.index_of(chat_id)
        if index.isValid():
            self._list.setFocus()
            self._list.edit(index)

    def _chosen(self, index: QModelIndex) -> None:
        chat = self.chats.chat_at(index)
        if chat is not None:
            self.chat_chosen.emit(chat.id)

    def _delete_current(self) -> None:
        chat = self.chats.chat_at(self._list.currentIndex())
        if chat is not None:
            self.delete_wanted.emit(chat.id)

    def _show_menu(self, at: QPoint) -> None:
        index = self._list.indexAt(at)
        chat = self.chats.chat_at(index)
        if chat is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", lambda: self.rename(chat.id))
        menu.addAction("Delete", lambda: self.delete_wanted.emit(chat.id))
        menu.popup(self._list.viewport().mapToGlobal(at))


class ChatList(QListView):
    """Arrow keys move, Enter opens, F2 renames, Delete deletes."""

    delete_pressed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("chatList")
        self.setAccessibleName("Chats")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete asks for the chat to be deleted; Enter opens it."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)
