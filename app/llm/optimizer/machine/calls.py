"""What the libraries of operating systems tell, where no file and no tool says it as well."""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import Protocol

import psutil

from app.llm.optimizer.machine.records import Memory, Power, Processor
from app.llm.optimizer.machine.windows_cores import PROCESSOR_CORE

FEATURES = range(64)  # winnt.h, PF_…


class Calls(Protocol):
    """The calls that a reading may make; each may raise OSError."""

    def processor(self) -> Processor:
        """The number of cores."""
        ...

    def memory(self) -> Memory:
        """The memory and the swap space."""
        ...

    def power(self) -> Power:
        """Where the current comes from."""
        ...

    def affinity(self) -> frozenset[int]:
        """The CPUs that this process may run on; none where the system does not tell."""
        ...

    def core_information(self) -> bytes:
        """What Windows' GetLogicalProcessorInformationEx gives of the cores."""
        ...

    def features(self) -> frozenset[int]:
        """The numbers of the abilities for which Windows' IsProcessorFeaturePresent says yes."""
        ...


class SystemCalls:
    """The calls of this computer's system."""

    def processor(self) -> Processor:
        """The number of cores."""
        return Processor(
            name=platform.processor(),
            architecture=platform.machine(),
            logical_cores=psutil.cpu_count(),
            physical_cores=psutil.cpu_count(logical=False),
        )

    def memory(self) -> Memory:
        """The memory and the swap space."""
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Memory(
            total=memory.total,
            available=memory.available,
            swap_total=swap.total,
            swap_free=swap.free,
        )

    def power(self) -> Power:
        """Where the current comes from."""
        battery = psutil.sensors_battery()
        if battery is None:
            return Power()
        percent = round(battery.percent)
        return Power(
            on_battery={True: False, False: True}.get(battery.power_plugged),
            percent=percent if 0 <= percent <= 100 else None,
        )

    def affinity(self) -> frozenset[int]:
        """The CPUs that this process may run on; none where the system does not tell."""
        if sys.platform == "darwin":
            return frozenset()
        return frozenset(psutil.Process().cpu_affinity())

    def core_information(self) -> bytes:
        """What GetLogicalProcessorInformationEx gives of the cores; nothing elsewhere."""
        if sys.platform == "win32":
            call = ctypes.WinDLL("kernel32").GetLogicalProcessorInformationEx
            needed = ctypes.c_ulong(0)
            call(PROCESSOR_CORE, None, ctypes.byref(needed))
            buffer = ctypes.create_string_buffer(needed.value)
            if call(PROCESSOR_CORE, buffer, ctypes.byref(needed)):
                return buffer.raw
        return b""

    def features(self) -> frozenset[int]:
        """The numbers of the abilities that Windows finds in the processor; none elsewhere."""
        if sys.platform == "win32":
            has = ctypes.WinDLL("kernel32").IsProcessorFeaturePresent
            return frozenset(number for number in FEATURES if has(number))
        return frozenset()
