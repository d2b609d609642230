"""Runs the tools of an operating system that tell of its hardware, such as nvidia-smi."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Protocol

from app import processes
from app.llm.optimizer.machine.values import LARGEST_FILE

# Where tools are that the search path of a desktop program may leave out.
FOLDERS = ("/usr/lib/wsl/lib", "/opt/rocm/bin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")
ENDING = 0.2  # seconds for a tool that was killed; one that hangs in its driver does not end


class Tools(Protocol):
    """Runs a command for what it prints."""

    def run(self, command: Sequence[str], seconds: float) -> str | None:
        """Its standard output, whatever its exit code; None where it is missing or too slow."""
        ...


class SystemTools:
    """The tools of this computer; any thread may run one, and `close` ends them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def close(self) -> None:
        """Ends what runs, which has told nothing then, and runs nothing more."""
        with self._lock:
            self._is_closed = True
            for process in self._running:
                process.kill()

    def run(self, command: Sequence[str], seconds: float) -> str | None:
        """Its standard output, whatever its exit code; None where it is missing or too slow."""
        program = shutil.which(command[0], path=_search_path())
        if program is None or self._is_closed:
            return None
        # A file, not a pipe: a child that outlives the tool could hold a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(  # noqa: S603 - the commands are ours
                    [program, *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    env={**processes.foreign_environment(), "LC_ALL": "C"},
                    creationflags=_no_window(),
                )
            except (OSError, ValueError):
                return None
            if not self._has_ended(process, seconds):
                return None
            output.seek(0)
            return output.read(LARGEST_FILE).decode("utf-8", "replace")

    def _has_ended(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Whether a tool has ended by itself in time; else it is killed."""
        with self._lock:
            self._running.add(process)
            if self._is_closed:
                process.kill()
        in_time = _ended(process, seconds)
        if not in_time:
            process.kill()
            _ended(process, ENDING)
        with self._lock:
            self._running.discard(process)
            return in_time and not self._is_closed


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _search_path() -> str:
    usual = os.environ.get("PATH", os.defpath)
    return usual if sys.platform == "win32" else os.pathsep.join((usual, *FOLDERS))


def _no_window() -> int:
    """On Windows, a console program would open one for a moment."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0
