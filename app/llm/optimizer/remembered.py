"""What was found out about a model on this computer: the most of it that loads."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import storage
from app.llm.optimizer.wishes import NO_CEILING, Ceiling

if TYPE_CHECKING:
    from app.gguf import Header

MOST_MODELS = 200  # the oldest entries are forgotten
_LOG = logging.getLogger(__name__)


class Remembered:
    """A JSON file by computer, llama.cpp and model; another computer's entries are left alone."""

    def __init__(self, file: Path, engine: str) -> None:
        """`engine` is the version of llama.cpp's package."""
        self._file = file
        self._engine = engine

    def ceiling(self, header: Header, fingerprint: str) -> Ceiling:
        """The most that has worked for a model on the computer with that fingerprint."""
        entry = self._read().get(self._key(header, fingerprint))
        if not isinstance(entry, dict):
            return NO_CEILING
        return Ceiling(_count(entry.get("context")), _count(entry.get("gpu_layers")))

    def keep(self, header: Header, fingerprint: str, ceiling: Ceiling) -> None:
        """Remembers it; a file that cannot be written costs no more than another try."""
        key = self._key(header, fingerprint)
        known = {name: entry for name, entry in self._read().items() if name != key}
        for name in [*known][: max(0, len(known) + 1 - MOST_MODELS)]:
            del known[name]
        known[key] = {"context": ceiling.context, "gpu_layers": ceiling.gpu_layers}
        self._write(known)

    def forget(self, header: Header, fingerprint: str) -> None:
        """Tries everything again from the next load on."""
        known = self._read()
        if known.pop(self._key(header, fingerprint), None) is not None:
            self._write(known)

    def _key(self, header: Header, fingerprint: str) -> str:
        return f"{fingerprint} {self._engine} {header.file_size} {header.path}"

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self, known: dict[str, Any]) -> None:
        try:
            storage.write_atomically(self._file, json.dumps(known, indent=1))
        except OSError as error:
            _LOG.info("what loads here was not kept: %s", error)


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
