"""The facts that Linux gives about the processor, the memory, the battery and itself.

Sources: the manual page proc(5), the kernel's Documentation/ABI/testing/sysfs-class-power, and
os-release(5). A file that is missing or holds garbage means "unknown", never an error.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from app.llm.optimizer.machine import arm_cores, instruction_sets, linux_cgroups, linux_topology
from app.llm.optimizer.machine.records import Memory, Power, Processor, Surroundings
from app.llm.optimizer.machine.values import children, number, pairs, size, text

VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon"}
CONTAINERS = ("docker", "kubepods", "podman", "libpod", "lxc", "containerd")
HYPERVISORS = ("qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "bochs", "amazon ec2")


def processor(root: Path = Path("/")) -> Processor:
    """The processor, and what of it this process may use."""
    blocks = text(root / "proc/cpuinfo").split("\n\n")
    first = pairs(blocks[0])
    flags = (first.get("flags") or first.get("Features") or "").split()
    cpus = linux_topology.online(root)
    slow = linux_topology.slow_cpus(root, cpus)
    every = linux_topology.count(root, cpus, slow)
    allowed = linux_topology.allowed(root)
    ours = linux_topology.count(root, allowed & cpus or allowed, slow) if allowed else None
    found = Processor(
        name=first.get("model name", ""),
        vendor=VENDORS.get(first.get("vendor_id", ""), first.get("vendor_id", "")),
        architecture=_architecture(first),
        logical_cores=len(cpus) or None,
        instruction_sets=instruction_sets.of_flags(flags),
        caches=linux_topology.caches(root, cpus),
        numa_nodes=linux_topology.numa_nodes(root),
        allowed_cpus=allowed,
        quota=linux_cgroups.cpu_quota(root),
        governor=linux_topology.governor(root),
    )
    if every:
        found = replace(
            found,
            physical_cores=every.all,
            performance_cores=every.performance,
            efficiency_cores=every.efficiency,
        )
    if ours:
        found = replace(found, allowed_cores=ours.all, allowed_performance_cores=ours.performance)
    return _named_arm(found, blocks) if "CPU implementer" in first else found


def memory(root: Path = Path("/")) -> Memory:
    """The memory, and what the control groups grant of it."""
    info = pairs(text(root / "proc/meminfo"))

    def count(name: str) -> int | None:
        written = info.get(name, "")
        return size(written.replace("kB", "K")) if written.endswith("kB") else None

    total, swap = count("MemTotal"), count("SwapTotal")
    limit = linux_cgroups.memory_limit(root)
    if limit and total and limit >= total:
        limit = None
    return Memory(
        total=total or None,
        available=count("MemAvailable"),
        limit=limit,
        limit_free=None if limit is None else linux_cgroups.memory_free(root),
        swap_total=swap,
        swap_free=count("SwapFree"),
    )


def power(root: Path = Path("/")) -> Power:
    """Where the current comes from; where there is no battery, it is the mains."""
    folder = root / "sys/class/power_supply"
    plugged: list[int | None] = []
    states, levels = [], []
    for supply in children(folder, "*"):
        kind, scope = text(supply / "type"), text(supply / "scope")
        if kind == "Battery" and scope != "Device":  # else of a mouse
            states.append(text(supply / "status"))
            levels.append(number(text(supply / "capacity")))
        elif kind in ("Mains", "USB", "Wireless"):
            plugged.append(number(text(supply / "online")))
    known = [level for level in levels if level is not None and level <= 100]
    percent = round(sum(known) / len(known)) if known else None
    if any(plugged):
        return Power(on_battery=False, percent=percent)
    if states:
        return Power(on_battery=_discharges(states, plugged), percent=percent)
    return Power(on_battery=False if folder.is_dir() else None)


def surroundings(root: Path = Path("/")) -> Surroundings:
    """The system's name, the computer's model, and whether either is only acted."""
    about = pairs(text(root / "etc/os-release"), "=")
    release = text(root / "proc/sys/kernel/osrelease")
    is_wsl = "microsoft" in release.lower()
    model = _model(root)
    flags = re.search(r"^flags\s*:(.*)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    is_virtual: bool | None = None
    if flags:
        is_virtual = "hypervisor" in flags[1].split()
    if is_wsl or any(name in model.lower() for name in HYPERVISORS):
        is_virtual = True
    return Surroundings(
        system=about.get("PRETTY_NAME", "").strip("\"'") or (f"Linux {release}".strip()),
        model=model,
        is_virtual=is_virtual,
        is_wsl=is_wsl,
        container=_container(root),
    )


def _discharges(states: list[str], plugged: list[int | None]) -> bool | None:
    if "Discharging" in states:
        return True
    if any(state in ("Charging", "Full", "Not charging") for state in states):
        return False
    return True if 0 in plugged else None


def _architecture(first: dict[str, str]) -> str:
    if "flags" in first:
        return "x86_64" if "lm" in first["flags"].split() else "x86"
    if "CPU implementer" in first:
        return "arm64" if "asimd" in first.get("Features", "").split() else "arm"
    return "riscv64" if first.get("isa", "").startswith("rv64") else ""


def _named_arm(found: Processor, blocks: list[str]) -> Processor:
    """ARM tells the kinds of its cores by numbers: "Cortex-A55 + Cortex-A76"."""
    cores = [pairs(block) for block in blocks]
    names = dict.fromkeys(
        arm_cores.core(core.get("CPU implementer", ""), core.get("CPU part", ""))
        for core in cores
        if "CPU part" in core
    )
    return replace(
        found,
        name=" + ".join(filter(None, names)) or found.name,
        vendor=arm_cores.maker(cores[0].get("CPU implementer", "")),
    )


def _model(root: Path) -> str:
    written = text(root / "proc/device-tree/model")
    if written:
        return written
    tables = root / "sys/class/dmi/id"
    maker, product = text(tables / "sys_vendor"), text(tables / "product_name")
    version = text(tables / "product_version")  # Lenovo's product names are numbers
    if maker.upper() == "LENOVO" and version:
        product = version
    empty = (
        "to be filled by o.e.m.",
        "system manufacturer",
        "system product name",
        "default string",
    )
    parts = [part for part in (maker, product) if part and part.lower() not in empty]
    return " ".join(dict.fromkeys(parts))


def _container(root: Path) -> str:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    told = text(root / "run/systemd/container")
    if told:
        return told
    groups = text(root / "proc/self/cgroup")
    return next((name for name in CONTAINERS if f"/{name}" in groups), "")
