"""The log of a server that Hearth started: a file into which the server itself writes.

A pipe would block the server while Hearth is busy, and break its output when Hearth is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from app import log
from app.errors import StorageError

LINES = 200  # that are shown
LINE_BYTES = 400  # of one of them, on average
LARGEST = 8_000_000  # bytes; a longer log starts anew
_COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")  # and the like, which terminals understand


class ServerLog:
    """One server's log file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def begin(self, name: str) -> BinaryIO:
        """Empties the log and opens it for the server called `name`. Raises StorageError."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_bytes(b"")
            return self.file.open("ab")  # appending, so that the file can be emptied under it
        except OSError as error:
            raise StorageError(
                f"The log of {name} cannot be written.",
                "Make room on the disk, and see whether Hearth may write to its data folder.",
                repr(error),
            ) from error

    @property
    def lines(self) -> Sequence[str]:
        """The last lines, without keys and colours."""
        try:
            with self.file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - LINES * LINE_BYTES))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [log.redact(_COLOURS.sub("", line)) for line in text.splitlines()[-LINES:]]

    def trim(self) -> None:
        """Empties a log that has grown too long; the server goes on writing into the same file."""
        try:
            if self.file.stat().st_size > LARGEST:
                os.truncate(self.file, 0)
        except OSError:
            return
