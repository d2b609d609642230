"""Blocking work that must be waited for even when nobody wants its result any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def to_its_end(work: Callable[[], Result], stop: Callable[[], None] | None = None) -> Result:
    """Runs work in a thread; when cancelled, it ends before the cancellation goes on.

    Without that, a lock could be taken or a file be opened after everything has been given back.
    `stop` is called then, to have the work end early.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        await asyncio.wait([task])
        _ = task.cancelled() or task.exception()  # nobody else asks for it
        raise
