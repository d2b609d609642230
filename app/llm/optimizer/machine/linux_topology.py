"""The cores of the processor on Linux: which CPUs share one, and which are the fast ones.

Sources: the kernel's admin guide cputopology, Documentation/ABI/testing/sysfs-devices-system-cpu,
and the performance counters of hybrid processors, sys/devices/cpu_core and cpu_atom.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.llm.optimizer.machine import linux_cgroups
from app.llm.optimizer.machine.records import Cache, NumaNode
from app.llm.optimizer.machine.values import (
    children,
    cpu_list,
    last_number,
    pairs,
    positive,
    size,
    text,
)

CPUS = "sys/devices/system/cpu"
# A core that reaches less than this share of the fastest one's speed is an efficiency core.
# Favoured cores of one kind differ by some per cent; a small core reaches two thirds at most.
SLOW_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Cores:
    """How many cores there are, and how many of each kind; None where the kinds are unknown."""

    all: int
    performance: int | None = None
    efficiency: int | None = None


def physical_cores(root: Path = Path("/"), cpus: Iterable[int] | None = None) -> int | None:
    """Distinct cores among the CPUs that this process may run on, or None where unknown."""
    allowed = os.sched_getaffinity(0) if cpus is None else cpus
    return len({_core(root, cpu) for cpu in allowed}) or None


def online(root: Path) -> frozenset[int]:
    """The CPUs that are switched on."""
    listed = cpu_list(text(root / CPUS / "online"))
    if listed:
        return listed
    return frozenset(last_number(one.name) for one in children(root / CPUS, "cpu[0-9]*"))


def allowed(root: Path) -> frozenset[int] | None:
    """The CPUs that this process may run on, by its affinity and its cpuset."""
    status = pairs(text(root / "proc/self/status"))
    affinity = cpu_list(status.get("Cpus_allowed_list", ""))
    group = linux_cgroups.cpuset(root)
    if affinity and group:
        return affinity & group or affinity
    return affinity or group


def count(root: Path, cpus: frozenset[int], slow: frozenset[int] | None) -> Cores | None:
    """The cores that these CPUs belong to; `slow` are the CPUs of efficiency cores."""
    cores = {_core(root, cpu) for cpu in cpus}
    if not cores:
        return None
    if slow is None:
        return Cores(len(cores))
    small = {_core(root, cpu) for cpu in cpus & slow}
    return Cores(len(cores), len(cores) - len(small), len(small))


def slow_cpus(root: Path, cpus: frozenset[int]) -> frozenset[int] | None:
    """The CPUs of efficiency cores; empty where all cores are alike, None where unknown."""
    fast = cpu_list(text(root / "sys/devices/cpu_core/cpus"))
    if fast and fast & cpus:
        return cpus - fast
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        speeds = {cpu: positive(text(root / CPUS / f"cpu{cpu}" / name)) for cpu in cpus}
        known = {cpu: speed for cpu, speed in speeds.items() if speed is not None}
        if known and len(known) == len(cpus):
            slow = _slow(known)
            if slow or name != "cpu_capacity":  # which is 1,024 everywhere on most of x86
                return slow
    return None


def caches(root: Path, cpus: frozenset[int]) -> tuple[Cache, ...]:
    """The caches, the nearest first."""
    found: dict[tuple[int, str, int], set[str]] = {}
    for cpu in sorted(cpus):
        for index in children(root / CPUS / f"cpu{cpu}/cache", "index[0-9]*"):
            level, bytes_ = positive(text(index / "level")), size(text(index / "size"))
            if level and bytes_:
                kind = text(index / "type").lower()
                shared = text(index / "shared_cpu_list") or f"cpu{cpu}"
                found.setdefault((level, kind, bytes_), set()).add(shared)
    return tuple(
        Cache(level, kind, bytes_, len(shared))
        for (level, kind, bytes_), shared in sorted(found.items())
    )


def numa_nodes(root: Path) -> tuple[NumaNode, ...]:
    """The nodes with processors or memory of their own."""
    found = []
    for folder in children(root / "sys/devices/system/node", "node[0-9]*"):
        total = re.search(r"MemTotal:\s*([0-9]+) kB", text(folder / "meminfo"))
        memory = size(f"{total[1]} K") if total else None
        cpus = cpu_list(text(folder / "cpulist")) or frozenset()
        if cpus or memory:
            found.append(NumaNode(last_number(folder.name), cpus, memory))
    return tuple(found)


def governor(root: Path) -> str:
    """How the frequency is chosen; more than one where cores differ."""
    files = children(root / CPUS / "cpufreq", "policy[0-9]*/scaling_governor")
    files = files or children(root / CPUS, "cpu[0-9]*/cpufreq/scaling_governor")
    return ", ".join(sorted({found for found in map(text, files) if found}))


def _core(root: Path, cpu: int) -> str:
    """What names the core of a CPU: the CPUs that share it."""
    topology = root / CPUS / f"cpu{cpu}/topology"
    shared = text(topology / "thread_siblings_list") or text(topology / "core_cpus_list")
    return shared or f"cpu{cpu}"


def _slow(speeds: Mapping[int, int]) -> frozenset[int]:
    fastest = max(speeds.values())
    return frozenset(cpu for cpu, speed in speeds.items() if speed < fastest * SLOW_SHARE)
