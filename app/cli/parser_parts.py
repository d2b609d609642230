"""What the commands' parsers are made of: a parser as all have it, and checked values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.schema import Adapter


def new(command: str, description: str) -> argparse.ArgumentParser:
    """A command's parser, with what every command takes."""
    parser = argparse.ArgumentParser(
        prog=f"hearth {command}".strip(),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", metavar="DIR", help="keep all data in this folder")
    return parser


def between(low: float, high: float) -> Callable[[str], float]:
    """What reads a number between two others; argparse speaks of it by its name."""

    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    return number


def adapter(text: str) -> Adapter:
    """A file, and behind the last equals sign a number where there is one."""
    from app.schema import MAX_SCALE, Adapter

    path, _, scale = text.rpartition("=")
    try:
        strength = float(scale)
    except ValueError:
        path, strength = text, 1.0
    if not path:
        raise argparse.ArgumentTypeError(f"{text} names no file")
    if not -MAX_SCALE <= strength <= MAX_SCALE:
        raise argparse.ArgumentTypeError(f"{scale} is not between {-MAX_SCALE:g} and {MAX_SCALE:g}")
    return Adapter(str(Path(path).expanduser().absolute()), strength)


def at_least(low: int) -> Callable[[str], int]:
    """What reads a whole number from `low` on."""

    def whole(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is less than {low}")
        return value

    return whole
