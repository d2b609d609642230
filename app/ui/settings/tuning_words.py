"""What the tuning block says of speeds, trials and their outcome. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import wording
from app.llm.plan_words import upper

if TYPE_CHECKING:
    from app.llm.trials import Runs, Trial, Tuning, TuningProgress
    from app.ui.settings.tuning_state import Running

UNIT = "tokens/s"
PLAN = "The plan"
NONE = "–"  # not measured, or not known
CANCELLED = "The search was cancelled."
LEFT = "The search ended when you left the settings."
NO_RESULT = "The search ended without a result."
NOTHING, STAYS = "Nothing was kept.", "What was kept before stays."
ANSWERING = "An answer is being written now. Tune the model when it is finished."
NO_RELOAD = "What was found is kept, but the model could not be loaded again with it."


def number(rate: float | None) -> str:
    """Tokens per second, exact enough to tell two speeds apart."""
    if rate is None or rate <= 0:
        return NONE
    if rate >= 100:
        return f"{rate:,.0f}"
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"


def name(trial: Trial, *, is_plan: bool) -> str:
    """What was tried."""
    change = PLAN if is_plan or not trial.change else upper(trial.change)
    deep = f", after {trial.depth:,} tokens" if trial.depth else ""
    return f"{change}{deep}"


def facts(trial: Trial) -> list[str]:
    """The speeds of a trial, such as reading 255, predicted 270."""
    parts = []
    for doing, runs, predicted in (
        ("reading", trial.prompt, trial.predicted.prompt),
        ("writing", trial.generation, trial.predicted.generation),
    ):
        if runs is not None:
            expected = f", predicted {number(predicted)}" if predicted else ""
            parts.append(f"{doing} {number(runs.rate)}{expected}")
    return parts


def marks(*, is_plan: bool, is_kept: bool) -> str:
    """What sets a trial apart; "" for most."""
    if is_plan and is_kept:
        return "stays as it is"
    return "kept" if is_kept else ""


def progress(running: Running) -> str:
    """What the search does now, and how far it is."""
    now = running.progress
    if running.is_stopping:
        return "Stopping…"
    if now is None:
        return f"Getting {running.model} ready…"
    if now.tuning is not None:
        return f"Loading {running.model} with what was found…"
    return f"Trying {_tried(now)}, {percent(now)}\u00a0%"


def percent(now: TuningProgress | None) -> int:
    """How far the search is."""
    return round(100 * min(1.0, max(0.0, now.fraction))) if now is not None else 0


def outcome(tuning: Tuning) -> str:
    """What the search has brought."""
    if tuning.kept:
        return f"{_compared(tuning.best, tuning.planned)}: kept."
    if len(tuning.trials) == 1:
        return f"There was no time to try anything but the plan: {_speeds(tuning.planned)}."
    return f"Nothing was faster than the plan: {_speeds(tuning.planned)}."


def remark(tuning: Tuning) -> str:
    """What is kept, and since when."""
    kept = [upper(tuning.best.change)] if tuning.kept else []
    count = len(tuning.trials)
    ways = "1 way tried" if count == 1 else f"{count} ways tried"
    return " · ".join((*kept, f"measured on {wording.full_day(tuning.day)}", ways))


def ended_early(reason: str, *, was_tuned: bool) -> str:
    """Why a search has brought nothing; `was_tuned` says whether an earlier one has."""
    return f"{reason} {STAYS if was_tuned else NOTHING}"


def _tried(now: TuningProgress) -> str:
    return now.trying or "the plan"


def _speeds(trial: Trial) -> str:
    parts = [
        (number(runs.rate), doing)
        for runs, doing in ((trial.generation, "writing"), (trial.prompt, "reading"))
        if runs is not None
    ]
    return " and ".join(
        f"{rate}{'' if at else f' {UNIT}'} when {doing}" for at, (rate, doing) in enumerate(parts)
    )


def _compared(best: Trial, planned: Trial) -> str:
    """12.4 instead of 10.1 tokens/s when writing, 260 instead of 255 when reading."""
    parts: list[str] = []
    for new, old, doing in (
        (best.generation, planned.generation, "writing"),
        (best.prompt, planned.prompt, "reading"),
    ):
        if new is not None:
            unit = "" if parts else f" {UNIT}"
            parts.append(f"{_change(new, old, unit)} when {doing}")
    return ", ".join(parts)


def _change(new: Runs, old: Runs | None, unit: str) -> str:
    now, before = number(new.rate), number(old.rate) if old is not None else ""
    if not before:
        return f"{now}{unit}"
    return f"{now}{unit} as before" if now == before else f"{now} instead of {before}{unit}"
