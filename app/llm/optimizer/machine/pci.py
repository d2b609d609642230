"""Graphics cards by their PCI identity: makers, names, and which share the computer's memory.

Sources: the kernel's tables of device numbers, include/drm/intel/pciids.h and
drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c, and the list of names at pci-ids.ucw.cz, which
distributions install as pci.ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from app.llm.optimizer.machine.records import Interface
from app.llm.optimizer.machine.values import hexadecimal, text

NVIDIA, AMD, INTEL, APPLE = "10de", "1002", "8086", "106b"
MAKERS: Mapping[str, str] = {
    NVIDIA: "NVIDIA",
    AMD: "AMD",
    INTEL: "Intel",
    APPLE: "Apple",
    "5143": "Qualcomm",
    "13b5": "ARM",
    "14e4": "Broadcom",
    "1010": "Imagination",
}
INTERFACES: Mapping[str, Interface] = {
    "NVIDIA": Interface.CUDA,
    "AMD": Interface.ROCM,
    "Intel": Interface.SYCL,
    "Apple": Interface.METAL,
}
# AMD's graphics units within processors, from Raven Ridge to Krackan Point.
AMD_UNITS = re.compile(
    "15dd|15d8|1636|1638|164c|163f|1435|1681|164d|164e|1506|15bf|15c8|1900|1901|13c0|150e|1586|1114"
)
# Intel's cards: DG1, Alchemist (Arc A), Battlemage (Arc B), the Data Center GPU Max.
INTEL_CARDS = re.compile(r"49(05|06|07|08|09)|56[0-9a-f]{2}|e2[0-9a-f]{2}|0bd[0-9a-f]")
NAMES = ("usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids", "usr/share/pci.ids")


def identity(vendor: str, device: str) -> str:
    """Both numbers as one text, such as 10de:2684; "" where one is missing."""
    parts = (hexadecimal(vendor), hexadecimal(device))
    return ":".join(parts) if all(parts) else ""


def address(written: str) -> str:
    """A place on the PCI bus as Linux writes it, 0000:01:00.0; tools write longer domains."""
    match = re.fullmatch(
        r"(?:0*([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", written.strip().lower()
    )
    return f"{match[1] or '0000'}:{match[2]}:{match[3]}.{match[4]}" if match else ""


def is_unified(hardware: str) -> bool | None:
    """Whether a graphics unit has no memory of its own; None where its number does not tell."""
    vendor, _, device = hardware.partition(":")
    if vendor == AMD and AMD_UNITS.fullmatch(device):
        return True
    if vendor == INTEL and device:
        return INTEL_CARDS.fullmatch(device) is None
    return None


def name(root: Path, hardware: str) -> str:
    """What the installed list of names calls a device; "" where there is no list or no name."""
    vendor, _, device = hardware.partition(":")
    for file in NAMES:
        section = re.search(
            rf"^{re.escape(vendor)}  [^\n]*\n((?:[\t#][^\n]*\n|\n)*)",
            text(root / file) + "\n",
            re.MULTILINE,
        )
        found = re.search(
            rf"^\t{re.escape(device)}  ([^\n]+)", section[1] if section else "", re.MULTILINE
        )
        if found:  # such as “Navi 31 [Radeon RX 7900 XT/7900 XTX]”: people know the latter
            return (re.search(r"\[([^\]]+)\]", found[1]) or found)[1].strip()
    return ""
