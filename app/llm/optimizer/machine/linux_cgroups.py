"""What control groups grant this process, versions 1 and 2.

Sources: the kernel's admin guides cgroup-v1 and cgroup-v2, and sched-bwc.
"""

from __future__ import annotations

from pathlib import Path

from app.llm.optimizer.machine.values import cpu_list, least, number, pairs, positive, text

NO_LIMIT = 1 << 60  # bytes; version 1 writes "no limit" as a number near 2**63


def cpu_quota(root: Path = Path("/")) -> float | None:
    """CPUs that the control groups of this process grant it, or None where there is no limit."""
    quotas = []
    for folder in _folders(root, "cpu"):
        limit, period = [*text(folder / "cpu.max").split(), "", ""][:2]
        if not limit:
            limit = text(folder / "cpu.cfs_quota_us")
            period = text(folder / "cpu.cfs_period_us")
        granted, each = positive(limit), positive(period)
        if granted and each:
            quotas.append(granted / each)
    return min(quotas, default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that the control groups of this process grant it, or None where there is no limit."""
    return least(_memory_limit(folder) for folder in _folders(root, "memory"))


def memory_free(root: Path = Path("/")) -> int | None:
    """Bytes of the memory limit that are not in use, or None where there is no limit.

    What files in the page cache take counts as free, as far as nobody has used it lately.
    """
    free: list[int | None] = []
    for folder in _folders(root, "memory"):
        limit = _memory_limit(folder)
        used = number(text(folder / "memory.current"))
        if used is None:
            used = number(text(folder / "memory.usage_in_bytes"))
        if limit is not None and used is not None:
            counts = pairs(text(folder / "memory.stat"), " ")
            cached = counts.get("total_inactive_file") or counts.get("inactive_file")
            free.append(max(0, limit - max(0, used - (number(cached) or 0))))
    return least(free)


def cpuset(root: Path = Path("/")) -> frozenset[int] | None:
    """The CPUs that the control group of this process may run on, or None where it says none."""
    names = ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus")
    for folder in _folders(root, "cpuset"):
        for name in names:
            found = cpu_list(text(folder / name))
            if found:
                return found
    return None


def _memory_limit(folder: Path) -> int | None:
    limit = number(text(folder / "memory.max") or text(folder / "memory.limit_in_bytes"))
    return None if limit is None or limit >= NO_LIMIT else limit


def _folders(root: Path, controller: str) -> list[Path]:
    """The groups of this process, innermost first, up to the root of each hierarchy.

    Inside a container the path is often that of the host, and only the mount itself is there.
    """
    folders: list[Path] = []
    for line in text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        for name in dict.fromkeys((controller, controllers) if controllers else ("",)):
            mount = root / "sys/fs/cgroup" / name
            inner = mount / path.lstrip("/")
            above = [parent for parent in inner.parents if parent.is_relative_to(mount)]
            folders += [inner, *above]
    return folders
