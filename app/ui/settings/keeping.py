"""Writes the settings a moment after the last change, so that typing does not write each key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.errors import StorageError

if TYPE_CHECKING:
    from app.settings import SettingsFile
    from app.ui.tasks import Tasks

DELAY = 300  # milliseconds


class Keeper(QObject):
    """Lives as long as the window: a change of its look must not lose what was just set."""

    def __init__(
        self,
        file: SettingsFile,
        tasks: Tasks,
        failed: Callable[[StorageError], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._file = file
        self._tasks = tasks
        self._failed = failed
        self._writing = asyncio.Lock()
        self._is_due = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self.flush)

    def keep(self) -> None:
        """Something was set."""
        self._is_due = True
        self._timer.start()

    def flush(self) -> None:
        """Writes now what waits."""
        self._timer.stop()
        if self._is_due:
            self._tasks.spawn(self, self._write())

    async def aclose(self) -> None:
        """Writes what waits, and returns when it is written."""
        self._timer.stop()
        await self._write()

    async def _write(self) -> None:
        async with self._writing:
            if not self._is_due:
                return
            self._is_due = False
            try:
                await asyncio.to_thread(self._file.save)
            except StorageError as error:
                self._failed(error)
