"""Gives the memory of a model back that nobody has asked for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from app.llm.manager import LLMManager
from app.llm.state import Phase

LOOK_SECONDS = 20.0  # between two looks


class IdleUnload:
    """Unloads the model of this process; it loads again when it is next asked."""

    def __init__(
        self,
        manager: LLMManager,
        minutes: Callable[[], float],
        look: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`minutes` is the idleness after which it unloads, 0 for never; `look` is in seconds."""
        self._manager = manager
        self._minutes = minutes
        self._look = look
        self._clock = clock
        self._since = clock()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe = manager.subscribe(lambda _state: self._used())

    def start(self) -> None:
        """Begins to watch."""
        self._task = asyncio.create_task(self._watch(), name="idle unload")

    async def aclose(self) -> None:
        """Ends the watch."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """Unloads if it is time."""
        manager = self._manager
        is_loading = manager.state.phase is Phase.LOADING
        if manager.is_answering or is_loading or not manager.holds_memory:
            self._used()
        elif self._minutes() and self._clock() - self._since >= 60 * self._minutes():
            await self._manager.unload()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            await self.look()

    def _used(self) -> None:
        self._since = self._clock()
