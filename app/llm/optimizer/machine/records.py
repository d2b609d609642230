"""What is known of a computer, as frozen values; None, "" and empty mean unknown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from app.llm.optimizer.machine.values import least

GIB = 1 << 30  # bytes
FINGERPRINT_LENGTH = 16  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class Cache:
    """A kind of cache of the processor: the bytes of one, and how many of them there are."""

    level: int
    kind: str  # data, instruction or unified
    size: int
    count: int | None = None


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A part of the memory with the processors that are near to it; memory in bytes."""

    number: int
    cpus: frozenset[int] = frozenset()
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor, and what of it this process may use."""

    name: str = ""
    vendor: str = ""
    architecture: str = ""  # x86_64, arm64, …
    logical_cores: int | None = None
    physical_cores: int | None = None
    performance_cores: int | None = None  # where all are alike, all of them
    efficiency_cores: int | None = None
    instruction_sets: frozenset[str] = frozenset()  # such as AVX2, AVX-512, AMX, NEON, SVE
    caches: tuple[Cache, ...] = ()
    numa_nodes: tuple[NumaNode, ...] = ()
    allowed_cpus: frozenset[int] | None = None  # by affinity and cpusets
    allowed_cores: int | None = None  # the physical cores among them
    allowed_performance_cores: int | None = None
    quota: float | None = None  # CPUs that the control groups grant
    governor: str = ""  # of the frequency

    @property
    def is_hybrid(self) -> bool:
        """Whether it has cores of two kinds."""
        return bool(self.performance_cores and self.efficiency_cores)

    @property
    def usable_cores(self) -> int | None:
        """Physical cores for threads: the least of what there is, what is allowed and granted."""
        found = least((self.physical_cores, self.allowed_cores, self._granted))
        return None if found is None else max(1, found)

    @property
    def usable_performance_cores(self) -> int | None:
        """As `usable_cores`, without efficiency cores; these where nothing else is allowed."""
        allowed = self.allowed_performance_cores
        fast = allowed if allowed is not None else self.performance_cores
        found = least((fast or None, self.usable_cores))
        return None if self.performance_cores is None else found

    @property
    def _granted(self) -> int | None:
        # More threads than the quota grants spin against each other and collapse.
        return None if self.quota is None else int(self.quota)


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of the computer, in bytes."""

    total: int | None = None
    available: int | None = None
    limit: int | None = None  # that the control groups grant
    limit_free: int | None = None  # of that, what is not in use
    swap_total: int | None = None
    swap_free: int | None = None

    @property
    def usable_total(self) -> int | None:
        """What this process could have at most."""
        return least((self.total, self.limit))

    @property
    def usable_available(self) -> int | None:
        """What this process could have now."""
        return least((self.available, self.limit, self.limit_free))


class Interface(StrEnum):
    """How programs compute on a GPU; the one that its maker means for it."""

    CUDA = "CUDA"
    ROCM = "ROCm"
    METAL = "Metal"
    VULKAN = "Vulkan"
    SYCL = "SYCL"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card or graphics unit; memory in bytes."""

    name: str
    vendor: str = ""  # NVIDIA, AMD, Intel, Apple, …
    interface: Interface = Interface.VULKAN
    total: int | None = None
    free: int | None = None
    driver: str = ""
    is_unified: bool | None = None  # it shares the memory of the processor
    is_usable: bool | None = None  # by the installed llama.cpp
    reason: str = ""  # why it cannot be used, as a sentence
    remedy: str = ""
    device: str = ""  # llama.cpp's name for it, such as CUDA0
    address: str = ""  # on the PCI bus, such as 0000:01:00.0
    hardware: str = ""  # vendor and device on the PCI bus, such as 10de:2684


@dataclass(frozen=True, slots=True)
class Power:
    """Where the current comes from, and how full the battery is."""

    on_battery: bool | None = None
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The operating system, and whether it is the real computer that it runs on."""

    system: str = ""  # such as Debian GNU/Linux 12 (bookworm)
    model: str = ""  # of the computer, such as Raspberry Pi 5 Model B Rev 1.0
    is_virtual: bool | None = None
    is_wsl: bool = False  # Linux inside Windows
    container: str = ""  # such as docker


@dataclass(frozen=True, slots=True)
class Computer:
    """All facts about a computer."""

    processor: Processor = field(default_factory=Processor)
    memory: Memory = field(default_factory=Memory)
    gpus: tuple[Gpu, ...] = ()
    power: Power = field(default_factory=Power)
    surroundings: Surroundings = field(default_factory=Surroundings)

    def fingerprint(self) -> str:
        """A short hash of what decides the speed; what is measured here holds while it stays.

        Memory counts in GiB, because a kernel keeps a little more or less of it for itself.
        """
        chip = self.processor
        facts = [
            [chip.name, chip.vendor, chip.architecture, sorted(chip.instruction_sets)],
            [chip.physical_cores, chip.performance_cores, chip.efficiency_cores],
            [chip.usable_cores, chip.usable_performance_cores, len(chip.numa_nodes)],
            _gibibytes(self.memory.usable_total),
            sorted([gpu.hardware or gpu.name, gpu.driver] for gpu in self.gpus),
        ]
        written = json.dumps(facts, separators=(",", ":")).encode()
        return hashlib.sha256(written).hexdigest()[:FINGERPRINT_LENGTH]


def _gibibytes(count: int | None) -> int | None:
    return None if count is None else round(count / GIB)
