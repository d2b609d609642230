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
# Control characters, line ends, what turns the direction of writing, halves of pairs.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
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


def unfinished(name: str) -> str | None:
    """What a file would have been called when its download was done; None for what is no such."""
    whole = name
    for beginning in UNFINISHED:
        if whole.lower().startswith(beginning):
            whole = whole[len(beginning) :]
    end = whole.lower().rfind(SUFFIX)
    # The Hub's own downloader puts a hash between the name and the ending.
    rest = whole[end + len(SUFFIX) :].lower()
    if end < 0 or (rest and not (rest[0] == "." and rest.endswith(PARTIAL))):
        return None
    return whole[: end + len(SUFFIX)] if rest or whole != name else None


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


def is_part_of(name: str, base: str, count: int) -> bool:
    """Whether a file is one of the `count` parts whose names begin with `base`."""
    found = part(name)
    return found is not None and (found[0], found[2]) == (base, count)


def title(path: Path) -> str:
    """A file's name without its ending and its number."""
    found = part(path.name)
    stem = found[0] if found else path.stem if is_model(path.name) else path.name
    return shown(stem)


def shown(text: object) -> str:
    """A name as it can be printed: what is no text or acts on terminals becomes a question mark."""
    return UNSAFE.sub("?", str(text))


def readable(text: str) -> str:
    """The same for a text of many lines: its line ends and tabs stay."""
    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.splitlines())


def is_text(path: Path) -> bool:
    """Whether a path can be written down: names in other encodings cannot."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
