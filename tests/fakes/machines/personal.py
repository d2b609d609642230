"""Laptops, desktops and small computers with Linux."""

from __future__ import annotations

from tests.fakes.machines import GIB, Machine
from tests.fakes.machines import parts as p

MIB = 1 << 20


def hybrid_laptop() -> Machine:
    """A ThinkPad on battery: i7-1260P, 4 performance cores with two threads, 8 small ones."""
    fast = [f"{first}-{first + 1}" for first in range(0, 8, 2)]
    small = [str(cpu) for cpu in range(8, 16)]
    files = {
        **p.x86("GenuineIntel", "12th Gen Intel(R) Core(TM) i7-1260P", 16, f"{p.SSE} avx_vnni"),
        **p.topology([*fast, *small], 16),
        **p.frequency(range(8), 4_700_000, "powersave"),
        **p.frequency(range(8, 16), 3_400_000, "powersave"),
        **p.cache(0, 1, "Data", "48K", fast),
        **p.cache(0, 1, "Data", "32K", small),
        **p.cache(2, 2, "Unified", "1280K", fast),
        **p.cache(2, 2, "Unified", "2048K", ["8-11", "12-15"]),
        **p.cache(3, 3, "Unified", "18432K", ["0-15"]),
        "sys/devices/cpu_core/cpus": "0-7\n",
        "sys/devices/cpu_atom/cpus": "8-15\n",
        "sys/devices/system/node/node0/cpulist": "0-15\n",
        "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       16092416 kB\n",
        **p.memory(16_092_416, 9_410_000, 8_388_604),
        **p.status("0-15"),
        **p.system("Ubuntu 24.04.1 LTS", "6.8.0-45-generic", "LENOVO", "21CBCTO1WW"),
        "sys/class/dmi/id/product_version": "ThinkPad X1 Carbon Gen 10\n",
        **p.battery("BAT0", "Discharging", 67, plugged=False, mains="AC"),
        "sys/class/power_supply/hidpp_battery_0/type": "Battery\n",  # of a mouse
        "sys/class/power_supply/hidpp_battery_0/scope": "Device\n",
        "sys/class/power_supply/hidpp_battery_0/status": "Discharging\n",
        "sys/class/power_supply/hidpp_battery_0/capacity": "5\n",
        **p.card(1, "8086", "46a6", "i915", "0000:00:02.0"),
        "usr/share/misc/pci.ids": (
            "# List of PCI IDs\n10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n"
            "8086  Intel Corporation\n\t46a3  Alder Lake-P GT1 [UHD Graphics]\n"
            "\t46a6  Alder Lake-P GT2 [Iris Xe Graphics]\n\t\t17aa 22e7  ThinkPad X1\n"
            "9004  Adaptec\n\t46a6  wrong maker\n"
        ),
    }
    return Machine(files=files)


def ryzen_desktop() -> Machine:
    """A Ryzen 9 7950X, whose favoured cores reach a little more, with a card but no nvidia-smi."""
    cores = [f"{core},{core + 16}" for core in range(16)]
    files = {
        **p.x86("AuthenticAMD", "AMD Ryzen 9 7950X 16-Core Processor", 32, f"{p.SSE} {p.AVX512}"),
        **p.topology(cores, 32),
        **p.frequency(range(32), 5_738_000, "schedutil"),
        **p.frequency((3, 5, 19, 21), 5_881_000, "schedutil"),
        **p.cache(0, 1, "Data", "32K", cores),
        **p.cache(2, 2, "Unified", "1024K", cores),
        **p.memory(65_539_844, 58_012_000, 2_097_148),
        **p.status("0-31"),
        **p.system("Arch Linux", "6.11.5-arch1-1", "System manufacturer", "System Product Name"),
        **p.card(1, "10de", "2782", "nvidia", "0000:01:00.0"),
        "sys/class/power_supply/.keep": "",
        "proc/driver/nvidia/version": (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build\n"
            "GCC version:  gcc version 14.2.1 20240910 (GCC)\n"
        ),
        "proc/driver/nvidia/gpus/0000:01:00.0/information": (
            "Model: \t\t NVIDIA GeForce RTX 4070 Ti\nIRQ:   \t\t 137\n"
            "GPU UUID: \t GPU-22ea7c44-6d1e-3b1c-0000-000000000000\nVideo BIOS: \t 95.04.31.00.3b\n"
            "Bus Type: \t PCIe\nDMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\n"
            "Bus Location: \t 0000:01:00.0\nDevice Minor: \t 0\nGPU Excluded:\t No\n"
        ),
    }
    return Machine(files=files)


def raspberry_pi() -> Machine:
    """A Raspberry Pi 5 with 8 GB."""
    features = (
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc "
        "dcpop asimddp"
    )
    behind = "Revision\t: d04170\nSerial\t\t: 0000000000000000\nModel\t\t: Raspberry Pi 5 Model B\n"
    files = {
        **p.arm(["0xd0b"] * 4, features, behind),
        **p.topology(["0", "1", "2", "3"], 4),
        **{f"{p.CPUS}/cpu{cpu}/cpu_capacity": "1024\n" for cpu in range(4)},
        **p.frequency(range(4), 2_400_000, "ondemand"),
        **p.memory(8_245_760, 7_012_000, 102_384),
        **p.status("0-3"),
        **p.system("Debian GNU/Linux 12 (bookworm)", "6.6.31+rpt-rpi-2712"),
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        # The display's part of the graphics has no PCI identity.
        "sys/class/drm/card1/device/uevent": "DRIVER=vc4-drm\nOF_NAME=gpu\n",
    }
    summary = p.vulkan(
        ("INTEGRATED_GPU", "14e4", "55701c33", "V3D 7.1.7.0", "V3DV Mesa: Mesa 23.2.1"),
        ("CPU", "10005", "0000", "llvmpipe (LLVM 15.0.6, 128 bits)", "llvmpipe: Mesa 23.2.1"),
    )
    return Machine(files=files, outputs={"vulkaninfo": summary})


def orange_pi() -> Machine:
    """An Orange Pi 5: RK3588, 4 Cortex-A55 that come first, and 4 Cortex-A76."""
    features = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimddp"
    files = {
        **p.arm(["0xd05"] * 4 + ["0xd0b"] * 4, features),
        **p.topology([str(cpu) for cpu in range(8)], 8),
        **{f"{p.CPUS}/cpu{cpu}/cpu_capacity": "530\n" for cpu in range(4)},
        **{f"{p.CPUS}/cpu{cpu}/cpu_capacity": "1024\n" for cpu in range(4, 8)},
        **p.memory(16_240_000, 14_000_000),
        **p.status("0-7"),
        **p.system("Ubuntu 22.04.4 LTS", "5.10.160-rockchip"),
        "proc/device-tree/model": "Orange Pi 5\0",
    }
    return Machine(files=files)


def steam_deck() -> Machine:
    """A Steam Deck on its charger: 4 cores, graphics that share the memory."""
    cores = [f"{first}-{first + 1}" for first in range(0, 8, 2)]
    files = {
        **p.x86("AuthenticAMD", "AMD Custom APU 0405", 8, p.SSE),
        **p.topology(cores, 8),
        **p.frequency(range(8), 3_500_000, "powersave"),
        **p.memory(11_900_000, 8_120_000, 1_048_572),
        **p.status("0-7"),
        **p.system("SteamOS", "6.5.0-valve22-1-neptune-65", "Valve", "Jupiter"),
        **p.battery("BAT1", "Charging", 81, plugged=True, mains="ACAD"),
        **p.card(0, "1002", "163f", "amdgpu", "0000:04:00.0"),
        **p.amd_memory(0, 1 * GIB, 300 * MIB, 8 * GIB, 500 * MIB),
    }
    summary = p.vulkan(
        (
            "INTEGRATED_GPU",
            "1002",
            "163f",
            "AMD Custom GPU 0405 (RADV VANGOGH)",
            "radv: Mesa 24.1.0",
        )
    )
    return Machine(files=files, outputs={"vulkaninfo": summary})
