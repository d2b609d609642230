"""Watches over streams that fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.errors import TimedOut


class Silence:
    """Ends the reading of a stream that has been silent for too long; one timer for the whole."""

    def __init__(self, name: str, seconds: float, first_seconds: float | None = None) -> None:
        """`name` is the server's; `first_seconds` limits the time to the first piece."""
        self._name = name
        self._seconds = seconds
        self._first_seconds = first_seconds
        self._began = asyncio.get_running_loop().time()
        self._heard: float | None = None  # by the loop's clock; None: nothing came yet
        self._reader: asyncio.Task[object] | None = None
        self._expired = False

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[Silence, None]:
        """Watches for as long as the block runs."""
        watcher = asyncio.create_task(self._watch(), name="silence")
        try:
            yield self
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])  # nothing is left behind

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around each wait for the next piece. Raises TimedOut."""
        loop = asyncio.get_running_loop()
        if self._heard is not None:
            self._heard = loop.time()  # the time that the reader spent elsewhere is no silence
        self._reader = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._expired and self._reader is not None and self._reader.uncancel() == 0:
                raise self._error() from None
            raise
        finally:
            self._reader = None
        self._heard = loop.time()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._expired:
            due = self._due(loop.time())
            if due <= 0 and self._reader is not None:
                self._expired = True
                self._reader.cancel()
                return
            await asyncio.sleep(min(max(due, 0.05), self._seconds))

    def _due(self, now: float) -> float:
        """Seconds until it has been silent for too long."""
        if self._heard is not None:
            return self._heard + self._seconds - now
        if self._first_seconds is None:
            return self._seconds
        return self._began + self._first_seconds - now

    def _error(self) -> TimedOut:
        if self._heard is None:
            return TimedOut(
                f"{self._name} has not begun to answer within {self._first_seconds:g} seconds.",
                "Try again when it is less busy.",
                provider=self._name,
            )
        return TimedOut(
            f"{self._name} has been silent for {self._seconds:g} seconds.",
            "Try again; if it happens often, look at the log.",
            provider=self._name,
        )
