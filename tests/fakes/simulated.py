"""Computers that are only reckoned: how fast each way to load a model is there, noise included."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.llm.optimizer.machine.records import Processor
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.tuning.candidates import Candidates
from app.llm.optimizer.tuning.search import Search
from app.llm.optimizer.tuning.steps import Step
from app.llm.optimizer.wishes import Wishes
from app.llm.trials import GENERATED, PROMPT, Runs, Trial
from app.schema import LoadPlan

EIGHT = Processor(physical_cores=8, logical_cores=16, performance_cores=8)
DENSE = Shape(layers=33, expert_layers=0, may_quantise=True)
PLAN = LoadPlan("/models/some.gguf", 8192, 8, 8, n_gpu_layers=0, use_mmap=False)
ON_CARD = replace(PLAN, n_gpu_layers=-1)
# The settings of which reading a prompt, and of which writing an answer, does not depend.
OF_ANSWER, OF_PROMPT = ("n_threads",), ("n_threads_batch", "n_batch", "n_ubatch")
ATTENTION = ("flash_attention", "type_k", "type_v")
PLACE = ("n_gpu_layers",)
Factor = Callable[[str, Any, bool], float]  # of a setting, its value, and whether it is a prompt


def candidates(
    processor: Processor = EIGHT,
    wishes: Wishes | None = None,
    *,
    shape: Shape = DENSE,
    has_cards: bool = False,
    fits: Callable[[LoadPlan], bool] = lambda _plan: True,
) -> Candidates:
    """What may be tried, on a computer where everything fits."""
    return Candidates(processor, shape, wishes or Wishes(), has_cards, fits)


def planted(found: Mapping[tuple[str, Any], float]) -> Factor:
    """Some values are so many times as fast; all others make no difference."""
    return lambda name, value, _is_prompt: found.get((name, value), 1.0)


def rugged(seed: int, least: float = 0.5, most: float = 1.6) -> Factor:
    """Every value of every setting has a factor of its own."""

    def factor(name: str, value: Any, is_prompt: bool) -> float:
        return random.Random(f"{seed} {name} {value} {is_prompt}").uniform(least, most)

    return factor


@dataclass
class Simulated:
    """Answers a search's steps; its clock goes on by what each of them would take."""

    factor: Factor = lambda _name, _value, _is_prompt: 1.0
    prompt: float = 500.0  # tokens per second of a plan whose factors are all 1
    generation: float = 20.0
    noise: float = 0.0  # the most by which a run is faster or slower, as a part of it
    seed: int = 0
    seconds: float = 55.0  # of the search
    load: float = 0.0  # seconds of a load with other layers on the card
    fails: Callable[[int, Step], bool] = lambda _number, _step: False
    steps: list[Step] = field(default_factory=list)
    now: float = 0.0
    loads: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._present: int | None = None

    def left(self) -> float:
        return max(0.0, self.seconds - self.now)

    def rate(self, plan: LoadPlan, *, is_prompt: bool) -> float:
        """Tokens per second, without noise."""
        speed = self.prompt if is_prompt else self.generation
        for name in (*PLACE, *ATTENTION, *(OF_PROMPT if is_prompt else OF_ANSWER)):
            speed *= self.factor(name, getattr(plan, name), is_prompt)
        return speed

    def turn(self, plan: LoadPlan) -> float:
        """Seconds of a usual turn, without noise."""
        read, write = (self.rate(plan, is_prompt=kind) for kind in (True, False))
        return PROMPT / read + GENERATED / write

    def searched(self, search: Search) -> tuple[tuple[Trial, ...], int]:
        """The whole search."""
        asked, runs = search.run(), None
        try:
            while True:
                runs = self.answer(asked.send(runs))
        except StopIteration as end:
            trials, kept = end.value
            return trials, kept

    def answer(self, step: Step) -> Runs | None:
        """What a step gives, and how long it takes."""
        self.steps.append(step)
        if self._present is not None and step.plan.n_gpu_layers != self._present:
            self.now += self.load
            self.loads += 1
        self._present = step.plan.n_gpu_layers
        if self.fails(len(self.steps) - 1, step):
            return None
        seconds = self._seconds(step)
        if sum(seconds) > step.patience:
            self.now += step.patience
            return None
        self.now += sum(seconds)
        return Runs(step.test.tokens, tuple(seconds[-step.test.runs :]))

    def _seconds(self, step: Step) -> list[float]:
        """Of the run that warms up, of what is put into the cache, and of each run, in the end."""
        test = step.test
        rate = self.rate(step.plan, is_prompt=test.is_prompt)
        before = test.depth / self.rate(step.plan, is_prompt=True) * test.runs
        once = test.tokens / rate
        warm = once if test.is_prompt else 1 / rate
        runs = [
            once * self._random.uniform(1 - self.noise, 1 + self.noise) for _ in range(test.runs)
        ]
        return [warm, before, *runs]


def changes(plan: LoadPlan, other: LoadPlan) -> dict[str, Any]:
    """What differs in `plan`."""
    names: Iterable[str] = (*PLACE, *OF_ANSWER, *OF_PROMPT, *ATTENTION)
    return {
        name: getattr(plan, name) for name in names if getattr(plan, name) != getattr(other, name)
    }
