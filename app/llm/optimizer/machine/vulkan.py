"""The devices that Vulkan's drivers offer, by `vulkaninfo --summary`, the same on every system.

Source: Vulkan-Tools, vulkaninfo.cpp, print of the summary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.llm.optimizer.machine import pci
from app.llm.optimizer.machine.records import Gpu, Interface
from app.llm.optimizer.machine.tools import Tools
from app.llm.optimizer.machine.values import pairs

COMMAND = ("vulkaninfo", "--summary")
KINDS = {
    "PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU": True,
    "PHYSICAL_DEVICE_TYPE_DISCRETE_GPU": False,
}


def gpus(tools: Tools, seconds: float) -> tuple[Gpu, ...]:
    """The devices, without those that only act one on the processor, such as llvmpipe."""
    return tuple(_devices(tools.run(COMMAND, seconds) or ""))


def _devices(printed: str) -> Iterator[Gpu]:
    by_driver: dict[tuple[str, str], int] = {}
    seen: dict[str, int] = {}
    for block in re.split(r"^GPU[0-9]+:\s*$", printed, flags=re.MULTILINE)[1:]:
        about = pairs(block, "=")
        kind, name = about.get("deviceType", ""), about.get("deviceName", "")
        if not name or kind == "PHYSICAL_DEVICE_TYPE_CPU":
            continue
        hardware = pci.identity(about.get("vendorID", ""), about.get("deviceID", ""))
        # One card may be offered by two drivers; two cards of one kind come from each of them.
        driver = (hardware or name, about.get("driverID", "") or about.get("driverName", ""))
        by_driver[driver] = by_driver.get(driver, 0) + 1
        if by_driver[driver] <= seen.get(driver[0], 0):
            continue
        seen[driver[0]] = by_driver[driver]
        vendor = pci.MAKERS.get(hardware.partition(":")[0], "")
        yield Gpu(
            name=_plain(name),
            vendor=vendor,
            interface=pci.INTERFACES.get(vendor, Interface.VULKAN),
            driver=about.get("driverInfo", "") or about.get("driverName", ""),
            is_unified=KINDS.get(kind),
            hardware=hardware,
        )


def _plain(name: str) -> str:
    """The card's own name: without “Microsoft Direct3D12 (…)” around it, or a driver behind it."""
    inner = re.fullmatch(r"Microsoft Direct3D12 \((.+)\)", name)
    return re.sub(r"\s*\((RADV|ANV|NVK|V3D)[^)]*\)$", "", inner[1] if inner else name)
