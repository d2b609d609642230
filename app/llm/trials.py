"""How fast models were measured to be, as frozen values that the window shows too."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from app.schema import LoadPlan

PROMPT, GENERATED = 512, 128  # tokens; llama.cpp's benchmark calls these tests pp512 and tg128


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second; None: not known."""

    prompt: float | None = None  # tokens that are read at once
    generation: float | None = None  # tokens that are written one by one
    is_rough: bool = False  # other programs were busy while the computer was measured


NO_SPEED = Speed()


@dataclass(frozen=True, slots=True)
class Test:
    """What is measured: a prompt that is read at once, or an answer that is written."""

    tokens: int
    is_prompt: bool
    runs: int = 1
    depth: int = 0  # tokens that are in the KV cache before

    @property
    def name(self) -> str:
        """As llama.cpp's benchmark calls it, such as pp512 or tg128 @ d1024."""
        deep = f" @ d{self.depth}" if self.depth else ""
        return f"{'pp' if self.is_prompt else 'tg'}{self.tokens}{deep}"


@dataclass(frozen=True, slots=True)
class Runs:
    """One measurement, repeated: its tokens, and the seconds of each run."""

    tokens: int
    seconds: tuple[float, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """Tokens per second of each run."""
        return tuple(self.tokens / one for one in self.seconds if one > 0)

    @property
    def rate(self) -> float:
        """Tokens per second: the median of the runs."""
        return statistics.median(self.rates) if self.rates else 0.0

    @property
    def mean(self) -> float:
        """Tokens per second: the mean of the runs, as llama.cpp's benchmark gives it."""
        return statistics.fmean(self.rates) if self.rates else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of the runs' tokens per second, as that benchmark gives it."""
        return statistics.stdev(self.rates) if len(self.rates) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A way to load a model, and how fast it was."""

    change: str  # what differs from the plan, such as “4 threads”; "" for the plan itself
    plan: LoadPlan  # without reasons
    prompt: Runs | None = None  # None: what was changed does not matter for it
    generation: Runs | None = None
    predicted: Speed = NO_SPEED
    depth: int = 0  # tokens in the KV cache while the answer was written


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was tried for a model, and which way is kept."""

    model: str  # the path of its file
    engine: str  # the version of llama.cpp's package
    computer: str  # its fingerprint
    day: str  # on which it was measured, as 2026-01-31
    trials: tuple[Trial, ...]  # the plan's own first
    kept: int = 0  # the number of the best among them; 0: nothing was faster than the plan

    @property
    def planned(self) -> Trial:
        """The plan as it would be without tuning."""
        return self.trials[0]

    @property
    def best(self) -> Trial:
        """What the model is loaded with from now on."""
        return self.trials[self.kept]


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """How far a search has come; `fraction` runs from 0 to 1."""

    fraction: float
    trying: str  # in words; "" at the end
    trials: tuple[Trial, ...] = ()
    tuning: Tuning | None = None  # the outcome, with the last report
