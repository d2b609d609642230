"""The list of chats on the screen: kept current; renames, and deletes with undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.ui.services import Services
from app.ui.shell import Shell

if TYPE_CHECKING:
    from app.conversation.exchange import Exchange

Show = Callable[[int | None], Awaitable[None]]


class ChatListController(QObject):
    """Connects the list of chats with the history."""

    def __init__(
        self, shell: Shell, services: Services, open_chat: Callable[[], int | None], show: Show
    ) -> None:
        """`open_chat` tells which chat is on the screen, `show` puts another one there."""
        super().__init__(shell)
        self._shell = shell
        self._services = services
        self._open_chat = open_chat
        self._show = show
        shell.chats.rename_wanted.connect(self._rename)
        shell.chats.delete_wanted.connect(self.delete)

    async def refresh(self) -> None:
        """Reads the list anew."""
        chats = await self._services.store.chats()
        self._shell.chats.show_chats(chats, self._open_chat())

    def exchange_started(self, exchange: Exchange) -> None:
        """An answer began somewhere: its row shows it until it ends."""
        chats = self._shell.chats.chats
        chats.set_busy(exchange.chat_id, busy=True)

        def on_change(changed: Exchange) -> None:
            if changed.ending is not None:
                chats.set_busy(changed.chat_id, busy=False)

        exchange.subscribe(on_change)

    def delete(self, chat_id: int) -> None:
        """Deletes a chat, with undo."""
        self._services.tasks.spawn(self, self._delete(chat_id))

    def delete_current(self) -> None:
        """Deletes the chat on the screen, with undo."""
        chat_id = self._open_chat()
        if chat_id is not None:
            self.delete(chat_id)

    def rename_current(self) -> None:
        """Opens the field in which the chat on the screen is renamed."""
        chat_id = self._open_chat()
        if chat_id is not None:
            self._shell.chats.rename(chat_id)

    def _rename(self, chat_id: int, title: str) -> None:
        self._services.tasks.spawn(self, self._do_rename(chat_id, title))

    async def _do_rename(self, chat_id: int, title: str) -> None:
        await self._services.store.rename(chat_id, title, by_person=True)
        await self.refresh()

    async def _delete(self, chat_id: int) -> None:
        store = self._services.store
        title = next((c.title for c in await store.chats() if c.id == chat_id), "")
        await self._services.conversations.stop(chat_id)
        was_open = chat_id == self._open_chat()
        if was_open:
            await self._show(None)
        await store.delete([chat_id])
        await self.refresh()

        async def restore() -> None:
            await store.restore([chat_id])
            await self.refresh()
            if was_open:
                await self._show(chat_id)

        def undo() -> None:
            self._services.tasks.spawn(self, restore())

        self._shell.toast.show_undo(f"Deleted “{title}”", undo)
