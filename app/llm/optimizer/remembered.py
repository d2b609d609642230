"""What was found out about a model on this computer: the most of it that loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.llm.optimizer.wishes import NO_CEILING, Ceiling
from app.storage import Entries

if TYPE_CHECKING:
    from app.gguf import Header

MOST_MODELS = 200  # the oldest entries are forgotten


class Remembered:
    """A JSON file by computer, llama.cpp and model; another computer's entries are left alone."""

    def __init__(self, file: Path, engine: str) -> None:
        """`engine` is the version of llama.cpp's package."""
        self._entries = Entries(file)
        self._engine = engine

    def ceiling(self, header: Header, fingerprint: str) -> Ceiling:
        """The most that has worked for a model on the computer with that fingerprint."""
        entry = self._entries.read().get(self._key(header, fingerprint))
        if not isinstance(entry, dict):
            return NO_CEILING
        return Ceiling(_count(entry.get("context")), _count(entry.get("gpu_layers")))

    def keep(self, header: Header, fingerprint: str, ceiling: Ceiling) -> None:
        """Remembers it; a file that cannot be written costs no more than another try."""
        entry = {"context": ceiling.context, "gpu_layers": ceiling.gpu_layers}
        self._entries.put(self._key(header, fingerprint), entry, MOST_MODELS)

    def forget(self, header: Header, fingerprint: str) -> None:
        """Tries everything again from the next load on."""
        known = self._entries.read()
        if known.pop(self._key(header, fingerprint), None) is not None:
            self._entries.write(known)

    def _key(self, header: Header, fingerprint: str) -> str:
        return f"{fingerprint} {self._engine} {header.file_size} {header.path}"


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
