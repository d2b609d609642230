"""Facts that Linux gives about the processor and memory limits, read from /proc, /sys and cgroups.

Sources: the kernel's admin guide, cputopology and cgroup-v2. A file that is missing or holds
garbage means "unknown", never an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def physical_cores(root: Path = Path("/"), cpus: Iterable[int] | None = None) -> int | None:
    """Distinct cores among the CPUs that this process may run on, or None where unknown."""
    allowed = sorted(os.sched_getaffinity(0) if cpus is None else cpus)
    cores = set()
    for cpu in allowed:
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        siblings = _text(topology / "thread_siblings_list")
        cores.add(siblings or f"cpu{cpu}")
    return len(cores) or None


def cpu_quota(root: Path = Path("/")) -> float | None:
    """CPUs that the control groups of this process grant it, or None where there is no limit."""
    quotas = []
    for folder in _cgroup_folders(root, "cpu"):
        limit, period = [*_text(folder / "cpu.max").split(), "", ""][:2]
        if not limit:
            limit = _text(folder / "cpu.cfs_quota_us")
            period = _text(folder / "cpu.cfs_period_us")
        if limit.isdigit() and period.isdigit() and int(period):
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that the control groups of this process grant it, or None where there is no limit."""
    limits = []
    for folder in _cgroup_folders(root, "memory"):
        text = _text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")
        # Version 1 writes "no limit" as a number near 2**63.
        if text.isdigit() and int(text) < 1 << 60:
            limits.append(int(text))
    return min(limits, default=None)


def _cgroup_folders(root: Path, controller: str) -> list[Path]:
    """The groups of this process, innermost first, up to the root of each hierarchy."""
    folders: list[Path] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        inner = mount / path.lstrip("/")
        folders += [inner, *(p for p in inner.parents if p == mount or mount in p.parents)]
    return folders


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
