"""Sees to it that one data folder has one Hearth."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.errors import AlreadyRunning

PID_SUFFIX = ".pid"


def is_held(path: Path) -> bool:
    """Whether a lock seems to be held: a quick look, for a process that would rather not wait.

    The owner's process number lies beside the lock; after a crash it may lie there in vain.
    """
    return path.with_suffix(PID_SUFFIX).exists()


class InstanceLock:
    """Held while Hearth runs; the system frees it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # here, since `is_held` comes before the first paint

        self._path = path
        self._lock = FileLock(path, timeout=0)

    @property
    def held(self) -> bool:
        """Whether this process is the one."""
        return self._lock.is_locked

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            AlreadyRunning: another process holds it.
            OSError: the folder cannot be written.
        """
        from filelock import Timeout

        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise AlreadyRunning(
                f"Hearth is already open on {self._path.parent}{self._owner()}.",
                "Use the window that is open, or start this one with a folder of its own: "
                "hearth --home FOLDER.",
            ) from None
        with contextlib.suppress(OSError):
            self._pid_file.write_text(str(os.getpid()), encoding="ascii")

    def release(self) -> None:
        """Gives the lock back."""
        if self.held:
            with contextlib.suppress(OSError):
                self._pid_file.unlink(missing_ok=True)
            self._lock.release()

    @property
    def _pid_file(self) -> Path:
        return self._path.with_suffix(PID_SUFFIX)

    def _owner(self) -> str:
        try:
            return f" (process {int(self._pid_file.read_text(encoding='ascii'))})"
        except (OSError, ValueError):
            return ""
