"""Macs, as sysctl, vm_stat, pmset and system_profiler show them."""

from __future__ import annotations

import json

from tests.fakes.machines import GIB, Machine

_PAGES = """Mach Virtual Memory Statistics: (page size of {page} bytes)
Pages free:                              {free}.
Pages active:                            400000.
Pages inactive:                          {inactive}.
Pages speculative:                         10000.
Pages throttled:                               0.
Pages wired down:                        140000.
Pages purgeable:                           9000.
"Translation faults":                 987654321.
"""


def apple_silicon() -> Machine:
    """A MacBook Pro with an M2 Pro: 8 performance and 4 efficiency cores, 16 GB."""
    sysctl = f"""kern.osproductversion: 14.5
kern.hv_vmm_present: 0
vm.swapusage: total = 2048.00M  used = 1024.00M  free = 1024.00M  (encrypted)
hw.ncpu: 12
hw.byteorder: 1234
hw.memsize: {16 * GIB}
hw.model: Mac14,9
hw.physicalcpu: 12
hw.physicalcpu_max: 12
hw.logicalcpu: 12
hw.logicalcpu_max: 12
hw.nperflevels: 2
hw.l1dcachesize: 65536
hw.l2cachesize: 4194304
hw.optional.neon: 1
hw.optional.arm64: 1
hw.optional.AdvSIMD: 1
hw.optional.arm.FEAT_FP16: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_SME: 0
hw.perflevel0.physicalcpu: 8
hw.perflevel0.logicalcpu: 8
hw.perflevel0.l1icachesize: 196608
hw.perflevel0.l1dcachesize: 131072
hw.perflevel0.l2cachesize: 16777216
hw.perflevel0.cpusperl2: 4
hw.perflevel0.name: Performance
hw.perflevel1.physicalcpu: 4
hw.perflevel1.logicalcpu: 4
hw.perflevel1.l1icachesize: 131072
hw.perflevel1.l1dcachesize: 65536
hw.perflevel1.l2cachesize: 4194304
hw.perflevel1.cpusperl2: 4
hw.perflevel1.name: Efficiency
machdep.cpu.cores_per_package: 12
machdep.cpu.core_count: 12
machdep.cpu.brand_string: Apple M2 Pro
"""
    profile = {
        "SPHardwareDataType": [
            {
                "chip_type": "Apple M2 Pro",
                "machine_model": "Mac14,9",
                "number_processors": "proc 12:8:4",
                "physical_memory": "16 GB",
            }
        ],
        "SPDisplaysDataType": [
            {
                "_name": "Apple M2 Pro",
                "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
                "spdisplays_ndrvs": [{"_name": "Color LCD"}],
                "spdisplays_vendor": "sppci_vendor_Apple",
                "sppci_bus": "spdisplays_builtin",
                "sppci_cores": "19",
                "sppci_device_type": "spdisplays_gpu",
                "sppci_model": "Apple M2 Pro",
            }
        ],
    }
    battery = (
        "Now drawing from 'Battery Power'\n"
        " -InternalBattery-0 (id=22806627)\t78%; discharging; 5:05 remaining present: true\n"
    )
    return Machine(
        system="darwin",
        outputs={
            "sysctl": sysctl,
            "vm_stat": _PAGES.format(page=16384, free=90000, inactive=300000),
            "system_profiler": json.dumps(profile),
            "pmset": battery,
        },
    )


def intel_mac() -> Machine:
    """A MacBook Pro of 2019 with 8 cores, Intel's graphics unit and a Radeon card."""
    sysctl = f"""kern.osproductversion: 13.6.7
kern.hv_vmm_present: 0
vm.swapusage: total = 0.00M  used = 0.00M  free = 0.00M  (encrypted)
hw.ncpu: 16
hw.memsize: {32 * GIB}
hw.model: MacBookPro16,1
hw.packages: 1
hw.physicalcpu: 8
hw.physicalcpu_max: 8
hw.logicalcpu: 16
hw.logicalcpu_max: 16
hw.l1icachesize: 32768
hw.l1dcachesize: 32768
hw.l2cachesize: 262144
hw.l3cachesize: 16777216
hw.optional.x86_64: 1
hw.optional.sse4_2: 1
hw.optional.supplementalsse3: 1
hw.optional.avx1_0: 1
hw.optional.f16c: 1
hw.optional.fma: 1
hw.optional.bmi2: 1
hw.optional.avx2_0: 1
hw.optional.avx512f: 0
machdep.cpu.vendor: GenuineIntel
machdep.cpu.brand_string: Intel(R) Core(TM) i9-9880H CPU @ 2.30GHz
machdep.cpu.core_count: 8
machdep.cpu.thread_count: 16
"""
    profile = {
        "SPDisplaysDataType": [
            {
                "_name": "kHW_IntelUHDGraphics630Item",
                "_spdisplays_vram": "1536 MB",
                "spdisplays_device-id": "0x3e9b",
                "spdisplays_vendor": "Intel",
                "spdisplays_vram_shared": "1536 MB",
                "sppci_bus": "spdisplays_builtin",
                "sppci_model": "Intel UHD Graphics 630",
            },
            {
                "_name": "kHW_AMDRadeonPro5500MItem",
                "_spdisplays_vram": "8 GB",
                "spdisplays_device-id": "0x7340",
                "spdisplays_vendor": "sppci_vendor_amd",
                "spdisplays_vram": "8 GB",
                "sppci_bus": "spdisplays_pcie_device",
                "sppci_model": "AMD Radeon Pro 5500M",
            },
        ]
    }
    battery = (
        "Now drawing from 'AC Power'\n"
        " -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 remaining present: true\n"
    )
    return Machine(
        system="darwin",
        outputs={
            "sysctl": sysctl,
            "vm_stat": _PAGES.format(page=4096, free=1000000, inactive=2000000),
            "system_profiler": json.dumps(profile),
            "pmset": battery,
        },
    )
