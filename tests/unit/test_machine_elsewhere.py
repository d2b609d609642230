"""What is read of Macs, of computers with Windows, and of other systems."""

from pathlib import Path

import pytest

from app.llm.optimizer.machine import windows_cores
from app.llm.optimizer.machine.records import (
    Cache,
    Gpu,
    Interface,
    Memory,
    Power,
    Processor,
    Surroundings,
)
from tests.fakes.machines import GIB, CapturedCalls, Machine, macs
from tests.fakes.machines.windows_laptop import core_information, windows_laptop

MIB = 1 << 20


def test_a_mac_with_apples_chip(tmp_path: Path) -> None:
    found = macs.apple_silicon().read(tmp_path)
    chip = found.processor
    assert (chip.name, chip.vendor, chip.architecture) == ("Apple M2 Pro", "Apple", "arm64")
    assert (chip.physical_cores, chip.performance_cores, chip.efficiency_cores) == (12, 8, 4)
    assert (chip.usable_cores, chip.usable_performance_cores) == (12, 8)
    assert chip.instruction_sets == {"NEON", "FP16", "DotProd", "I8MM", "BF16"}
    assert Cache(2, "unified", 16 * MIB, 2) in chip.caches, "four cores share one"
    assert Cache(1, "data", 64 << 10, 4) in chip.caches
    assert found.memory == Memory(
        total=16 * GIB,
        available=(90_000 + 300_000 + 10_000) * 16384,
        swap_total=2 * GIB,
        swap_free=GIB,
    )
    assert found.gpus == (
        Gpu("Apple M2 Pro", "Apple", Interface.METAL, total=None, is_unified=True),
    ), "how much Metal may take, only Metal tells"
    assert found.power == Power(on_battery=True, percent=78)
    assert found.surroundings == Surroundings("macOS 14.5", "Mac14,9", is_virtual=False)


def test_a_mac_with_an_intel_processor(tmp_path: Path) -> None:
    found = macs.intel_mac().read(tmp_path)
    chip = found.processor
    assert (chip.vendor, chip.architecture) == ("Intel", "x86_64")
    assert (chip.logical_cores, chip.physical_cores, chip.performance_cores) == (16, 8, 8)
    assert {"AVX2", "FMA", "F16C"} <= chip.instruction_sets
    assert "AVX-512" not in chip.instruction_sets
    unit, card = found.gpus
    assert (unit.name, unit.is_unified, unit.total) == ("Intel UHD Graphics 630", True, None)
    assert (card.name, card.vendor, card.total) == ("AMD Radeon Pro 5500M", "AMD", 8 * GIB)
    assert card.interface is Interface.METAL
    assert found.power == Power(on_battery=False, percent=100)
    assert found.memory.swap_total == 0


def test_a_program_that_rosetta_translates_knows_the_real_chip(tmp_path: Path) -> None:
    told = "sysctl.proc_translated: 1\nmachdep.cpu.brand_string: VirtualApple @ 2.50GHz\n"
    chip = Machine(system="darwin", outputs={"sysctl": told}).read(tmp_path).processor
    assert chip.architecture == "arm64"


def test_a_laptop_with_windows(tmp_path: Path) -> None:
    found = windows_laptop().read(tmp_path)
    chip = found.processor
    assert (chip.name, chip.vendor) == ("13th Gen Intel(R) Core(TM) i7-13700H", "Intel")
    assert (chip.architecture, chip.logical_cores, chip.physical_cores) == ("x86_64", 20, 14)
    assert (chip.performance_cores, chip.efficiency_cores) == (6, 8)
    assert (chip.allowed_cores, chip.allowed_performance_cores) == (14, 6)
    assert chip.instruction_sets == {"SSSE3", "SSE4.2", "AVX", "AVX2"}
    assert Cache(3, "unified", 24576 << 10) in chip.caches
    assert (found.memory.total, found.memory.available) == (16 * GIB, 7 * GIB)
    assert found.power == Power(on_battery=True, percent=54)
    card, unit = found.gpus
    assert card.name == "NVIDIA GeForce RTX 4060 Laptop GPU"
    assert (card.total, card.free) == (8188 * MIB, 7957 * MIB)
    assert (unit.name, unit.is_unified, unit.total) == ("Intel(R) Iris(R) Xe Graphics", True, None)
    assert found.surroundings == Surroundings(
        "Windows 11 Home (build 22631)", "Dell Inc. XPS 15 9530", is_virtual=False
    ), "a hypervisor runs on real computers too"


def test_windows_knows_a_cards_memory_beyond_4_gb_without_its_makers_tool(tmp_path: Path) -> None:
    laptop = windows_laptop()
    cim = {"powershell": laptop.outputs["powershell"]}
    unit, card = Machine("win32", outputs=cim, calls=laptop.calls).read(tmp_path).gpus
    assert (card.total, card.free) == (8_585_740_288, None)
    assert unit.total is None
    lost = {"powershell": cim["powershell"].replace("8585740288", "null")}
    _, card = Machine("win32", outputs=lost, calls=laptop.calls).read(tmp_path).gpus
    assert card.total is None, "4 GB is the most that the other number can be"


def test_where_powershell_does_not_answer_the_library_counts(tmp_path: Path) -> None:
    laptop = windows_laptop()
    found = Machine("win32", calls=laptop.calls).read(tmp_path)
    assert found.processor.name == "Intel64 Family 6"
    assert (found.processor.logical_cores, found.processor.performance_cores) == (20, 6)
    assert found.memory.total == 16 * GIB
    assert found.gpus == ()


def test_an_affinity_on_windows_limits_the_cores(tmp_path: Path) -> None:
    laptop = windows_laptop()
    calls = CapturedCalls(cpus=frozenset({0, 1, 12}), information=laptop.calls.information)
    chip = Machine("win32", calls=calls).read(tmp_path).processor
    assert (chip.allowed_cores, chip.allowed_performance_cores, chip.usable_cores) == (2, 1, 2)


def test_cores_in_more_than_one_group() -> None:
    information = bytearray(core_information([(0, 1), (0, 1)]))
    information[48 + 40 : 48 + 42] = (1).to_bytes(2, "little")
    assert [set(core.cpus) for core in windows_cores.cores(bytes(information))] == [{0}, {64}]


@pytest.mark.parametrize("cut", [0, 1, 31, 47, 48 + 17])
def test_information_that_is_cut_short_gives_whole_cores(cut: int) -> None:
    information = core_information([(1, 3), (0, 4)])[:cut]
    assert len(windows_cores.cores(information)) == cut // 48


def test_another_system_tells_what_its_libraries_know(tmp_path: Path) -> None:
    smi = "00000000:01:00.0, 0x220410DE, NVIDIA GeForce RTX 3090, 24576, 23021, 550.54.14\n"
    calls = CapturedCalls(counted=Processor("Some chip", "", "amd64", 8, 4))
    found = Machine("freebsd14", outputs={"nvidia-smi": smi}, calls=calls).read(tmp_path)
    assert (found.processor.usable_cores, found.memory) == (4, Memory())
    assert [gpu.name for gpu in found.gpus] == ["NVIDIA GeForce RTX 3090"]
