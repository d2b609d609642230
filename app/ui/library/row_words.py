"""The last line of a model's row: what it can do, its licence, when it was used, where it lies."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.library import describing

if TYPE_CHECKING:
    from app.library.records import LibraryModel

LONGEST_PLACE = 40  # characters


def more(model: LibraryModel, now: datetime) -> str:
    """What is not known is left out."""
    return " · ".join(filter(None, (describing.more(model, now), place(model.folder))))


def place(folder: Path) -> str:
    """A folder as people write it; of a long path the end alone, which tells more."""
    try:
        text = str(Path("~") / folder.relative_to(Path.home()))
    except ValueError:
        text = str(folder)
    if len(text) <= LONGEST_PLACE:
        return text
    start = Path(text).parts[0]
    parts: list[str] = []
    for part in reversed(Path(text).parts[1:]):
        if parts and len(str(Path("…", part, *parts))) > LONGEST_PLACE:
            break
        parts.insert(0, part)
    return str(Path(start, "…", *parts) if start == "~" else Path("…", *parts))
