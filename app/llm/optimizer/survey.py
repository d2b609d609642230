"""The facts about this computer, read once; free memory and power anew at each question."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from app.llm.optimizer.machine import linux, reading
from app.llm.optimizer.machine.calls import SystemCalls
from app.llm.optimizer.machine.records import Computer, Memory, Power
from app.llm.optimizer.machine.tools import SystemTools, Tools
from app.llm.optimizer.machine.usability import judge
from app.schema import EngineBuild

FindBuild = Callable[[], EngineBuild | None]
Read = Callable[[Tools], Computer]
ENDING = 0.5  # seconds for a reading that is given up; a tool that hangs in its driver does not end


class Surveys(Protocol):
    """Tells the facts about this computer."""

    def now(self) -> Computer:
        """With what is free now; may block for two seconds."""
        ...


class Renews(Surveys, Protocol):
    """Reads the facts anew, too."""

    def renew(self) -> Computer:
        """Reads everything afresh."""
        ...


class Survey:
    """Any thread may ask; each question may block."""

    def __init__(self, build: FindBuild, read: Read = reading.read) -> None:
        """`build` asks llama.cpp for its devices, None where it cannot be loaded."""
        self._build = build
        self._read = read
        self._tools = SystemTools()
        self._lock = threading.Lock()
        self._known: Computer | None = None

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Meanwhile a thread reads, so that the first question finds the facts.

        At the end a reading that is under way is given up, and nothing is to be asked afterwards.
        The thread is a daemon: one whose tool hangs in a driver keeps nobody from leaving.
        """
        thread = threading.Thread(target=self._read_ahead, name="survey", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._tools.close()
            thread.join(ENDING)

    def now(self) -> Computer:
        """The facts, with what is free now; the first time it takes up to two seconds."""
        with self._lock:
            if self._known is None:
                self._known = self._read(self._tools)
                known = self._known
            else:
                known = replace(self._known, memory=_memory(), power=_power())
        return replace(known, gpus=judge(known.gpus, self._build()))

    def renew(self) -> Computer:
        """Reads everything afresh."""
        with self._lock:
            self._known = None
        return self.now()

    def _read_ahead(self) -> None:
        with self._lock:
            if self._known is None:
                self._known = self._read(self._tools)


def _memory() -> Memory:
    return linux.memory() if sys.platform == "linux" else SystemCalls().memory()


def _power() -> Power:
    return linux.power() if sys.platform == "linux" else SystemCalls().power()
