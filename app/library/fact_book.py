"""Remembers the facts of files, so that each is read once and not again until it changes."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from app.library import facts
from app.library.database import LibraryDatabase, Row, Table
from app.library.facts import Facts
from app.library.records import Presence
from app.library.stores import names
from app.library.stores.store import StoreFile

SETTLE_SECONDS = 10.0  # a file that changed so lately and is incomplete may still be written
BATCH = 32  # files; what was read is kept at least so often
STILL_WRITTEN = "If it is being copied or fetched now, it is ready when that is done."
BEGINNINGS = (b"", b"GGUF", b"\0\0\0\0")  # of a file that is being written


class FactBook:
    """Facts by path, size and time of change; for one thread at a time."""

    def __init__(self, database: LibraryDatabase, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives the seconds since the epoch, as files have them."""
        self._database = database
        self._clock = clock
        self._known: dict[Path, tuple[int, int, Facts]] | None = None

    def of(
        self, files: Iterable[StoreFile], is_stopped: Callable[[], bool] = lambda: False
    ) -> dict[Path, Facts]:
        """The facts of each file: remembered, else read, which takes milliseconds for each.

        Those that are gone when they are to be read are left out.
        """
        known = self._load()
        found: dict[Path, Facts] = {}
        news: dict[Path, Row] = {}
        for file in files:
            at = known.get(file.path)
            if at is not None and at[:2] == (file.size, file.mtime_ns):
                found[file.path] = at[2]
                continue
            if file.presence is not Presence.HERE:
                found[file.path] = Facts(name=names.title(file.path))
                continue
            if is_stopped():
                break
            made = self._read(file)
            if not made.is_readable and not os.path.lexists(file.path):
                continue
            found[file.path] = made
            if made.is_final and made.is_readable:
                known[file.path] = (file.size, file.mtime_ns, made)
                value = {"version": facts.VERSION, **made.as_json()}
                news[file.path] = Row(value, file.size, file.mtime_ns)
            if len(news) >= BATCH:
                self._database.write(Table.FACTS, news)
                news = {}
        self._database.write(Table.FACTS, news)
        return found

    def forget(self, is_gone: Callable[[Path], bool]) -> None:
        """Drops the facts of files that are not there any more."""
        known = self._load()
        gone = [path for path in known if is_gone(path)]
        for path in gone:
            del known[path]
        self._database.write(Table.FACTS, {}, gone)

    def _load(self) -> dict[Path, tuple[int, int, Facts]]:
        if self._known is None:
            self._known = {}
            for path, row in self._database.read(Table.FACTS).items():
                try:
                    values = dict(row.value)
                    if values.pop("version") == facts.VERSION:
                        made = Facts.from_json(values)
                        self._known[path] = (row.size, row.mtime_ns, made)
                except (KeyError, TypeError, ValueError):
                    continue  # it is read from the file again
        return self._known

    def _read(self, file: StoreFile) -> Facts:
        made = facts.read(file.path)
        if made.problem and self._may_be_growing(file):
            problem = f"{made.problem} {STILL_WRITTEN}"
            return dataclasses.replace(made, problem=problem, is_final=False)
        return made

    def _may_be_growing(self, file: StoreFile) -> bool:
        if abs(self._clock() - file.modified) > SETTLE_SECONDS:
            return False
        try:
            with file.path.open("rb") as stream:
                return stream.read(4) in BEGINNINGS
        except OSError:
            return False
