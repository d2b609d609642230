"""How long to wait between tries: ever longer up to a minute, and never for ever."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = 0.5  # seconds
LONGEST = 60.0
SPREAD = 0.25  # so that many do not come back at once


class Patience:
    """Doubles the pause with each try in vain."""

    def __init__(
        self,
        first: float = FIRST,
        longest: float = LONGEST,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self.tries = 0  # in vain, since the last success

    def succeeded(self) -> None:
        """The next pause is short again."""
        self.tries = 0

    def pause(self, wanted: float | None = None) -> float:
        """Seconds until the next try; at least what the server `wanted`."""
        grown = min(self._longest, self._first * float(1 << min(self.tries, 20)))
        self.tries += 1
        return max(wanted or 0.0, grown * (1 - SPREAD * self._chance()))
