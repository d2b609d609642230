"""The graphics cards and units that the Linux kernel and AMD's own tool tell of.

Sources: the kernel's pages on amdgpu (driver-misc) and on sysfs of i915 and xe, and the JSON of
`rocm-smi`, whose keys differ from release to release.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.llm.optimizer.machine import pci
from app.llm.optimizer.machine.records import Gpu, Interface
from app.llm.optimizer.machine.tools import Tools
from app.llm.optimizer.machine.values import (
    children,
    json_object,
    number,
    pairs,
    positive,
    text,
    words,
)

ROCM = ("rocm-smi", "--showproductname", "--showbus", "--showmeminfo", "vram", "--json")
KNOWN = (pci.NVIDIA, pci.AMD, pci.INTEL)  # others are of servers' consoles and virtual machines
# Raven Ridge and Picasso always say 100 (gitlab.freedesktop.org/drm/amd, issue 1932).
ALWAYS_BUSY = (pci.identity(pci.AMD, "15dd"), pci.identity(pci.AMD, "15d8"))


def gpus(root: Path = Path("/")) -> tuple[Gpu, ...]:
    """The cards and units with a driver in the kernel."""
    cards = children(root / "sys/class/drm", "card[0-9]*")
    found = (_card(root, card) for card in cards if "-" not in card.name)  # else a connector
    return tuple(gpu for gpu in found if gpu)


def rocm(tools: Tools, seconds: float) -> tuple[Gpu, ...]:
    """AMD's cards, where ROCm is installed."""
    printed = json_object(tools.run(ROCM, seconds))
    cards = [card for name, card in printed.items() if name.startswith("card")]
    return tuple(gpu for card in cards if isinstance(card, dict) and (gpu := _of_rocm(card)))


def busy(root: Path, address: str) -> int | None:
    """How busy AMD's card at a place on the PCI bus is, in percent; None where it does not tell."""
    device = root / "sys/bus/pci/devices" / address
    percent = number(text(device / "gpu_busy_percent"))
    hardware = pci.identity(text(device / "vendor"), text(device / "device"))
    if percent is None or percent > 100 or hardware in ALWAYS_BUSY:
        return None
    return percent


def _card(root: Path, card: Path) -> Gpu | None:
    device = card / "device"
    hardware = pci.identity(text(device / "vendor"), text(device / "device"))
    vendor = hardware.partition(":")[0]
    if vendor not in KNOWN:
        return None
    about = pairs(text(device / "uevent"), "=")
    is_unified = pci.is_unified(hardware)
    pools = ("vram", "gtt") if is_unified else ("vram",)
    total, free = _amd_memory(device, pools) if vendor == pci.AMD else (None, None)
    if vendor == pci.INTEL and is_unified is False:
        total = _intel_memory(card)
    maker = pci.MAKERS[vendor]
    return Gpu(
        name=words(text(device / "product_name")) or _named(maker, pci.name(root, hardware)),
        vendor=maker,
        interface=pci.INTERFACES[maker],
        total=total,
        free=free,
        driver=about.get("DRIVER", ""),
        is_unified=is_unified,
        address=pci.address(about.get("PCI_SLOT_NAME", "")),
        hardware=hardware,
    )


def _named(maker: str, name: str) -> str:
    if not name:
        return f"{maker} graphics"
    return name if name.startswith(maker) else f"{maker} {name}"


def _amd_memory(device: Path, pools: Sequence[str]) -> tuple[int | None, int | None]:
    """Of a unit within the processor, its own small part and what it may take of the memory."""
    total = free = 0
    for pool in pools:
        size = number(text(device / f"mem_info_{pool}_total"))
        used = number(text(device / f"mem_info_{pool}_used"))
        if size is None:
            return None, None
        total += size
        free = -1 if used is None or free < 0 else free + max(0, size - used)
    return total or None, None if free < 0 or not total else free


def _intel_memory(card: Path) -> int | None:
    """Of an Arc card, by the driver xe (per tile) or i915; which of it is free they keep secret."""
    tiles = [
        positive(text(tile / name))
        for tile in children(card / "device", "tile[0-9]*")
        for name in ("physical_vram_size_bytes", "memory/physical_vram_size_bytes")
    ]
    whole = positive(text(card / "lmem_total_bytes"))
    return sum(filter(None, tiles)) or whole


def _of_rocm(card: dict[str, Any]) -> Gpu | None:
    facts = {name.lower(): value for name, value in card.items() if isinstance(value, str)}
    total = positive(facts.get("vram total memory (b)"))
    used = number(facts.get("vram total used memory (b)"))
    address = pci.address(facts.get("pci bus", ""))
    name = words(facts.get("card series", "")) or words(facts.get("device name", ""))
    if total is None and not address:
        return None
    return Gpu(
        name=_named("AMD", "" if name.lower() in ("", "n/a") else name),
        vendor="AMD",
        interface=Interface.ROCM,
        total=total,
        free=None if total is None or used is None else max(0, total - used),
        address=address,
        hardware=pci.identity(pci.AMD, facts.get("card model", "") or facts.get("device id", "")),
    )
