"""Computers of many kinds, as files of /proc and /sys and as what their tools print."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.llm.optimizer.machine import reading
from app.llm.optimizer.machine.records import Computer, Memory, Power, Processor

GIB = 1 << 30


class CapturedTools:
    """Answers a command with what the tool has printed there; keeps what was asked."""

    def __init__(self, outputs: Mapping[str, str], delay: float = 0) -> None:
        self.outputs = outputs
        self.delay = delay
        self.asked: list[tuple[str, ...]] = []

    def run(self, command: Sequence[str], seconds: float) -> str | None:
        self.asked.append(tuple(command))
        time.sleep(min(self.delay, seconds))
        return None if self.delay > seconds else self.outputs.get(command[0])


@dataclass(frozen=True)
class CapturedCalls:
    """What the libraries of the system have answered there."""

    counted: Processor = field(default_factory=Processor)
    memory_told: Memory = field(default_factory=Memory)
    power_told: Power = field(default_factory=Power)
    cpus: frozenset[int] = frozenset()
    information: bytes = b""
    abilities: frozenset[int] = frozenset()

    def processor(self) -> Processor:
        return self.counted

    def memory(self) -> Memory:
        return self.memory_told

    def power(self) -> Power:
        return self.power_told

    def affinity(self) -> frozenset[int]:
        return self.cpus

    def core_information(self) -> bytes:
        return self.information

    def features(self) -> frozenset[int]:
        return self.abilities


@dataclass(frozen=True)
class Machine:
    """A computer, as it looks to the readers."""

    system: str = "linux"
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)  # by the name of the tool
    calls: CapturedCalls = field(default_factory=CapturedCalls)

    def lay(self, root: Path) -> Path:
        """Writes the files below a folder, which it returns."""
        for name, text in self.files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        return root

    def read(self, root: Path) -> Computer:
        """What all the readers make of it."""
        tools = CapturedTools(self.outputs)
        return reading.read(tools, self.calls, root=self.lay(root), system=self.system, seconds=30)
