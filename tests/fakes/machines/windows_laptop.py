"""A Windows laptop, as PowerShell, nvidia-smi and Windows' library show it."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

from app.llm.optimizer.machine.records import Memory, Power, Processor
from tests.fakes.machines import GIB, CapturedCalls, Machine


def core_information(cores: Sequence[tuple[int, int]]) -> bytes:
    """As GetLogicalProcessorInformationEx gives it: the class and the mask of CPUs of each core."""
    return b"".join(
        struct.pack("<IIBB20xHQH6x", 0, 48, int(mask.bit_count() > 1), efficiency, 1, mask, 0)
        for efficiency, mask in cores
    )


def windows_laptop() -> Machine:
    """An i7-13700H with 6 performance and 8 efficiency cores, and an RTX 4060."""
    fast = [(1, 0b11 << 2 * core) for core in range(6)]
    small = [(0, 1 << cpu) for cpu in range(12, 20)]
    cim = {
        "processors": [
            {
                "Name": "13th Gen Intel(R) Core(TM) i7-13700H",
                "Manufacturer": "GenuineIntel",
                "Architecture": 9,
                "NumberOfCores": 14,
                "NumberOfLogicalProcessors": 20,
                "L2CacheSize": 11776,
                "L3CacheSize": 24576,
            }
        ],
        "controllers": [
            {
                "Name": "Intel(R) Iris(R) Xe Graphics",
                "AdapterRAM": 134217728,
                "DriverVersion": "31.0.101.4502",
                "PNPDeviceID": "PCI\\VEN_8086&DEV_A7A0&SUBSYS_00BE1028&REV_04\\3&11583659&1&10",
            },
            {
                "Name": "NVIDIA GeForce RTX 4060 Laptop GPU",
                "AdapterRAM": 4293918720,
                "DriverVersion": "31.0.15.5222",
                "PNPDeviceID": "PCI\\VEN_10DE&DEV_28E0&SUBSYS_0C041028&REV_A1\\4&38EC1E3&0&0008",
            },
            {
                "Name": "Parsec Virtual Display Adapter",
                "AdapterRAM": None,
                "DriverVersion": "0.45.0.0",
                "PNPDeviceID": "ROOT\\DISPLAY\\0000",
            },
        ],
        "drivers": [
            {
                "MatchingDeviceId": "PCI\\VEN_10DE&DEV_28E0&SUBSYS_0C041028",
                "DriverDesc": "NVIDIA GeForce RTX 4060 Laptop GPU",
                "HardwareInformation.qwMemorySize": 8585740288,
            },
            {
                "MatchingDeviceId": "PCI\\VEN_8086&DEV_A7A0",
                "DriverDesc": "Intel(R) Iris(R) Xe Graphics",
                "HardwareInformation.qwMemorySize": None,
            },
        ],
        "systems": [{"Caption": "Microsoft Windows 11 Home", "BuildNumber": "22631"}],
        "computers": [
            {"Manufacturer": "Dell Inc.", "Model": "XPS 15 9530", "HypervisorPresent": True}
        ],
    }
    smi = "00000000:01:00.0, 0x28E010DE, NVIDIA GeForce RTX 4060 Laptop GPU, 8188, 7957, 552.22\n"
    return Machine(
        system="win32",
        outputs={"powershell": json.dumps(cim), "nvidia-smi": smi},
        calls=CapturedCalls(
            counted=Processor("Intel64 Family 6", "", "AMD64", 20, 14),
            memory_told=Memory(16 * GIB, 7 * GIB, None, None, 4 * GIB, 3 * GIB),
            power_told=Power(on_battery=True, percent=54),
            cpus=frozenset(range(20)),
            information=core_information(fast + small),
            abilities=frozenset({10, 13, 17, 23, 36, 37, 38, 39, 40}),
        ),
    )
