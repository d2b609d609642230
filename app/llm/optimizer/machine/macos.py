"""The facts that macOS gives about a Mac, by the tools that every Mac has.

Sources: Apple's page "Determining system capabilities" on sysctl, the manual pages of sysctl,
vm_stat and pmset, and the JSON of system_profiler, whose keys are nowhere documented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.llm.optimizer.machine.instruction_sets import MACOS
from app.llm.optimizer.machine.records import (
    Cache,
    Gpu,
    Interface,
    Memory,
    Power,
    Processor,
    Surroundings,
)
from app.llm.optimizer.machine.tools import Tools
from app.llm.optimizer.machine.values import (
    json_object,
    number,
    objects,
    pairs,
    positive,
    size,
    words,
)

SYSCTL = ("sysctl", "-a")
VM_STAT = ("vm_stat",)
PMSET = ("pmset", "-g", "batt")
PROFILER = ("system_profiler", "SPHardwareDataType", "SPDisplaysDataType", "-json")
LEVELS = 4  # of performance that a processor may have at most; today's have two
VENDORS = {"GenuineIntel": "Intel", "Apple processor": "Apple"}
MAKERS = {"apple": "Apple", "amd": "AMD", "ati": "AMD", "intel": "Intel", "nvidia": "NVIDIA"}


def processor(tools: Tools, seconds: float) -> Processor:
    """The processor; macOS neither ties processes to CPUs nor grants them a part."""
    told = pairs(tools.run(SYSCTL, seconds) or "")
    cores = positive(told.get("hw.physicalcpu_max")) or positive(told.get("hw.physicalcpu"))
    found = Processor(
        name=words(told.get("machdep.cpu.brand_string", "")),
        vendor=_vendor(told),
        architecture=_architecture(told),
        logical_cores=positive(told.get("hw.logicalcpu_max")) or positive(told.get("hw.ncpu")),
        physical_cores=cores,
        instruction_sets=frozenset(name for key, name in MACOS.items() if told.get(key) == "1"),
        caches=tuple(_caches(told)),
    )
    fast, small = _levels(told)
    if fast:
        return replace(found, performance_cores=fast, efficiency_cores=small)
    if cores and found.architecture == "x86_64":  # no Mac with such a processor has two kinds
        return replace(found, performance_cores=cores, efficiency_cores=0)
    return found


def memory(tools: Tools, seconds: float) -> Memory:
    """The memory; free is also what holds data that macOS can do without at once."""
    told = pairs(tools.run(SYSCTL, seconds) or "")
    printed = tools.run(VM_STAT, seconds) or ""
    pages = pairs(printed)
    page = re.search(r"page size of ([0-9]{1,9}) bytes", printed)
    kinds = ("Pages free", "Pages speculative", "Pages inactive")
    counts = [number(pages.get(kind, "").rstrip(".")) for kind in kinds]
    known = [count for count in counts if count is not None]
    swap = dict(re.findall(r"(\w+) = ([0-9.]+[KMGT])", told.get("vm.swapusage", "")))
    return Memory(
        total=positive(told.get("hw.memsize")),
        available=int(page[1]) * sum(known) if page and len(known) == len(kinds) else None,
        swap_total=size(swap.get("total")),
        swap_free=size(swap.get("free")),
    )


def gpus(tools: Tools, seconds: float) -> tuple[Gpu, ...]:
    """The graphics units and cards; all of them are reached through Metal."""
    told = json_object(tools.run(PROFILER, seconds))
    return tuple(filter(None, map(_gpu, objects(told.get("SPDisplaysDataType")))))


def power(tools: Tools, seconds: float) -> Power:
    """Where the current comes from, and how full the battery is."""
    printed = tools.run(PMSET, seconds) or ""
    source = re.search(r"drawing from '(\w+)", printed)
    percent = re.search(r"\b([0-9]{1,3})%", printed)
    return Power(
        on_battery=source[1] != "AC" if source else None,
        percent=int(percent[1]) if percent and int(percent[1]) <= 100 else None,
    )


def surroundings(tools: Tools, seconds: float) -> Surroundings:
    """The system's version and the Mac's name."""
    told = pairs(tools.run(SYSCTL, seconds) or "")
    version = words(told.get("kern.osproductversion", ""))
    virtual = told.get("kern.hv_vmm_present", "")
    return Surroundings(
        system=f"macOS {version}".strip(),
        model=words(told.get("hw.model", "")),
        is_virtual={"1": True, "0": False}.get(virtual),
    )


def _vendor(told: Mapping[str, str]) -> str:
    vendor = told.get("machdep.cpu.vendor", "")
    if not vendor and told.get("machdep.cpu.brand_string", "").startswith("Apple"):
        return "Apple"
    return VENDORS.get(vendor, vendor)


def _architecture(told: Mapping[str, str]) -> str:
    """Of the processor itself: for a program that Rosetta translates, it looks like Intel's."""
    if told.get("hw.optional.arm64") == "1" or told.get("sysctl.proc_translated") == "1":
        return "arm64"
    return "x86_64" if told.get("hw.optional.x86_64") == "1" else ""


def _levels(told: Mapping[str, str]) -> tuple[int, int]:
    """The performance cores and the efficiency cores; level 0 is the fastest."""
    fast = small = 0
    for level in range(LEVELS):
        cores = positive(told.get(f"hw.perflevel{level}.physicalcpu")) or 0
        if "efficiency" in told.get(f"hw.perflevel{level}.name", "").lower():
            small += cores
        else:
            fast += cores
    return fast, small


def _caches(told: Mapping[str, str]) -> list[Cache]:
    """Of Apple's chips by level of performance; of Intel's the sizes alone."""
    found: list[Cache] = []
    levels = [f"hw.perflevel{level}" for level in range(LEVELS)]
    levels = [one for one in levels if f"{one}.l2cachesize" in told] or ["hw"]
    for prefix in levels:
        cores = positive(told.get(f"{prefix}.physicalcpu"))
        sharing = positive(told.get(f"{prefix}.cpusperl2")) or 1
        is_known = prefix != "hw" and cores is not None
        each, together = (cores, -(-(cores or 0) // sharing)) if is_known else (None, None)
        for level, kind, key, count in (
            (1, "data", "l1dcachesize", each),
            (1, "instruction", "l1icachesize", each),
            (2, "unified", "l2cachesize", together),
            (3, "unified", "l3cachesize", None),
        ):
            if bytes_ := positive(told.get(f"{prefix}.{key}")):
                found.append(Cache(level, kind, bytes_, count))
    return sorted(found, key=lambda cache: (cache.level, cache.kind, cache.size))


def _gpu(about: dict[str, Any]) -> Gpu | None:
    name = words(about.get("sppci_model")) or words(about.get("_name"))
    if not name:
        return None
    told = f"{words(about.get('spdisplays_vendor'))} {name}".lower()
    vendor = next((maker for key, maker in MAKERS.items() if key in told), "")
    own = size(about.get("spdisplays_vram")) or size(about.get("_spdisplays_vram"))
    is_unified = vendor == "Apple" or "spdisplays_vram_shared" in about or vendor == "Intel"
    return Gpu(
        name=name,
        vendor=vendor,
        interface=Interface.METAL,
        # How much of the common memory Metal may take, only Metal itself tells.
        total=None if is_unified else own,
        is_unified=is_unified if vendor else None,
    )
