"""Coroutines on behalf of widgets: kept alive, ended with their owner, never silent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    import asyncio  # imported when first needed: the window is painted before it


class Tasks:
    """Runs coroutines for slots; one such object belongs to the window."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        """Errors that nobody awaits are given to `on_error`."""
        self._on_error = on_error
        self._of_owner: dict[int, set[asyncio.Task[Any]]] = {}

    def spawn(self, owner: QObject, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Starts a coroutine, which is cancelled when `owner` is destroyed."""
        import asyncio

        key = id(owner)
        if key not in self._of_owner:
            self._of_owner[key] = set()
            owner.destroyed.connect(lambda: self._owner_gone(key))
        task = asyncio.ensure_future(coroutine)
        self._of_owner[key].add(task)
        task.add_done_callback(lambda done: self._done(key, done))
        return task

    @property
    def running(self) -> int:
        """How many have not ended."""
        return sum(map(len, self._of_owner.values()))

    async def aclose(self) -> None:
        """Cancels all tasks and waits for them."""
        import asyncio

        running = [task for tasks in self._of_owner.values() for task in tasks]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _done(self, key: int, task: asyncio.Task[Any]) -> None:
        self._of_owner.get(key, set()).discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._on_error(error)

    def _owner_gone(self, key: int) -> None:
        for task in self._of_owner.pop(key, set()):
            task.cancel()
