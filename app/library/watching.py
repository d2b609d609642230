"""Notices models that come, change and go while Hearth runs, for next to nothing.

A look compares the times at which the known folders changed. Only when one did, and every now and
then, is the disk gone through. That works on every kind of drive.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from app.library.catalog import Library
from app.library.records import Snapshot
from app.library.stores.store import time_of
from app.lookout import Lookout

SECONDS = 3.0  # between two looks
THOROUGH_SECONDS = 30.0  # between two that go through the disk, whatever the folders' times say
REST = 20  # times as long as a look took is the pause after it, at least
LONGEST_REST = 300.0  # seconds

OnChange = Callable[[Snapshot], None]


class LibraryWatcher:
    """Calls `on_change(snapshot)` at first, and when the library is another than before."""

    def __init__(
        self,
        library: Library,
        on_change: OnChange,
        seconds: float = SECONDS,
        thorough_seconds: float = THOROUGH_SECONDS,
    ) -> None:
        self._library = library
        self._on_change = on_change
        self._seconds = seconds
        self._thorough_seconds = thorough_seconds
        self._told: Snapshot | None = None
        self._next_thorough = 0.0
        self._lookout = Lookout("watch the models on this disk", self._look)

    def start(self) -> None:
        """Begins to watch; the first look is taken at once."""
        self._lookout.start()

    def hurry(self) -> None:
        """Goes through the disk at once, as after a change of the settings or a download."""
        self._lookout.hurry()

    async def aclose(self) -> None:
        """Ends the watch; raises what may have ended it before."""
        await self._lookout.aclose()

    async def _look(self, *, hurried: bool) -> float:
        """Tells what has changed; returns the pause before the next look, in seconds."""
        began = time.monotonic()
        is_thorough = hurried or began >= self._next_thorough
        snapshot = await asyncio.to_thread(self._scan, is_thorough=is_thorough)
        rest = min(REST * (time.monotonic() - began), LONGEST_REST)
        if is_thorough:
            self._next_thorough = began + max(self._thorough_seconds, rest)
        if snapshot is not None and snapshot != self._told:
            self._told = snapshot
            self._on_change(snapshot)
        # The first look may take long, and the next one does not.
        return self._seconds if snapshot is not None else max(self._seconds, rest)

    def _scan(self, *, is_thorough: bool) -> Snapshot | None:
        if is_thorough or has_changed(self._library):
            return self._library.scan()
        return None


def has_changed(library: Library) -> bool:
    """Whether a folder of the last look is another than it was then."""
    if library.unsettled:
        return True
    return any(time_of(folder) != changed for folder, changed in library.watched.items()) or any(
        time_of(path) != before for path, before in library.blocked.items()
    )
