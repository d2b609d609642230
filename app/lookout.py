"""Looks at something again and again while Hearth runs, and at once when it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol


class Look(Protocol):
    """One look; it returns the pause before the next one, in seconds."""

    async def __call__(self, *, hurried: bool) -> float:
        """`hurried` is whether the look was asked for."""
        ...


class Lookout:
    """Owns the task that looks; no two looks are taken at a time."""

    def __init__(self, name: str, look: Look) -> None:
        """`name` is the task's."""
        self._name = name
        self._look = look
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look; the first look is taken at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking(), name=self._name)

    def hurry(self) -> None:
        """Ends the pause; a look that is going on is followed by another at once."""
        self._hurry.set()

    async def aclose(self) -> None:
        """Looks no more; raises what may have ended it before."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def _keep_looking(self) -> None:
        while True:
            hurried = self._hurry.is_set()
            self._hurry.clear()
            pause = await self._look(hurried=hurried)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
