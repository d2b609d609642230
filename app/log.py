"""Sets logging up: a rotating file in the data folder, with keys and tokens blacked out."""

from __future__ import annotations

import logging
import re
from logging.handlers import RotatingFileHandler
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
MAX_BYTES = 1_000_000
KEPT_FILES = 3

_SECRET = re.compile(
    r"(?i)(bearer\s+|x-api-key['\"]?\s*[:=]\s*['\"]?|api[_-]?key['\"]?\s*[:=]\s*['\"]?|[?&]key=)"
    r"[\w.~+/=-]{8,}|\b(?:sk|hf|gsk)[-_][\w-]{12,}"
)


class RedactingFormatter(logging.Formatter):
    """Formats a record, then blacks out whatever looks like a secret, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text without keys."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """The text with API keys and bearer tokens replaced by [redacted]."""
    return _SECRET.sub(lambda match: (match.group(1) or "") + "[redacted]", text)


def set_up(folder: Path, *, level: int = logging.INFO) -> logging.Handler:
    """Logs everything from `level` on into `folder`/hearth.log; returns the handler.

    Where the folder cannot be written, the log goes nowhere: a full disk must not stop the program.
    """
    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / "hearth.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(RedactingFormatter(FORMAT))
    handler.setLevel(level)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(level, root.level or level))
    logging.raiseExceptions = False  # a failing log write is no reason to print a traceback
    return handler


def tear_down(handler: logging.Handler) -> None:
    """Detaches and closes what `set_up` returned."""
    logging.getLogger().removeHandler(handler)
    handler.close()
