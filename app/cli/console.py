"""How the command line speaks: answers to standard output, everything else to standard error."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from typing import Any

from app.errors import HearthError
from app.schema import LoadProgress, LoadStage

USUAL_WIDTH = 80  # characters, where a terminal does not tell its own


def take_any_text() -> None:
    """Has signs that the terminal or a pipe cannot take become question marks, and not an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(text: str = "") -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def complain(error: HearthError) -> None:
    """An error and its remedy; what a file's name in it would do to a terminal is left out."""
    from app.library.stores import names

    say(f"hearth: {names.readable(error.message)}")
    if error.remedy:
        say(f"        {names.readable(error.remedy)}")


def show(line: str = "") -> None:
    """Progress, rewritten in place, where somebody is looking; nothing takes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line[: _width() - 1]}")
        sys.stderr.flush()


def show_load(progress: LoadProgress | None) -> None:
    """A load's progress; None takes it away."""
    line = ""
    if progress is not None:
        doing = "Checking" if progress.stage is LoadStage.CHECKING else "Loading"
        line = f"{doing} the model, {progress.fraction:.0%}"
    show(line)


def print_json(value: Any) -> None:
    """A value on standard output, as JSON that every program can read.

    JSON has no infinite numbers: they become null. A path that is no text keeps its odd bytes, as
    Python escapes them.
    """
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(_finite(value), indent=2, allow_nan=False)
    print(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH
