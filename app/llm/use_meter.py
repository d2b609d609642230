"""How much of the computer this process uses at the moment; cheap enough for every second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from app.schema import EngineDevice

Cards = Callable[[], "Sequence[EngineDevice]"]


@dataclass(frozen=True, slots=True)
class CardUse:
    """The memory of a graphics card that is taken, by all programs; in bytes."""

    name: str
    taken: int
    total: int


@dataclass(frozen=True, slots=True)
class Use:
    """What this process uses now."""

    cores: float | None  # that were busy since the question before; None at the first
    of_cores: int  # hardware threads of the computer
    memory: int  # bytes that are resident
    cards: tuple[CardUse, ...] = ()


class UseMeter:
    """Each question tells of the time since the one before."""

    def __init__(
        self, cards: Cards | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`cards` asks llama.cpp for the graphics cards; None where there are none."""
        self._cards = cards
        self._clock = clock
        self._process = psutil.Process()
        self._cores = psutil.cpu_count() or 1
        self._last: tuple[float, float] | None = None  # the time, and the seconds computed by then

    def read(self) -> Use:
        """Takes about a tenth of a millisecond, and as much again for each card."""
        times = self._process.cpu_times()
        now, computed = self._clock(), times.user + times.system
        cores = None
        if self._last is not None and now > self._last[0]:
            cores = max(0.0, computed - self._last[1]) / (now - self._last[0])
        self._last = now, computed
        cards = tuple(
            CardUse(one.description or one.name, one.total - one.free, one.total)
            for one in (self._cards() if self._cards is not None else ())
            if one.total is not None and one.free is not None
        )
        return Use(cores, self._cores, self._process.memory_info().rss, cards)
