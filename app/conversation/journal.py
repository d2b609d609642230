"""Keeps a growing answer in the history, a moment behind the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.chats.records import Ending
from app.chats.store import ChatStore
from app.errors import StorageError

INTERVAL = 0.18  # seconds between writes; with the write itself this stays well under 250 ms
RETRY_SECONDS = 2.0  # after a failed write


class Journal:
    """Writes the pieces of one answer as they come, and its whole text at the end.

    A write that fails is tried again until it succeeds: the text stays in memory meanwhile, and
    `on_problem` is told of the error, and of None when it is over.
    """

    def __init__(
        self,
        store: ChatStore,
        message_id: int,
        on_problem: Callable[[StorageError | None], None],
    ) -> None:
        self._store = store
        self._message_id = message_id
        self._on_problem = on_problem
        self._pending: list[str] = []
        self._pieces = 0
        self._writer: asyncio.Task[None] | None = None
        self._failing = False

    def add(self, text: str) -> None:
        """Takes the next piece; it is on the disk soon after."""
        if text:
            self._pending.append(text)
            if self._writer is None or self._writer.done():
                self._writer = asyncio.ensure_future(self._write())

    async def end(self, text: str, ending: Ending, *, attempts: int | None = None) -> bool:
        """Replaces the pieces by the whole text; False if `attempts` writes failed."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
        while True:
            if await self._succeeds(self._store.end(self._message_id, text, ending)):
                return True
            if attempts is not None:
                attempts -= 1
                if attempts <= 0:
                    return False
            await asyncio.sleep(RETRY_SECONDS)

    async def _write(self) -> None:
        while self._pending:
            await asyncio.sleep(RETRY_SECONDS if self._failing else INTERVAL)
            text = "".join(self._pending)
            taken = len(self._pending)
            if await self._succeeds(self._store.append(self._message_id, self._pieces, text)):
                del self._pending[:taken]
                self._pieces += 1

    async def _succeeds(self, write: Awaitable[object]) -> bool:
        try:
            await write
        except StorageError as error:
            self._failing = True
            self._on_problem(error)
            return False
        if self._failing:
            self._failing = False
            self._on_problem(None)
        return True
