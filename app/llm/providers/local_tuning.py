"""Tunes a model of this process: measures what the search asks for, on the loaded model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from app.errors import GenerationError, ModelTooLarge, NoModel
from app.llm.optimizer.tuning.steps import Step
from app.llm.trials import Runs, Test, Trial, TuningProgress

if TYPE_CHECKING:
    from app.llm.optimizer.room import Released
    from app.llm.optimizer.tuning.steps import Asking
    from app.llm.providers.local_plans import LocalPlans, Subject
    from app.schema import LoadPlan

SECONDS = 55.0  # of a search; it is promised to end within a minute
GRACE = 3.0  # seconds that the last measurement may take beyond them
THE_PLAN = "the plan as it is"
PLACES = ("n_gpu_layers", "tensor_split", "cpu_expert_layers")  # what takes another load
_LOG = logging.getLogger(__name__)
Bench = Callable[[Test, "LoadPlan"], AsyncGenerator[float, None]]
Reload = Callable[["LoadPlan"], Awaitable[None]]
Outcome = tuple[tuple[Trial, ...], int]


class LocalTuning:
    """One search over one model, which stays loaded but where its place is what is tried."""

    def __init__(
        self,
        bench: Bench,
        plans: LocalPlans,
        subject: Subject,
        loaded: LoadPlan,
        reload: Reload,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`loaded` is how the model is loaded, and `reload` loads it by another plan.

        `bench` measures it with a plan's other settings. Both raise NoModel once it is unloaded.
        """
        self._bench = bench
        self._plans = plans
        self._subject = subject
        self._as_loaded = loaded
        self._present: LoadPlan | None = loaded  # None: a load has failed, or was cancelled
        self._reload = reload
        self._seconds = seconds
        self._clock = clock
        self._ends = 0.0

    async def run(self, released: Released) -> AsyncGenerator[TuningProgress, None]:
        """Searches; `released` is what the loaded model takes. The last report has the outcome.

        Raises:
            NoModel: the model was unloaded meanwhile.
            ModelError: it does not fit any more.
            GenerationError: not even the plan itself could be measured.
        """
        try:
            async with aclosing(self._searched(released)) as reports:
                async for report in reports:
                    yield report
        finally:
            with suppress(NoModel):  # there is nothing to be put back
                await self._place(self._as_loaded)

    async def _searched(self, released: Released) -> AsyncGenerator[TuningProgress, None]:
        yield TuningProgress(0.0, THE_PLAN)
        began = self._clock()
        self._ends = began + self._seconds
        search = await asyncio.to_thread(
            self._plans.search, self._subject, self._as_loaded, released, self._left
        )
        asked = search.run()
        expected = 0
        step: Step | Outcome = await asyncio.to_thread(_next, asked, None)
        while isinstance(step, Step):
            if search.trials and not expected:
                expected = await asyncio.to_thread(search.expected)
            spent = (self._clock() - began) / self._seconds
            share = max(spent, len(search.trials) / (expected + 1) if expected else 0.0)
            yield TuningProgress(min(share, 0.99), step.change or THE_PLAN, (*search.trials,))
            try:
                async with asyncio.timeout(self._left() + GRACE):
                    runs = await self._measure(step)
                    step = await asyncio.to_thread(_next, asked, runs)
            except TimeoutError:
                step = (*search.trials,), 0
        trials, kept = step
        tuning = await asyncio.to_thread(self._plans.keep, self._subject, trials, kept)
        if tuning is None:
            raise GenerationError(
                "Not even the plan itself could be measured within a minute.",
                "Try again when the computer is less busy, or choose a smaller model.",
            )
        yield TuningProgress(1.0, "", trials, tuning)

    def _left(self) -> float:
        return max(0.0, self._ends - self._clock())

    async def _measure(self, step: Step) -> Runs | None:
        """The runs of a step; None where there is no memory for it, or it is far too slow."""
        seconds: list[float] = []
        try:
            await self._place(step.plan)
            async with (
                asyncio.timeout(step.patience),
                aclosing(self._bench(step.test, step.plan)) as runs,
            ):
                seconds = [one async for one in runs]
        except NoModel:
            raise
        except (ModelTooLarge, GenerationError, TimeoutError) as error:
            _LOG.info("%s could not be measured: %r", step.change or THE_PLAN, error)
            return None
        return Runs(step.test.tokens, tuple(seconds)) if seconds else None

    async def _place(self, plan: LoadPlan) -> None:
        """Has the weights where a plan wants them; otherwise the model stays as it is loaded."""
        present = self._present
        if present is not None and _place_of(plan) == _place_of(present):
            return
        self._present = None
        await self._reload(plan)
        self._present = plan


def _place_of(plan: LoadPlan) -> tuple[object, ...]:
    return tuple(getattr(plan, name) for name in PLACES)


def _next(asked: Asking, runs: Runs | None) -> Step | Outcome:
    """What the search wants to be measured next, or its outcome; it may take a second."""
    try:
        return asked.send(runs)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
