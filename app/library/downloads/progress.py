"""Where a download stands: what its job writes down, and what the window is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from app.errors import HearthError
from app.library.downloads.pace import Meter
from app.library.records import Stage

YIELDS_AFTER = 4.0  # seconds: who pauses longer than this lets others go first


class Progress:
    """Stage, words and figures of one download; belongs to the downloads' own loop."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is told of each change of stage or words."""
        self.stage = Stage.WAITING
        self.message = ""
        self.remedy = ""
        self.details = ""
        self.note = ""  # said while bytes come
        self.measure: Callable[[], int] | None = None  # bytes that have come, or are checked
        self.speed = 0.0  # bytes per second
        self.lets_others_pass = False
        self._changed = changed
        self._meter = Meter()
        self._poke = asyncio.Event()

    def sample(self) -> None:
        """Takes the speed anew; to be called a few times a second."""
        self.speed = self._meter.speed() if self.stage is Stage.FETCHING else 0.0

    def begin(self) -> None:
        """Bytes are asked for, or come."""
        self._meter.restart()
        self.show(Stage.FETCHING, self.note)

    def came(self, count: int) -> None:
        """So many bytes have come."""
        self._meter.total += count
        if self.stage is not Stage.FETCHING:
            self.begin()

    def show(self, stage: Stage, message: str = "", remedy: str = "") -> None:
        """Another stage, with words where there is something to say."""
        self.stage, self.message, self.remedy, self.details = stage, message, remedy, ""
        self.lets_others_pass = stage in (Stage.PAUSED, Stage.FAILED, Stage.DONE)
        self._changed()

    def stalled(self, error: HearthError, remedy: str, pause: float) -> None:
        """Nothing comes for the moment."""
        self.show(Stage.STALLED, error.message, remedy)
        self.details = error.details
        self.lets_others_pass = pause >= YIELDS_AFTER

    def held(self, stage: Stage, error: HearthError) -> None:
        """Nothing can come until something outside changes."""
        self.show(stage, error.message, error.remedy)
        self.details = error.details
        self.lets_others_pass = True

    def poke(self) -> None:
        """Ends a pause early."""
        self._poke.set()

    async def poked(self, seconds: float) -> None:
        """Waits so long, or until somebody pokes."""
        self._poke.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poke.wait()
