"""What `hearth bench` has measured, row by row, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.llm.trials import Runs, Test
    from app.schema import LoadPlan, ModelRef


@dataclass(frozen=True, slots=True)
class Place:
    """A model, and where it runs; what is not known is empty or 0."""

    ref: ModelRef
    name: str
    device: str  # or the server's name
    backend: str = ""  # as llama.cpp's benchmark names it; else the server's name
    engine: str = ""  # the version of llama.cpp's package, or the server's
    description: str = ""  # llama.cpp's own of the model
    size: int = 0  # bytes
    parameters: int = 0
    plan: LoadPlan | None = None  # of a model in this process


@dataclass(frozen=True, slots=True)
class Row:
    """One test of one model, or why there is none."""

    place: Place
    test: Test | None = None
    runs: Runs | None = None
    is_estimate: bool = False  # timed here, because the server does not tell
    predicted: float | None = None  # tokens per second
    failure: str = ""  # a sentence

    @property
    def threads(self) -> int:
        """Those that did it; 0 where a server decides."""
        plan = self.place.plan
        if plan is None or self.test is None:
            return 0
        return plan.n_threads_batch if self.test.is_prompt else plan.n_threads


def as_json(row: Row) -> dict[str, Any]:
    """A row as an object; the figures have the names that llama.cpp's benchmark gives them."""
    place, test, runs = row.place, row.test, row.runs
    made: dict[str, Any] = {
        "model": place.name,
        "reference": str(place.ref),
        "provider": place.ref.provider,
        "device": place.device,
        "backend": place.backend,
        "engine": place.engine,
        "model_type": place.description,
        "model_size": place.size,
        "model_n_params": place.parameters,
        "threads": row.threads or None,
    }
    if test is None or runs is None:
        return {**made, "error": row.failure}
    return {
        **made,
        "test": test.name,
        "n_prompt": test.tokens if test.is_prompt else 0,
        "n_gen": 0 if test.is_prompt else test.tokens,
        "samples_ts": list(runs.rates),
        "avg_ts": runs.mean,
        "stddev_ts": runs.deviation,
        "median_ts": runs.rate,
        "predicted_ts": row.predicted,
        "is_estimate": row.is_estimate,
    }
