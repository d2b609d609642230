"""How the command line speaks: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys

from app.errors import HearthError
from app.schema import LoadProgress, LoadStage


def say(text: str = "") -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def complain(error: HearthError) -> None:
    """An error and its remedy."""
    say(f"hearth: {error.message}")
    if error.remedy:
        say(f"        {error.remedy}")


def show_load(progress: LoadProgress | None) -> None:
    """A load's progress, rewritten in place, where somebody is looking; None takes it away."""
    if not sys.stderr.isatty():
        return
    line = ""
    if progress is not None:
        doing = "Checking" if progress.stage is LoadStage.CHECKING else "Loading"
        line = f"{doing} the model, {progress.fraction:.0%}"
    sys.stderr.write(f"\r\033[K{line}")
    sys.stderr.flush()
