"""What `hearth bench --tune` has tried, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app import wording
from app.cli.bench_tables import UNKNOWN, aligned

if TYPE_CHECKING:
    from app.llm.trials import Runs, Trial, Tuning

HEADINGS = ("TRIED", "PROMPT", "PREDICTED", "GENERATION", "PREDICTED", "")
NUMBERS = (1, 2, 3, 4)
THE_PLAN = "the plan as it is"
KEPT = "kept"


def table(tuning: Tuning) -> Iterator[str]:
    """The lines for a person: tokens per second, measured and predicted, and what is kept."""
    yield from aligned([HEADINGS, *_rows(tuning)], NUMBERS)
    yield outcome(tuning)


def markdown(tuning: Tuning) -> Iterator[str]:
    """The same in Markdown."""
    titles = ("tried", "prompt t/s", "predicted", "generation t/s", "predicted", "")
    yield f"| {' | '.join(titles)} |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for row in _rows(tuning):
        yield f"| {' | '.join(row)} |"
    yield ""
    yield outcome(tuning)


def outcome(tuning: Tuning) -> str:
    """A sentence on what is kept."""
    if not tuning.kept:
        return "Nothing was faster than the plan, which stays as it is."
    before, best = tuning.planned, tuning.best
    gains = [
        f"{what} {wording.rate(new.rate)} instead of {wording.rate(old.rate)}"
        for what, new, old in (
            ("reading", best.prompt, before.prompt),
            ("writing", best.generation, before.generation),
        )
        if new is not None and old is not None
    ]
    return f"Kept: {best.change}; {', '.join(gains)}." if gains else f"Kept: {best.change}."


def as_json(tuning: Tuning) -> dict[str, Any]:
    """All trials with tokens per second; what was not measured or is not known is null."""
    return {
        "engine": tuning.engine,
        "computer": tuning.computer,
        "day": tuning.day,
        "kept": tuning.kept,
        "trials": [
            {
                "change": trial.change,
                "prompt_ts": _rate(trial.prompt),
                "generation_ts": _rate(trial.generation),
                "predicted_prompt_ts": trial.predicted.prompt,
                "predicted_generation_ts": trial.predicted.generation,
                "depth": trial.depth,
                "is_kept": number == tuning.kept,
            }
            for number, trial in enumerate(tuning.trials)
        ],
    }


def _rows(tuning: Tuning) -> Iterator[tuple[str, ...]]:
    for number, trial in enumerate(tuning.trials):
        yield (
            _tried(trial),
            _shown(_rate(trial.prompt)),
            _shown(trial.predicted.prompt if trial.prompt else None),
            _shown(_rate(trial.generation)),
            _shown(trial.predicted.generation if trial.generation else None),
            KEPT if number == tuning.kept else "",
        )


def _tried(trial: Trial) -> str:
    behind = f" (behind {trial.depth:,} tokens)" if trial.depth else ""
    return f"{trial.change or THE_PLAN}{behind}"


def _rate(runs: Runs | None) -> float | None:
    return None if runs is None else runs.rate


def _shown(rate: float | None) -> str:
    return UNKNOWN if rate is None else f"{rate:.2f}"
