"""NVIDIA's cards, by nvidia-smi, which is the same on every system, or by its driver's files.

Sources: `nvidia-smi --help-query-gpu`, and NVIDIA's README on /proc/driver/nvidia.
"""

from __future__ import annotations

import re
from pathlib import Path

from app.llm.optimizer.machine import pci
from app.llm.optimizer.machine.records import Gpu, Interface
from app.llm.optimizer.machine.tools import Tools
from app.llm.optimizer.machine.values import children, number, pairs, positive, text, words

FIELDS = "pci.bus_id,pci.device_id,name,memory.total,memory.free,driver_version"
COMMAND = ("nvidia-smi", f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits")
MIB = 1 << 20  # bytes
# Chips whose graphics unit shares the processor's memory; nvidia-smi answers [N/A] for it.
UNIFIED = re.compile(r"\b(GB10|Orin|Thor|Xavier|Tegra)\b", re.IGNORECASE)
UNKNOWN = ("[n/a]", "n/a", "[not supported]", "[unknown error]")
MISMATCH = "Driver/library version mismatch"


def gpus(tools: Tools, seconds: float, root: Path = Path("/")) -> tuple[Gpu, ...]:
    """The cards; where nvidia-smi is missing, too slow or fails, what the driver's files say."""
    printed = tools.run(COMMAND, seconds) or ""
    found = tuple(filter(None, map(_of_row, printed.splitlines())))
    return found or of_driver(root, is_outdated=MISMATCH in printed)


def of_driver(root: Path, *, is_outdated: bool = False) -> tuple[Gpu, ...]:
    """The cards by /proc/driver/nvidia, which does not tell of their memory."""
    folder = root / "proc/driver/nvidia"
    version = re.search(r"\b([0-9]{3}\.[0-9.]*[0-9])\b", text(folder / "version"))
    found = []
    for file in children(folder / "gpus", "*/information"):
        about = pairs(text(file))
        if not about.get("Model"):
            continue
        found.append(
            Gpu(
                name=words(about["Model"]),
                vendor="NVIDIA",
                interface=Interface.CUDA,
                driver=version[1] if version else "",
                is_unified=_is_unified(about["Model"]),
                is_usable=False if is_outdated else None,
                reason=_OUTDATED if is_outdated else "",
                remedy="Start the computer again." if is_outdated else "",
                address=pci.address(about.get("Bus Location", "") or file.parent.name),
            )
        )
    return tuple(found)


_OUTDATED = "NVIDIA's driver was updated, and the running part of it is still the old one."


def _of_row(line: str) -> Gpu | None:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(FIELDS.split(",")):
        return None
    place, device, name, total, free, driver = cells
    address = pci.address(place)
    if not (address or number(total)) or not name:
        return None
    return Gpu(
        name=name,
        vendor="NVIDIA",
        interface=Interface.CUDA,
        total=(positive(total) or 0) * MIB or None,
        free=None if number(free) is None or not positive(total) else int(free) * MIB,
        driver="" if driver.lower() in UNKNOWN else driver,
        is_unified=_is_unified(name),
        address=address,
        hardware=_identity(device),
    )


def _identity(written: str) -> str:
    """Of 0x268410DE: the device comes before the vendor."""
    match = re.fullmatch(r"0x([0-9a-f]{4})10de", written.lower())
    return pci.identity(pci.NVIDIA, match[1]) if match else ""


def _is_unified(name: str) -> bool:
    return UNIFIED.search(name) is not None
