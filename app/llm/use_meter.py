"""How much of the computer this process uses at the moment; cheap enough for every second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from app.llm.card_use import CardUses
    from app.llm.optimizer.machine.standing import StandingQuestion


@dataclass(frozen=True, slots=True)
class Use:
    """What this process uses now."""

    cores: float | None  # that were busy since the question before; None at the first
    of_cores: int  # hardware threads of the computer
    memory: int  # bytes that are resident
    cards: CardUses = ()  # by all programs


class UseMeter:
    """Each question tells of the time since the one before, and of the cards as last answered."""

    def __init__(
        self,
        cards: StandingQuestion[CardUses] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cards` is asked for the graphics cards; None where there are none."""
        self._cards = cards
        self._clock = clock
        self._process = psutil.Process()
        self._cores = psutil.cpu_count() or 1
        self._last: tuple[float, float] | None = None  # the time, and the seconds computed by then

    def read(self) -> Use:
        """Takes about a tenth of a millisecond, whatever the drivers of graphics cards do."""
        times = self._process.cpu_times()
        now, computed = self._clock(), times.user + times.system
        cores = None
        if self._last is not None and now > self._last[0]:
            cores = max(0.0, computed - self._last[1]) / (now - self._last[0])
        self._last = now, computed
        cards = self._cards.ask() if self._cards is not None else ()
        return Use(cores, self._cores, self._process.memory_info().rss, cards)

    def close(self) -> None:
        """Lets go of the cards until the next question."""
        if self._cards is not None:
            self._cards.close()
