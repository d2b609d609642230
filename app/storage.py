"""Writes small files so that a crash leaves either the old one or the new one, never half of it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)


def write_atomically(file: Path, text: str) -> None:
    """Replaces `file` by one with this text; raises OSError where that fails."""
    import tempfile  # here, since the window is painted before the first write

    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Entries:
    """A JSON file of named entries, whose loss costs no more than finding them out again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, Any]:
        """All entries; none where the file is missing or damaged."""
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def write(self, known: dict[str, Any]) -> bool:
        """Replaces all entries; returns whether the file could be written."""
        try:
            write_atomically(self._file, json.dumps(known, indent=1))
        except OSError as error:
            _LOG.info("%s was not written: %s", self._file.name, error)
            return False
        return True

    def put(self, key: str, entry: object, most: int) -> None:
        """Makes an entry the newest; of more than `most`, the oldest are forgotten."""
        known = {name: one for name, one in self.read().items() if name != key}
        for name in [*known][: max(0, len(known) + 1 - most)]:
            del known[name]
        self.write({**known, key: entry})
