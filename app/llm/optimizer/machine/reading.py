"""Reads all facts about a computer at once, within a given time."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.llm.optimizer.machine import gpus as cards
from app.llm.optimizer.machine import linux, linux_gpus, macos, nvidia, vulkan, windows
from app.llm.optimizer.machine.calls import Calls, SystemCalls
from app.llm.optimizer.machine.questions import Question, ask
from app.llm.optimizer.machine.records import (
    Computer,
    Gpu,
    Memory,
    Power,
    Processor,
    Surroundings,
)
from app.llm.optimizer.machine.tools import SystemTools, Tools
from app.llm.optimizer.machine.windows_cores import cores

SECONDS = 2.0
# Of that, what a tool may take: it is stopped before the reading ends, and leaves nothing behind.
TOOL_SHARE = 0.85
NO_GPUS: tuple[Gpu, ...] = ()
NO_NUMBERS: frozenset[int] = frozenset()


def read(
    tools: Tools | None = None,
    calls: Calls | None = None,
    *,
    root: Path = Path("/"),
    system: str = sys.platform,
    seconds: float = SECONDS,
) -> Computer:
    """All facts; what cannot be read in time is unknown. Raises nothing.

    Args:
        tools: run commands such as nvidia-smi; none: those of this computer.
        calls: of the system's libraries; none: those of this computer.
        root: the folder that stands for / on Linux.
        system: as in sys.platform.
        seconds: how long it may take in all.
    """
    tools, calls = tools or SystemTools(), calls or SystemCalls()
    if system == "linux":
        return _linux(tools, root, seconds)
    if system == "darwin":
        return _macos(tools, seconds)
    if system == "win32":
        return _windows(tools, calls, seconds)
    return _other(tools, calls, seconds)


def _linux(tools: Tools, root: Path, seconds: float) -> Computer:
    time = seconds * TOOL_SHARE
    processor = Question("processor", lambda: linux.processor(root), Processor())
    memory = Question("memory", lambda: linux.memory(root), Memory())
    power = Question("power", lambda: linux.power(root), Power())
    surroundings = Question("system", lambda: linux.surroundings(root), Surroundings())
    gpus = (
        Question("nvidia-smi", lambda: nvidia.gpus(tools, time, root), NO_GPUS),
        Question("NVIDIA's driver", lambda: nvidia.of_driver(root), NO_GPUS),
        Question("graphics cards", lambda: linux_gpus.gpus(root), NO_GPUS),
        Question("rocm-smi", lambda: linux_gpus.rocm(tools, time), NO_GPUS),
        Question("vulkaninfo", lambda: vulkan.gpus(tools, time), NO_GPUS),
    )
    ask((processor, memory, power, surroundings, *gpus), seconds)
    return Computer(
        processor.answer,
        memory.answer,
        cards.merge(question.answer for question in gpus),
        power.answer,
        surroundings.answer,
    )


def _macos(tools: Tools, seconds: float) -> Computer:
    time = seconds * TOOL_SHARE
    processor = Question("processor", lambda: macos.processor(tools, time), Processor())
    memory = Question("memory", lambda: macos.memory(tools, time), Memory())
    gpus = Question("graphics cards", lambda: macos.gpus(tools, time), NO_GPUS)
    power = Question("power", lambda: macos.power(tools, time), Power())
    surroundings = Question("system", lambda: macos.surroundings(tools, time), Surroundings())
    ask((processor, memory, gpus, power, surroundings), seconds)
    return Computer(processor.answer, memory.answer, gpus.answer, power.answer, surroundings.answer)


def _windows(tools: Tools, calls: Calls, seconds: float) -> Computer:
    time = seconds * TOOL_SHARE
    nothing: Mapping[str, Any] = {}
    cim = Question("CIM", lambda: windows.ask(tools, time), nothing)
    counted = Question("processor", calls.processor, Processor())
    memory = Question("memory", calls.memory, Memory())
    power = Question("power", calls.power, Power())
    affinity = Question("affinity", calls.affinity, NO_NUMBERS)
    information = Question("cores", calls.core_information, b"")
    features = Question("features", calls.features, NO_NUMBERS)
    smi = Question("nvidia-smi", lambda: nvidia.gpus(tools, time, Path("none")), NO_GPUS)
    summary = Question("vulkaninfo", lambda: vulkan.gpus(tools, time), NO_GPUS)
    questions: Sequence[Question[Any]] = (
        cim, counted, memory, power, affinity, information, features, smi, summary,
    )  # fmt: skip
    ask(questions, seconds)
    every = cores(information.answer)
    told = windows.Told(cim.answer, every, features.answer)
    processor = windows.processor(told, counted.answer)
    return Computer(
        windows.allowed(processor, every, affinity.answer),
        memory.answer,
        cards.merge((smi.answer, windows.gpus(cim.answer), summary.answer)),
        power.answer,
        windows.surroundings(cim.answer),
    )


def _other(tools: Tools, calls: Calls, seconds: float) -> Computer:
    """Of another system, such as FreeBSD, what its libraries tell."""
    time = seconds * TOOL_SHARE
    processor = Question("processor", calls.processor, Processor())
    memory = Question("memory", calls.memory, Memory())
    power = Question("power", calls.power, Power())
    smi = Question("nvidia-smi", lambda: nvidia.gpus(tools, time, Path("none")), NO_GPUS)
    summary = Question("vulkaninfo", lambda: vulkan.gpus(tools, time), NO_GPUS)
    ask((processor, memory, power, smi, summary), seconds)
    return Computer(
        processor.answer,
        memory.answer,
        cards.merge((smi.answer, summary.answer)),
        power.answer,
        Surroundings(system=f"{platform.system()} {platform.release()}".strip()),
    )
