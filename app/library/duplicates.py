"""Finds files with the same content, by size first, then by samples, then by SHA-256."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from app.library import removal
from app.library.database import LibraryDatabase, Row, Table
from app.library.records import Duplicate, LibraryModel, Presence
from app.library.stores.store import Identity, has_folder, identity_of

SAMPLE = 64 << 10  # bytes at the beginning, in the middle and at the end
STEP = 8 << 20  # bytes between two looks at whether to stop
_LOG = logging.getLogger(__name__)
Progress = Callable[[int, int], None]  # bytes done and in all
Key = TypeVar("Key", bound=Hashable)


async def find(
    models: Iterable[LibraryModel],
    database: LibraryDatabase,
    on_progress: Progress = lambda _done, _total: None,
) -> tuple[Duplicate, ...]:
    """The files that are there more than once, what frees most first; to cancel, cancel the task.

    It reads what it has not read before, on a thread. `on_progress` is called on the loop's.
    """
    files = [
        file for model in models if model.presence is not Presence.AWAY for file in model.files
    ]
    stop = threading.Event()
    loop = asyncio.get_running_loop()

    def report(done: int, total: int) -> None:
        if not stop.is_set():
            loop.call_soon_threadsafe(on_progress, done, total)

    work = asyncio.ensure_future(asyncio.to_thread(search, files, database, report, stop.is_set))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        raise


def search(
    files: Sequence[Path],
    database: LibraryDatabase,
    report: Progress = lambda _done, _total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> tuple[Duplicate, ...]:
    """The same on the caller's thread; what was found so far when it is stopped."""
    sizes = _distinct(files)
    alike = [
        path
        for same_size in _several(sizes, sizes.__getitem__)
        for same_sample in _several(same_size, _sample)
        for path in same_sample
    ]
    hasher = _Hasher(database, sum(sizes[path] for path in alike), report, is_stopped)
    found = [
        Duplicate(digest, sizes[same[0]], tuple(same), _freed(sizes[same[0]], same))
        for digest, same in _grouped(alike, hasher.digest).items()
    ]
    hasher.forget()
    worth = [each for each in found if each.could_be_freed]
    return tuple(sorted(worth, key=lambda each: (-each.could_be_freed, each.files)))


def _freed(size: int, files: Sequence[Path]) -> int:
    """The bytes that are free when all but one of them go.

    Nothing is free after a link, or after one of several names that a file has.
    """
    weighty = sum(removal.freed(removal.with_blobs(file)) > 0 for file in files)
    return size * min(len(files) - 1, weighty)


def _distinct(files: Iterable[Path]) -> dict[Path, int]:
    """Size by file; of several names of one file the first counts, and empty ones do not."""
    seen: set[Identity] = set()
    sizes: dict[Path, int] = {}
    for file in files:
        identity = identity_of(file)
        if identity is None or identity in seen:
            continue
        seen.add(identity)
        try:
            size = file.stat().st_size
        except OSError:
            continue
        if size:
            sizes[file] = size
    return sizes


def _several(files: Iterable[Path], key: Callable[[Path], Key | None]) -> list[list[Path]]:
    """Groups of at least two files that have the same key; those without one are left out."""
    return list(_grouped(files, key).values())


def _grouped(files: Iterable[Path], key: Callable[[Path], Key | None]) -> dict[Key, list[Path]]:
    """The same by their keys."""
    groups: defaultdict[Key, list[Path]] = defaultdict(list)
    for file in files:
        value = key(file)
        if value is not None:
            groups[value].append(file)
    return {value: group for value, group in groups.items() if len(group) > 1}


def _sample(file: Path) -> bytes | None:
    """A digest of three pieces, which tells most files of one size apart."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            for place in (0, size // 2, max(0, size - SAMPLE)):
                stream.seek(place)
                digest.update(stream.read(SAMPLE))
    except OSError as error:
        _LOG.info("%s is not compared: %s", file, error)
        return None
    return digest.digest()


class _Hasher:
    """Digests of whole files, from the database where they were made before."""

    def __init__(
        self,
        database: LibraryDatabase,
        total: int,
        report: Progress,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._database = database
        self._known = database.read(Table.HASHES) if total else {}
        self._total = total
        self._done = 0
        self._report = report
        self._is_stopped = is_stopped

    def digest(self, file: Path) -> str | None:
        """The SHA-256 of a file as hex; None where it changed, cannot be read, or time is up."""
        try:
            with file.open("rb") as stream:
                before = os.fstat(stream.fileno())
                row = self._known.get(file)
                if row and (row.size, row.mtime_ns) == (before.st_size, before.st_mtime_ns):
                    self._advance(before.st_size)
                    return str(row.value)
                digest = hashlib.sha256()
                while piece := stream.read(STEP):
                    if self._is_stopped():
                        return None
                    digest.update(piece)
                    self._advance(len(piece))
                after = os.fstat(stream.fileno())
        except OSError as error:
            _LOG.info("%s is not compared: %s", file, error)
            return None
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            return None  # it is being written
        made = Row(digest.hexdigest(), after.st_size, after.st_mtime_ns)
        self._known[file] = made
        self._database.write(Table.HASHES, {file: made})
        return str(made.value)

    def forget(self) -> None:
        """Drops what is remembered of files that are gone; of those that are away it stays."""
        gone = [
            path for path in self._known if not os.path.lexists(path) and has_folder(path.parent)
        ]
        if gone:
            self._database.write(Table.HASHES, {}, gone)

    def _advance(self, count: int) -> None:
        self._done = min(self._total, self._done + count)
        self._report(self._done, self._total)
