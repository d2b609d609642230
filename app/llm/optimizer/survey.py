"""The facts about this computer, read once; free memory and power anew at each question."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace

from app.llm.optimizer.machine import linux, reading
from app.llm.optimizer.machine.calls import SystemCalls
from app.llm.optimizer.machine.records import Computer, Memory, Power
from app.llm.optimizer.machine.usability import judge
from app.schema import EngineBuild

FindBuild = Callable[[], EngineBuild | None]


class Survey:
    """Any thread may ask; each question may block."""

    def __init__(self, build: FindBuild, read: Callable[[], Computer] = reading.read) -> None:
        """`build` asks llama.cpp for its devices, None where it cannot be loaded."""
        self._build = build
        self._read = read
        self._lock = threading.Lock()
        self._known: Computer | None = None

    def now(self) -> Computer:
        """The facts, with what is free now; the first time it takes up to two seconds."""
        with self._lock:
            if self._known is None:
                self._known = self._read()
                known = self._known
            else:
                known = replace(self._known, memory=_memory(), power=_power())
        return replace(known, gpus=judge(known.gpus, self._build()))

    def renew(self) -> Computer:
        """Reads everything afresh."""
        with self._lock:
            self._known = None
        return self.now()


def _memory() -> Memory:
    return linux.memory() if sys.platform == "linux" else SystemCalls().memory()


def _power() -> Power:
    return linux.power() if sys.platform == "linux" else SystemCalls().power()
