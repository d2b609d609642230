"""Measures and tunes models for the window and the command line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.errors import NoModel
from app.llm.optimizer.tuned import NAMES
from app.llm.providers.interface import Benches, Tunes, ability
from app.llm.trials import Runs, Test, Tuning, TuningProgress

if TYPE_CHECKING:
    from app.llm.manager import LLMManager
    from app.schema import LoadedModel, LoadPlan, ModelRef


class Speedometer:
    """Has models of this process measured; those of servers are asked as in a chat."""

    def __init__(self, manager: LLMManager) -> None:
        self._manager = manager

    async def tune(self, ref: ModelRef) -> AsyncGenerator[TuningProgress, None]:
        """Loads a model and searches for how it runs fastest; the last report has the outcome.

        Where a better way was found, the model is loaded anew with it. Closing the generator ends
        the search, and keeps nothing.

        Raises:
            NoModel: it runs at a server, or it was unloaded meanwhile.
            ModelError: it cannot be loaded.
        """
        manager = self._manager
        provider = await manager.registry.get(ref.provider)
        tuner = ability(provider, Tunes)  # type: ignore[type-abstract]
        if tuner is None:
            raise NoModel(
                f"“{ref}” runs at its server, which decides how.",
                "Choose a model file of this computer.",
            )
        with manager.occupied():
            await self._get_ready(ref)
            tuning: Tuning | None = None
            async with aclosing(tuner.tune(ref.model)) as reports:
                async for report in reports:
                    tuning = report.tuning
                    yield report
            loaded = manager.state.loaded
            if tuning is not None and (tuning.kept or _is_loaded_otherwise(loaded, tuning)):
                await manager.reload(ref)

    async def bench(
        self, ref: ModelRef, tests: Sequence[Test], threads: int | None = None
    ) -> AsyncGenerator[tuple[Test, Runs], None]:
        """Each test's runs so far, after each run, on a model of this process.

        `threads` stand in for those of its plan.

        Raises:
            NoModel: it runs at a server.
            ModelError: it cannot be loaded.
        """
        manager = self._manager
        provider = await manager.registry.get(ref.provider)
        bench = ability(provider, Benches)  # type: ignore[type-abstract]
        if bench is None:
            raise NoModel(f"“{ref}” runs at its server.", "Ask it as in a chat.")
        with manager.occupied():
            await self._get_ready(ref)
            loaded = manager.state.loaded
            made = with_threads(loaded.plan, threads) if loaded and loaded.plan else None
            for test in tests:
                seconds: tuple[float, ...] = ()
                async with aclosing(bench.bench(ref.model, test, made)) as runs:
                    async for one in runs:
                        seconds = (*seconds, one)
                        yield test, Runs(test.tokens, seconds)

    async def _get_ready(self, ref: ModelRef) -> None:
        """Loads a model unless it is loaded already."""
        loaded = self._manager.state.loaded
        if loaded is None or loaded.info.ref != ref:
            await self._manager.load(ref)


def with_threads(plan: LoadPlan, threads: int | None) -> LoadPlan:
    """A plan with so many threads for all it does; None leaves those that it has."""
    if threads is None:
        return plan
    return replace(plan, n_threads=threads, n_threads_batch=threads)


def _is_loaded_otherwise(loaded: LoadedModel | None, tuning: Tuning) -> bool:
    """Whether an earlier tuning, which holds no more, has decided how a model is loaded."""
    made, best = loaded.plan if loaded else None, tuning.best.plan
    # The number of layers may differ since there is more room now, or less.
    fields = [name for name in NAMES if name != "n_gpu_layers"]
    return made is not None and any(getattr(made, one) != getattr(best, one) for one in fields)
