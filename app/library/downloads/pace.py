"""How fast bytes come, and how fast they may."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

WINDOW = 5.0  # seconds over which a speed is told
LARGEST_PIECE = 1 << 20  # bytes that are asked for at once
SMALLEST_PIECE = 1 << 10
PIECES = 16  # a second, where the speed is limited


class SpeedLimit:
    """Bytes per second over all transfers; 0 is none."""

    def __init__(self, rate: int = 0) -> None:
        self.rate = max(0, rate)
        self._next = 0.0  # when all that was taken has been paid for
        self._changed = asyncio.Event()

    def set(self, rate: int) -> None:
        """Holds from the next piece on; may be called from any thread."""
        self.rate = max(0, rate)
        self._next = 0.0

    def release(self) -> None:
        """Ends a pause that the former limit has asked for."""
        self._changed.set()

    @property
    def piece(self) -> int:
        """The most bytes to ask for at once."""
        if not self.rate:
            return LARGEST_PIECE
        return max(SMALLEST_PIECE, min(LARGEST_PIECE, self.rate // PIECES))

    def owed(self, count: int) -> float:
        """Seconds to wait for the `count` bytes that have just come."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        self._next = max(self._next, now) + count / self.rate
        return self._next - now

    async def wait(self) -> None:
        """Until all that came has been paid for."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._next - time.monotonic()):
                await self._changed.wait()


class Meter:
    """The speed over the last seconds, from samples that somebody takes now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0  # bytes
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def restart(self) -> None:
        """Nothing came before."""
        self._samples.clear()
        self._samples.append((self._clock(), self.total))

    def speed(self) -> float:
        """Bytes per second; takes a sample."""
        now = self._clock()
        self._samples.append((now, self.total))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()
        began, before = self._samples[0]
        return (self.total - before) / (now - began) if now > began else 0.0
