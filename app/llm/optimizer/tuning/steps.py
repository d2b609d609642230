"""What a search asks to be measured, and how much of it a way that is slow deserves. Pure."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

from app.llm.trials import Runs, Test, Trial
from app.schema import LoadPlan

HOPELESS = 0.85  # of the best speed; what is slower in its first run gets no other
SLOWEST = 2  # times as long as that of the best may a first run take
BEGINNING = 2.0  # seconds beside it, for a context and the like


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be measured next."""

    change: str
    plan: LoadPlan
    test: Test
    patience: float = math.inf  # seconds after which it is too slow, and may be given up


# It yields steps, is sent what was measured (None: it could not be), and returns the trials and the
# number of the one that is kept.
Asking = Generator[Step, Runs | None, tuple[tuple[Trial, ...], int]]
Measured = Generator[Step, Runs | None, Trial | None]
Given = Generator[Step, Runs | None, Runs | None]
Sized = Generator[Step, Runs | None, int]


def is_hopeless(runs: Runs, test: Test, best: Trial | None) -> bool:
    """Whether a way is too slow for another run."""
    known = _of_test(best, test)
    return known is not None and runs.rate < HOPELESS * known.rate


def patience(test: Test, best: Trial | None) -> float:
    """Seconds for a first run and the one before it that warms up."""
    known, read = _of_test(best, test), best.prompt if best and test.depth else None
    once = sum(one.tokens / one.rate for one in (known, read) if one is not None and one.rate)
    return math.inf if known is None else BEGINNING + 2 * SLOWEST * once


def _of_test(trial: Trial | None, test: Test) -> Runs | None:
    if trial is None:
        return None
    return trial.prompt if test.is_prompt else trial.generation
