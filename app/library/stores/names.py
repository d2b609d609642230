"""What the names of files and folders say: models, parts of them, and what is still on its way."""

from __future__ import annotations

import re
from pathlib import Path

SUFFIX = ".gguf"
TRASH = ".hearth-trash"  # what was deleted here and can still be brought back
# gguf-split of llama.cpp; all parts lie in one folder, and the first opens the others.
PART = re.compile(r"(?P<base>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf", re.IGNORECASE)
UNFINISHED = ("incomplete-", "downloading_")  # beginnings: of GPT4All and LM Studio
# Endings of downloads that are not complete: of Hearth and browsers, llama.cpp, the Hub, aria2.
PARTIAL = (
    ".part", ".partial", ".downloadinprogress", ".incomplete", ".download", ".crdownload",
    ".opdownload", ".aria2", ".tmp", ".!qb",
)  # fmt: skip
LEFT_OUT = frozenset(
    ("$RECYCLE.BIN", "System Volume Information", "lost+found", "node_modules", "__pycache__")
)


def is_model(name: str) -> bool:
    """Whether a file is called as a finished model is."""
    lower = name.lower()
    return lower.endswith(SUFFIX) and not lower.startswith((".", *UNFINISHED))


def is_left_out(name: str) -> bool:
    """Whether nothing is looked for in a folder or file: it is hidden, or the system's."""
    return name.startswith(".") or name in LEFT_OUT


def is_partial_of(name: str, model: str) -> bool:
    """Whether a file is what is left of an unfinished download of the file called `model`."""
    lower, wanted = name.lower(), model.lower()
    for beginning in UNFINISHED:
        lower = lower.removeprefix(beginning)
    if lower == wanted:
        return name.lower() != wanted
    # The Hub's own downloader puts a hash between the name and the ending.
    return lower.startswith(f"{wanted}.") and lower.endswith(PARTIAL)


def part(name: str) -> tuple[str, int, int] | None:
    """The common beginning, the number and the count of a split model's file; None for others."""
    match = PART.fullmatch(name)
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    return (match["base"], number, count) if 1 <= number <= count else None


def part_name(base: str, number: int, count: int) -> str:
    """What one part of a split model is called."""
    return f"{base}-{number:05}-of-{count:05}{SUFFIX}"


def title(path: Path) -> str:
    """A file's name without its ending and its number."""
    found = part(path.name)
    stem = found[0] if found else path.stem if is_model(path.name) else path.name
    return shown(stem)


def shown(text: object) -> str:
    """A name as it can be printed: what is no text in it becomes a question mark."""
    return str(text).encode("utf-8", "replace").decode()


def is_text(path: Path) -> bool:
    """Whether a path can be written down: names in other encodings cannot."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
