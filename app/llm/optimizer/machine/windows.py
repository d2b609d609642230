"""The facts that Windows gives about the computer: by CIM through PowerShell, and its library.

Sources: Microsoft's pages on the classes Win32_Processor, Win32_VideoController,
Win32_OperatingSystem and Win32_ComputerSystem. A video controller's AdapterRAM has 32 bits and
ends at 4 GB; the driver's own entry in the registry has 64.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.llm.optimizer.machine import instruction_sets, pci
from app.llm.optimizer.machine.records import Cache, Gpu, Processor, Surroundings
from app.llm.optimizer.machine.tools import Tools
from app.llm.optimizer.machine.values import json_object, number, objects, positive, words
from app.llm.optimizer.machine.windows_cores import Core

_CLASS = r"HKLM:\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0*"
SCRIPT = f"""
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
@{{
processors = @(Get-CimInstance Win32_Processor | Select-Object Name, Manufacturer, Architecture,
  NumberOfCores, NumberOfLogicalProcessors, L2CacheSize, L3CacheSize)
controllers = @(Get-CimInstance Win32_VideoController |
  Select-Object Name, AdapterRAM, DriverVersion, PNPDeviceID)
drivers = @(Get-ItemProperty '{_CLASS}' |
  Select-Object MatchingDeviceId, DriverDesc, 'HardwareInformation.qwMemorySize')
systems = @(Get-CimInstance Win32_OperatingSystem | Select-Object Caption, BuildNumber)
computers = @(Get-CimInstance Win32_ComputerSystem |
  Select-Object Manufacturer, Model, HypervisorPresent)
}} | ConvertTo-Json -Depth 4 -Compress
"""
COMMAND = ("powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT)
KIB = 1 << 10  # bytes
LARGEST_ADAPTER_RAM = (1 << 32) - (1 << 20)  # bytes; what is there may be more
ARCHITECTURES = {0: "x86", 5: "arm", 9: "x86_64", 12: "arm64"}  # Win32_Processor.Architecture
VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD"}
VIRTUAL = ("virtual", "vmware", "kvm", "qemu", "hvm domu")


@dataclass(frozen=True, slots=True)
class Told:
    """What PowerShell has printed, and what Windows' library says."""

    cim: Mapping[str, Any]
    cores: Sequence[Core] = ()
    features: frozenset[int] = frozenset()


def ask(tools: Tools, seconds: float) -> Mapping[str, Any]:
    """The CIM objects, by one start of PowerShell, which takes most of a second."""
    return json_object(tools.run(COMMAND, seconds))


def processor(told: Told, counted: Processor) -> Processor:
    """The processor; with several sockets, of all together.

    Args:
        told: by CIM and the library.
        counted: the numbers of cores, which stand where CIM does not answer in time.
    """
    chips = objects(told.cim.get("processors"))
    first = chips[0] if chips else {}
    cores = list(told.cores)
    vendor = words(first.get("Manufacturer"))
    found = Processor(
        name=words(first.get("Name")) or counted.name,
        vendor=VENDORS.get(vendor, vendor),
        architecture=ARCHITECTURES.get(_code(first.get("Architecture")), ""),
        logical_cores=_sum(chips, "NumberOfLogicalProcessors") or counted.logical_cores,
        physical_cores=len(cores) or _sum(chips, "NumberOfCores") or counted.physical_cores,
        instruction_sets=frozenset(
            name for code, name in instruction_sets.WINDOWS.items() if code in told.features
        ),
        caches=tuple(
            Cache(level, "unified", size * KIB)
            for level in (2, 3)
            if (size := positive(first.get(f"L{level}CacheSize")))
        ),
    )
    if not cores:
        return found
    fastest = max(core.efficiency_class for core in cores)
    fast = sum(core.efficiency_class == fastest for core in cores)
    return replace(found, performance_cores=fast, efficiency_cores=len(cores) - fast)


def allowed(found: Processor, cores: Sequence[Core], cpus: frozenset[int]) -> Processor:
    """The processor, with the cores among the CPUs that this process may run on."""
    ours = [core for core in cores if core.cpus & cpus]
    if not ours:
        return replace(found, allowed_cpus=cpus or None)
    fastest = max(core.efficiency_class for core in cores)
    fast = sum(core.efficiency_class == fastest for core in ours)
    return replace(
        found, allowed_cpus=cpus, allowed_cores=len(ours), allowed_performance_cores=fast
    )


def gpus(cim: Mapping[str, Any]) -> tuple[Gpu, ...]:
    """The graphics cards and units; those that are only acted have no PCI identity."""
    sizes = _sizes(cim)
    return tuple(
        gpu for about in objects(cim.get("controllers")) if (gpu := _gpu(about, sizes)) is not None
    )


def surroundings(cim: Mapping[str, Any]) -> Surroundings:
    """The system's name, and the computer's."""
    system = next(iter(objects(cim.get("systems"))), {})
    computer = next(iter(objects(cim.get("computers"))), {})
    maker, model = words(computer.get("Manufacturer")), words(computer.get("Model"))
    name = words(system.get("Caption")).removeprefix("Microsoft ")
    build = words(system.get("BuildNumber"))
    # HypervisorPresent is true on real computers too, where Windows protects itself by one.
    told = f"{maker} {model}".lower()
    return Surroundings(
        system=f"{name} (build {build})" if name and build else name,
        model=model if model.startswith(maker) else f"{maker} {model}".strip(),
        is_virtual=any(word in told for word in VIRTUAL) if model else None,
    )


def _gpu(about: Mapping[str, Any], sizes: Mapping[str, int]) -> Gpu | None:
    name = words(about.get("Name"))
    hardware = _identity(words(about.get("PNPDeviceID")))
    vendor = pci.MAKERS.get(hardware.partition(":")[0], "")
    if not name or vendor not in pci.INTERFACES:
        return None
    small = positive(about.get("AdapterRAM"))
    is_unified = pci.is_unified(hardware)
    total = sizes.get(hardware) or (small if small and small < LARGEST_ADAPTER_RAM else None)
    return Gpu(
        name=name,
        vendor=vendor,
        interface=pci.INTERFACES[vendor],
        total=None if is_unified else total,  # of the common memory, it is only a part
        driver=words(about.get("DriverVersion")),
        is_unified=is_unified,
        hardware=hardware,
    )


def _sizes(cim: Mapping[str, Any]) -> dict[str, int]:
    """The bytes of each kind of card, by its identity."""
    found = {}
    for driver in objects(cim.get("drivers")):
        hardware = _identity(words(driver.get("MatchingDeviceId")))
        size = positive(driver.get("HardwareInformation.qwMemorySize"))
        if hardware and size:
            found[hardware] = size
    return found


def _identity(written: str) -> str:
    r"""Of PCI\VEN_10DE&DEV_2684&SUBSYS and so on."""
    match = re.search(r"VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})", written.upper())
    return pci.identity(match[1], match[2]) if match else ""


def _code(value: object) -> int:
    found = number(value)
    return -1 if found is None else found


def _sum(chips: Sequence[Mapping[str, Any]], name: str) -> int | None:
    return sum(positive(chip.get(name)) or 0 for chip in chips) or None
