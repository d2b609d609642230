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
    """Reads and writes the queue; only one program does at a time, the one that came first.

    Another one keeps its queue as soon as the first has ended, beside what that has left there.
    Without a path, the queue lasts as long as this program.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock: FileLock | None = None
        self._left: list[Entry] = []  # by a program that had the queue before
        self._litter: list[Path] = []

    def open(self) -> Queue:
        """What was kept; blocks. What cannot be read is set aside."""
        if self._path is None:
            return Queue()
        if not self._is_mine(self._path):
            _LOG.info("another program has the queue of downloads")
            return Queue()
        return self._read(self._path)

    def write(self, queue: Queue) -> bool:
        """Keeps the queue; blocks. Returns whether that was possible."""
        if self._path is None:
            return True
        if self._lock is None:
            if not self._is_mine(self._path):
                return False
            before = self._read(self._path)
            self._left, self._litter = before.downloads, before.litter
        mine = {_place(entry) for entry in queue.downloads}
        self._left = [entry for entry in self._left if _place(entry) not in mine]
        whole = Queue(
            downloads=[*queue.downloads, *self._left],
            litter=sorted({*queue.litter, *self._litter}),
        )
        try:
            storage.write_atomically(self._path, whole.model_dump_json(indent=1))
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
            _LOG.debug("the queue of downloads is not kept now: %r", error)
            return False
        self._lock = lock
        return True

    def _read(self, path: Path) -> Queue:
        try:
            queue = Queue.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Queue()
        except (OSError, ValueError, ValidationError) as error:
            return self._set_aside(path, error)
        return queue if queue.version == VERSION else self._set_aside(path, queue.version)

    def _set_aside(self, path: Path, why: object) -> Queue:
        _LOG.info("the queue of downloads cannot be read: %s", why)
        try:
            path.replace(path.with_name(f"{path.name}.bak"))
        except OSError as error:
            _LOG.info("it stays where it is: %s", error)
        return Queue()


def _place(entry: Entry) -> tuple[HubModel, Path]:
    """What makes two entries the same download."""
    return entry.model, entry.folder
