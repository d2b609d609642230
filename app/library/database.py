"""What the library remembers between two starts, in one SQLite file.

Each table has the same shape: a path, the size and the time of change of the file at which it was
written down, and a value as JSON. Several processes may use the file at once. It is made anew when
it is damaged, and nothing that fails here costs more than the memory.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

VERSION = 1  # of the tables
BUSY_SECONDS = 5.0
# Primary result codes of SQLite: SQLITE_CORRUPT, SQLITE_NOTADB.
DAMAGED = (11, 26)
BUSY = 5  # SQLITE_BUSY: another process makes the tables just now
_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class Table(StrEnum):
    """What is remembered."""

    FACTS = "facts"  # what a file's header says
    HASHES = "hashes"  # SHA-256 of a file's content
    USED = "used"  # when a model was used last
    SOURCES = "sources"  # from where Hearth has fetched a file
    KNOWN = "known"  # the models that were here, for those that are away
    MOUNTS = "mounts"  # on which drive a folder of models was
    TRASH = "trash"  # folders with what was deleted
    RENEWALS = "renewals"  # which newer version is to take a file's place


class Row(NamedTuple):
    """One entry; size and time are 0 where it does not depend on them."""

    value: Any
    size: int = 0  # bytes
    mtime_ns: int = 0


class LibraryDatabase:
    """Each call opens the file for itself, so that any thread and any process can use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self, table: Table) -> dict[Path, Row]:
        """A whole table; empty where it cannot be read."""

        def work(connection: sqlite3.Connection) -> dict[Path, Row]:
            rows = connection.execute(f"SELECT path, value, size, mtime_ns FROM {table}")  # noqa: S608
            return {
                Path(os.fsdecode(path)): Row(json.loads(value), size, mtime_ns)
                for path, value, size, mtime_ns in rows
            }

        return self._run(work, {})

    def write(self, table: Table, rows: Mapping[Path, Row], gone: Iterable[Path] = ()) -> bool:
        """Puts rows in the place of those of the same paths, and takes others away, all at once."""
        added = [
            (os.fsencode(path), row.size, row.mtime_ns, json.dumps(row.value))
            for path, row in rows.items()
        ]
        removed = [(os.fsencode(path),) for path in gone]
        if not added and not removed:
            return True

        def work(connection: sqlite3.Connection) -> bool:
            connection.executemany(f"DELETE FROM {table} WHERE path = ?", removed)  # noqa: S608
            connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", added)  # noqa: S608
            return True

        return self._run(work, False)

    def _run(self, work: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        """Does `work` in one transaction, once more in a new file where the old one is damaged."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    with closing(self._open()) as connection, connection:
                        return work(connection)
                except (OSError, sqlite3.Error, ValueError) as error:
                    _LOG.info("the library's memory cannot be used: %s", error)
                    if attempt == 2 or not (_is_busy(error) or self._is_replaced(error)):
                        break
        return otherwise

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_replaced(self, error: Exception) -> bool:
        """Keeps a damaged file under another name; returns whether its place is free then."""
        if not _is_damage(error):
            return False
        try:
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            self.path.replace(self.path.with_name(f"{self.path.name}.bak"))
        except OSError as hindrance:
            _LOG.info("the library's damaged memory cannot be replaced: %s", hindrance)
            return False
        return True


def _prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables where they are missing."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise _Unusable(f"its version is {version}")
    if version < VERSION:
        connection.execute("PRAGMA journal_mode = WAL")
        for table in Table:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (path BLOB PRIMARY KEY, size INTEGER NOT NULL,"
                " mtime_ns INTEGER NOT NULL, value TEXT NOT NULL) STRICT"
            )
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()
    connection.execute("PRAGMA synchronous = NORMAL")  # what the power takes is found again


class _Unusable(sqlite3.DatabaseError):
    """A newer Hearth wrote the file: it is left alone."""


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == BUSY


def _is_damage(error: Exception) -> bool:
    if isinstance(error, _Unusable | OSError):
        return False
    if isinstance(error, ValueError):  # a value that is no JSON
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    text = str(error)
    return code & 0xFF in DAMAGED or text.startswith(("no such table", "no such column"))
