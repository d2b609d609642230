"""Hands items from a worker thread to a coroutine, in batches."""

from __future__ import annotations

import asyncio
import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """A list under a lock. The event loop is woken once per batch, not once per item.

    `put` and `close` may be called on any thread, `take` on the loop's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._items: list[Item] = []
        self._closed = False
        self._filled = asyncio.Event()

    def put(self, item: Item) -> None:
        """Adds an item; one that comes after `close` is dropped."""
        with self._lock:
            if self._closed:
                return
            self._items.append(item)
            first = len(self._items) == 1
        if first:
            self._wake()

    def close(self) -> None:
        """Ends the stream after the items that are in it."""
        with self._lock:
            self._closed = True
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        with self._lock:
            return self._closed

    async def take(self) -> list[Item]:
        """All items since the last call; waits for one, and returns [] at the end."""
        while True:
            with self._lock:
                items, self._items = self._items, []
                closed = self._closed
                self._filled.clear()
            if items or closed:
                return items
            await self._filled.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return
