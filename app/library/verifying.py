"""Whether files still hold what they should: their SHA-256 against what their source said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app import gguf
from app.errors import ModelError
from app.library.records import LibraryModel, Source

STEP = 8 << 20  # bytes between two reports
_DIGEST = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")


class State(StrEnum):
    """What a check has found."""

    GOOD = "good"  # the hash is the one that its source gave
    DAMAGED = "damaged"
    UNKNOWN = "unknown"  # nobody said which hash it should have; its header is whole


@dataclass(frozen=True, slots=True)
class Checked:
    """One file; `message` says what is wrong."""

    file: Path
    state: State
    sha256: str = ""
    message: str = ""


def expected(model: LibraryModel, file: Path, source: Source | None = None) -> str:
    """The hash that a file of a model should have, or "" where that is not known.

    `source` is where that very file came from, if it was written down.

    The stores of Ollama and of Hugging Face name their files by it.
    """
    if source is not None and source.sha256:
        return source.sha256
    if model.source is not None and len(model.files) == 1 and model.source.sha256:
        return model.source.sha256
    for name in (file.name, file.resolve().name):
        if match := _DIGEST.fullmatch(name):
            return match[1]
    return ""


def check(
    model: LibraryModel,
    file: Path,
    report: Callable[[int], None] = lambda _count: None,
    source: Source | None = None,
) -> Checked:
    """Reads a whole file of a model; `report` is told how many bytes were read. Blocks."""
    digest = hashlib.sha256()
    try:
        gguf.read(file)
        with file.open("rb") as stream:
            while piece := stream.read(STEP):
                digest.update(piece)
                report(len(piece))
    except ModelError as error:
        return Checked(file, State.DAMAGED, message=error.message)
    except OSError as error:
        return Checked(file, State.DAMAGED, message=f"It cannot be read: {error.strerror}.")
    found, wanted = digest.hexdigest(), expected(model, file, source)
    if not wanted:
        return Checked(file, State.UNKNOWN, found, "Nobody said which hash it should have.")
    if found != wanted:
        message = "Its content is another than its source's: fetch it again."
        return Checked(file, State.DAMAGED, found, message)
    return Checked(file, State.GOOD, found)
