"""Closes abandoned async generators, as asyncio's own loops do and qasync's does not."""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

Generators = weakref.WeakSet[AsyncGenerator[Any, Any]]


def follow(loop: asyncio.AbstractEventLoop) -> Generators:
    """Has the loop close each generator that nobody holds any more; gives those that live."""
    generators: Generators = weakref.WeakSet()

    def finalise(generator: AsyncGenerator[Any, Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.create_task, _close(generator))

    sys.set_asyncgen_hooks(firstiter=generators.add, finalizer=finalise)
    return generators


def follow_no_more() -> None:
    """Leaves generators to themselves again."""
    sys.set_asyncgen_hooks(None, None)


async def close(generators: Generators) -> None:
    """Closes those that are left at the end."""
    for generator in tuple(generators):
        await generator.aclose()


async def _close(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()
