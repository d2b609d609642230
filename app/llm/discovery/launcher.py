"""Becomes another program, which Linux then ends together with Hearth.

The parent-death signal (prctl(2)) has to be set in the new process itself. Doing so between fork
and exec is not safe in a program with threads, so Hearth starts itself with a hidden command, and
that process sets the signal and turns into the server: it keeps its number, its output and its
parent.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from app import processes

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in linux/prctl.h
FAILED = 127  # as shells say of a command that cannot be run


def command(argv: Sequence[str], death: signal.Signals, folder: str) -> list[str]:
    """The command that runs `argv` in `folder` and has it get `death` when this process ends."""
    own = [*processes.own_command(), processes.LAUNCH]
    return [*own, str(os.getpid()), str(int(death)), folder, *argv]


def run(arguments: Sequence[str]) -> int:
    """Becomes the program; returns only where that fails."""
    parent, death, folder, *argv = arguments
    if sys.platform == "linux":
        _die_with(int(parent), int(death))
        # Python ignores it, and what is ignored stays so in the new program.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.chdir(folder)
        os.execve(argv[0], argv, processes.foreign_environment())  # noqa: S606 - no shell is wanted
    except OSError as error:
        print(f"{argv[0]} could not be started: {error}", file=sys.stderr, flush=True)
    return FAILED


def _die_with(parent: int, death: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, death)
    if os.getppid() != parent:  # it has ended already, before the signal was set
        os._exit(FAILED)
