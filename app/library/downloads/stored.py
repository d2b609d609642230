"""The queue as it is kept on the disk, so that it survives the program."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from app import storage
from app.library.records import HubModel

if TYPE_CHECKING:
    from filelock import FileLock

VERSION = 1
_LOG = logging.getLogger(__name__)


class Entry(BaseModel):
    """One download."""

    model_config = ConfigDict(extra="ignore")

    model: HubModel
    folder: Path
    added: datetime
    is_paused: bool = False
    is_done: bool = False
    folder_was_there: bool = False


class Queue(BaseModel):
    """All downloads in their order, and folders of cancelled ones that are still to be removed."""

    model_config = ConfigDict(extra="ignore")

    version: int = VERSION
    downloads: list[Entry] = []
    litter: list[Path] = []


class QueueFile:
    """Reads and writes the queue; the first program that opens it is the only one that does.

    Without a path, or where another program has it, the queue lasts as long as this program.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock: FileLock | None = None

    def open(self) -> Queue:
        """What was kept; blocks. What cannot be read is set aside."""
        if self._path is None or not self._is_mine(self._path):
            return Queue()
        try:
            queue = Queue.model_validate_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Queue()
        except (OSError, ValueError, ValidationError) as error:
            return self._set_aside(self._path, error)
        return queue if queue.version == VERSION else self._set_aside(self._path, queue.version)

    def write(self, queue: Queue) -> bool:
        """Keeps the queue; blocks. Returns whether that was possible."""
        if self._path is None or self._lock is None:
            return True
        try:
            storage.write_atomically(self._path, queue.model_dump_json(indent=1))
        except OSError as error:
            _LOG.info("the queue of downloads was not kept: %s", error)
            return False
        return True

    def close(self) -> None:
        """Lets another program have it."""
        if self._lock is not None:
            self._lock.release(force=True)
            self._lock = None

    def _is_mine(self, path: Path) -> bool:
        from filelock import FileLock, Timeout

        lock = FileLock(path.with_suffix(".lock"), timeout=0, thread_local=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (Timeout, OSError, NotImplementedError) as error:
            _LOG.info("the queue of downloads is for this run only: %r", error)
            return False
        self._lock = lock
        return True

    def _set_aside(self, path: Path, why: object) -> Queue:
        _LOG.info("the queue of downloads cannot be read: %s", why)
        try:
            path.replace(path.with_name(f"{path.name}.bak"))
        except OSError as error:
            _LOG.info("it stays where it is: %s", error)
        return Queue()
