"""The SQLite file: opened, migrated, and used from one thread of its own.

Write-ahead logging, so that a killed process loses nothing that was committed; foreign keys on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from app.chats import migrations
from app.errors import NewerDatabase, StorageError

BUSY_SECONDS = 5.0
_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class Database:
    """A connection whose every use happens on its own thread, one transaction at a time."""

    def __init__(self, path: Path | None) -> None:
        """Prepares a database in `path`, or in memory for None; `open` does the work."""
        self.path = path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="chats")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Opens the file, and creates or migrates what is in it.

        Raises:
            NewerDatabase: a newer Hearth wrote it.
            StorageError: it cannot be opened, read or written.
        """
        try:
            await self._on_thread(self._open)
        except StorageError:
            await self.close()
            raise

    async def copy_from(self, path: Path) -> None:
        """Fills a database in memory with what is in a file that may not be written.

        Raises:
            StorageError: the file cannot be read.
        """

        def copy() -> None:
            assert self._connection is not None  # noqa: S101 - it is open
            with contextlib.closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            ) as source:
                source.backup(self._connection)
                _migrate(self._connection, None)

        await self._on_thread(copy)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does `work` in one transaction; a StorageError means that nothing of it was done."""

        def transaction() -> Result:
            if self._connection is None:
                raise StorageError("The chat history is closed.", "Start Hearth again.")
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)

        return await self._on_thread(transaction)

    async def close(self) -> None:
        """Waits for what is running, and closes the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(StorageError):
                await self._on_thread(connection.close)
        self._executor.shutdown()

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()

        def translated() -> Result:
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                raise explained(error, self.path) from error

        # Shielded: a cancelled task must not leave a transaction that nobody knows the end of.
        return await asyncio.shield(loop.run_in_executor(self._executor, translated))

    def _open(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path or ":memory:",
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            _refuse_newer(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > len(migrations.SCRIPTS):
        raise NewerDatabase(
            "These chats were written by a newer Hearth.",
            "Update Hearth, or start this one with another data folder: hearth --home FOLDER.",
            f"schema {version}; this Hearth knows up to {len(migrations.SCRIPTS)}",
        )


def _migrate(connection: sqlite3.Connection, path: Path | None) -> None:
    """Brings the schema up to date, step by step; an older file is copied aside first."""
    _refuse_newer(connection)
    version = _version(connection)
    if 0 < version < len(migrations.SCRIPTS) and path is not None:
        backup = path.with_name(f"{path.name}.v{version}.bak")
        with contextlib.closing(sqlite3.connect(backup)) as target:
            connection.backup(target)
        _LOG.info("the chats of schema %d were copied to %s", version, backup)
    for number, script in enumerate(migrations.SCRIPTS[version:], start=version + 1):
        connection.executescript(f"BEGIN;{script};PRAGMA user_version = {number};COMMIT;")


def explained(error: sqlite3.Error | OSError, path: Path | None) -> StorageError:
    """The same error, in words that help."""
    where = str(path.parent) if path else "memory"
    text = str(error)
    if "full" in text or getattr(error, "errno", None) == 28:
        return StorageError(
            "The disk is full, so the chat could not be saved.",
            f"Free some space on the drive of {where}; Hearth tries again by itself.",
            text,
        )
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return StorageError(
            f"Hearth cannot write to its data folder, {where}.",
            "Change the folder's permissions, or choose another: hearth --home FOLDER.",
            text,
        )
    if "malformed" in text or "not a database" in text:
        return StorageError(
            "The file with the chats is damaged.",
            f"It is still in {where}: put a backup in its place, or move it away to begin anew.",
            text,
        )
    if "locked" in text:
        return StorageError(
            "Another program is using the chats right now.",
            "Close the other program that has them open, and try again.",
            text,
        )
    return StorageError(
        "The chats could not be read or written.", f"Check the drive of {where}.", text
    )
