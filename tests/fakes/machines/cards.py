"""Computers with Linux and graphics cards that compute."""

from __future__ import annotations

import json

from tests.fakes.machines import GIB, Machine
from tests.fakes.machines import parts as p

MIB = 1 << 20


def two_nvidia() -> Machine:
    """A Threadripper with two RTX 3090, one of which draws the desktop."""
    files = {
        **p.x86("AuthenticAMD", "AMD Ryzen Threadripper 3960X 24-Core Processor", 48, p.SSE),
        **p.topology([f"{core},{core + 24}" for core in range(24)], 48),
        **p.memory(131_700_000, 120_000_000),
        **p.status("0-47"),
        **p.system("Pop!_OS 22.04 LTS", "6.9.3-76060903-generic", "Gigabyte", "TRX40 AORUS"),
        **p.card(0, "10de", "2204", "nvidia", "0000:01:00.0"),
        **p.card(1, "10de", "2204", "nvidia", "0000:21:00.0"),
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64  550.54.14  Thu Feb 22\n",
    }
    smi = (
        "00000000:01:00.0, 0x220410DE, NVIDIA GeForce RTX 3090, 24576, 23021, 550.54.14\n"
        "00000000:21:00.0, 0x220410DE, NVIDIA GeForce RTX 3090, 24576, 24252, 550.54.14\n"
    )
    card = ("DISCRETE_GPU", "10de", "2204", "NVIDIA GeForce RTX 3090", "NVIDIA: 550.54.14")
    return Machine(files=files, outputs={"nvidia-smi": smi, "vulkaninfo": p.vulkan(card, card)})


def amd_box() -> Machine:
    """A Ryzen 7700 with an RX 7900 XTX: two Vulkan drivers, ROCm, and the processor's own unit."""
    files = {
        **p.x86("AuthenticAMD", "AMD Ryzen 7 7700 8-Core Processor", 16, f"{p.SSE} {p.AVX512}"),
        **p.topology([f"{core},{core + 8}" for core in range(8)], 16),
        **p.memory(32_600_000, 27_000_000),
        **p.status("0-15"),
        **p.system("Fedora Linux 41 (Workstation Edition)", "6.11.4-301.fc41", "ASRock", "B650M"),
        **p.card(0, "1002", "744c", "amdgpu", "0000:03:00.0"),
        **p.amd_memory(0, 24 * GIB, 900 * MIB, 15 * GIB, 100 * MIB),
        **p.card(1, "1002", "164e", "amdgpu", "0000:0d:00.0"),
        **p.amd_memory(1, 512 * MIB, 30 * MIB, 15 * GIB, 20 * MIB),
    }
    rocm = {
        "card0": {
            "PCI Bus": "0000:03:00.0",
            "VRAM Total Memory (B)": str(24 * GIB),
            "VRAM Total Used Memory (B)": str(900 * MIB),
            "Card Series": "Radeon RX 7900 XTX",
            "Card Model": "0x744c",
            "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
            "GFX Version": "gfx1100",
        },
        "card1": {
            "PCI Bus": "0000:0D:00.0",
            "VRAM Total Memory (B)": str(512 * MIB),
            "VRAM Total Used Memory (B)": str(30 * MIB),
            "Card Series": "Raphael",
            "Card Model": "0x164e",
        },
        "system": {"Driver version": "6.11.4-301.fc41.x86_64"},
    }
    radv, amdvlk = "radv: Mesa 24.2.5", "AMD open-source driver: 2024.Q3.3 (LLPC)"
    summary = p.vulkan(
        ("DISCRETE_GPU", "1002", "744c", "AMD Radeon RX 7900 XTX (RADV NAVI31)", radv),
        ("INTEGRATED_GPU", "1002", "164e", "AMD Ryzen 7 7700 (RADV RAPHAEL)", radv),
        ("DISCRETE_GPU", "1002", "744c", "AMD Radeon RX 7900 XTX", amdvlk),
        ("CPU", "10005", "0000", "llvmpipe (LLVM 19.1.0, 256 bits)", "llvmpipe: Mesa 24.2.5"),
    )
    printed = f"WARNING: AMD GPU device(s) is/are in a low-power state.\n\n{json.dumps(rocm)}\n"
    return Machine(files=files, outputs={"rocm-smi": printed, "vulkaninfo": summary})


def intel_arc() -> Machine:
    """A Core i5-12400 with an Arc A770 by the driver xe, and the processor's own unit."""
    files = {
        **p.x86("GenuineIntel", "12th Gen Intel(R) Core(TM) i5-12400", 12, p.SSE),
        **p.topology([f"{first}-{first + 1}" for first in range(0, 12, 2)], 12),
        **p.frequency(range(12), 4_400_000, "performance"),
        **p.memory(32_700_000, 29_000_000),
        **p.status("0-11"),
        **p.system("openSUSE Tumbleweed", "6.11.3-1-default", "ASUS", "PRIME B660M-A"),
        **p.card(0, "8086", "56a0", "xe", "0000:03:00.0"),
        "sys/class/drm/card0/device/tile0/physical_vram_size_bytes": f"{16 * GIB}\n",
        **p.card(1, "8086", "4692", "i915", "0000:00:02.0"),
    }
    driver = "Intel open-source Mesa driver: Mesa 24.2.4"
    summary = p.vulkan(
        ("DISCRETE_GPU", "8086", "56a0", "Intel(R) Arc(tm) A770 Graphics (DG2)", driver),
        ("INTEGRATED_GPU", "8086", "4692", "Intel(R) UHD Graphics 730 (ADL-S GT1)", driver),
    )
    return Machine(files=files, outputs={"vulkaninfo": summary})


def wsl() -> Machine:
    """Linux inside Windows on a laptop: the card is reached, the rest of the computer hidden."""
    files = {
        **p.x86(
            "AuthenticAMD", "AMD Ryzen 7 5800H with Radeon Graphics", 16, f"{p.SSE} hypervisor"
        ),
        **p.topology([f"{first}-{first + 1}" for first in range(0, 16, 2)], 16),
        **p.memory(7_900_000, 6_900_000, 2_097_152),
        **p.status("0-15"),
        **p.system("Ubuntu 22.04.4 LTS", "5.15.153.1-microsoft-standard-WSL2"),
        "proc/self/cgroup": "0::/init.scope\n",
        "sys/class/power_supply/AC1/type": "Mains\n",
        "sys/class/power_supply/AC1/online": "1\n",
        "sys/class/power_supply/BAT1/type": "Battery\n",
        "sys/class/power_supply/BAT1/status": "Not charging\n",
        "sys/class/power_supply/BAT1/capacity": "100\n",
    }
    smi = "00000000:01:00.0, 0x252010DE, NVIDIA GeForce RTX 3060 Laptop GPU, 6144, 5910, 552.22\n"
    driver = "Dozen: Mesa 24.0.0"
    name = "Microsoft Direct3D12 (NVIDIA GeForce RTX 3060 Laptop GPU)"
    summary = p.vulkan(
        ("DISCRETE_GPU", "10de", "2520", name, driver),
        (
            "INTEGRATED_GPU",
            "1002",
            "1638",
            "Microsoft Direct3D12 (AMD Radeon(TM) Graphics)",
            driver,
        ),
    )
    return Machine(files=files, outputs={"nvidia-smi": smi, "vulkaninfo": summary})


def outdated_nvidia() -> Machine:
    """A desktop whose NVIDIA driver was updated while it ran."""
    machine = two_nvidia()
    files = {
        **machine.files,
        "proc/driver/nvidia/gpus/0000:01:00.0/information": (
            "Model: \t\t NVIDIA GeForce RTX 3090\nBus Location: \t 0000:01:00.0\n"
        ),
    }
    del files["sys/class/drm/card1/device/vendor"]
    smi = (
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 560.35\n"
    )
    return Machine(files=files, outputs={"nvidia-smi": smi})
