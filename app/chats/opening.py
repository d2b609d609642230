"""Opens the history, or the best that can be had where that fails."""

from __future__ import annotations

import contextlib
from pathlib import Path

from app.chats.database import Database
from app.errors import NewerDatabase, StorageError

NOT_KEPT = " Until then, new chats last only until Hearth is closed."


async def open_history(path: Path) -> tuple[Database, StorageError | None]:
    """The database in `path`, or one in memory and the reason.

    A file that may only be read is copied into memory, so that its chats can still be seen.
    """
    database = Database(path)
    try:
        await database.open()
    except NewerDatabase as error:
        problem: StorageError = error
    except StorageError as error:
        problem = error
    else:
        return database, None
    database = Database(None)
    await database.open()
    if path.exists() and not isinstance(problem, NewerDatabase):
        with contextlib.suppress(StorageError):
            await database.copy_from(path)
    problem.remedy += NOT_KEPT
    return database, problem
