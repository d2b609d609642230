"""The points of a plot: how fast each trial was predicted to be, and was. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.ui.settings import tuning_words as words

if TYPE_CHECKING:
    from app.llm.trials import Trial

LEAST_SPAN = 0.2  # of the greatest value: less is noise, which should not fill the plot


@dataclass(frozen=True, slots=True)
class Point:
    """One trial, in tokens per second."""

    name: str
    predicted: float
    measured: float
    is_plan: bool = False
    is_kept: bool = False

    @property
    def sentence(self) -> str:
        """All that there is to know of it."""
        mark = words.marks(is_plan=self.is_plan, is_kept=self.is_kept)
        predicted, measured = words.number(self.predicted), words.number(self.measured)
        speeds = f"predicted {predicted}, measured {measured} {words.UNIT}"
        return f"{self.name}: {speeds}{f', {mark}' if mark else ''}"


def points(trials: Sequence[Trial], kept: int, *, is_prompt: bool) -> list[Point]:
    """Those of the trials that were predicted and measured.

    An answer behind a long prompt is left out: what is predicted is one at the start of a chat.
    """
    found = []
    for at, trial in enumerate(trials):
        runs = trial.prompt if is_prompt else trial.generation
        predicted = trial.predicted.prompt if is_prompt else trial.predicted.generation
        is_alike = is_prompt or not trial.depth
        if runs is not None and runs.rate > 0 and predicted and is_alike:
            name = words.name(trial, is_plan=at == 0)
            found.append(Point(name, predicted, runs.rate, at == 0, at == kept))
    return found


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of an axis, and the values that are written beside it."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float], most: int) -> Scale:
        """From 0, or closer where all values lie close together; with about `most` steps."""
        top = max(values, default=1.0)
        bottom = min(values, default=0.0)
        bottom = min(bottom, (1 - LEAST_SPAN) * top) if bottom > top / 2 else 0.0
        step = _round_step((top - bottom) / max(1, most))
        low, high = math.floor(bottom / step) * step, math.ceil(top / step) * step
        return cls(low, high if high > low else low + step, step)

    @property
    def ticks(self) -> list[float]:
        """The values, from the lowest to the highest."""
        count = round((self.high - self.low) / self.step)
        return [self.low + at * self.step for at in range(count + 1)]

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the lowest, 1 at the highest."""
        return (value - self.low) / (self.high - self.low)

    def text(self, value: float) -> str:
        """A tick in figures."""
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return f"{value:,.{digits}f}"


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(size * power for size in (1, 2, 5, 10) if size * power >= least * (1 - 1e-9))
