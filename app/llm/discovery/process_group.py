"""Ends a child process together with all that it has started."""

from __future__ import annotations

import os
import signal
import sys


def terminate(leader: int) -> None:
    """Asks the group to end; on Windows, where nothing can be asked, ends it."""
    _send(leader, signal.SIGTERM)


def kill(leader: int) -> None:
    """Ends the group at once; a group that is gone already is no error."""
    _send(leader, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def _send(leader: int, number: signal.Signals) -> None:
    if sys.platform == "win32":
        import psutil

        try:
            process = psutil.Process(leader)
            members = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for member in members:
            try:
                member.kill()
            except psutil.Error:
                continue
    else:
        try:
            os.killpg(leader, number)
        except (ProcessLookupError, PermissionError):
            return
