"""Graphics cards: what several readers say of them, each once."""

from pathlib import Path

import pytest

from app.llm.optimizer.machine import gpus, nvidia, pci, vulkan
from app.llm.optimizer.machine.records import Gpu, Interface
from tests.fakes.machines import GIB, CapturedTools, cards, parts, personal

MIB = 1 << 20


def test_two_cards_of_one_kind_are_two(tmp_path: Path) -> None:
    found = cards.two_nvidia().read(tmp_path).gpus
    assert [gpu.address for gpu in found] == ["0000:01:00.0", "0000:21:00.0"]
    for gpu, free in zip(found, (23_021, 24_252), strict=True):
        assert (gpu.name, gpu.vendor) == ("NVIDIA GeForce RTX 3090", "NVIDIA")
        assert (gpu.interface, gpu.driver) == (Interface.CUDA, "550.54.14")
        assert (gpu.total, gpu.free) == (24_576 * MIB, free * MIB)
        assert (gpu.is_unified, gpu.is_usable) == (False, None), "llama.cpp was not asked"


def test_without_its_tool_the_drivers_files_name_a_card(tmp_path: Path) -> None:
    (found,) = personal.ryzen_desktop().read(tmp_path).gpus
    assert found.name == "NVIDIA GeForce RTX 4070 Ti"
    assert (found.driver, found.address) == ("560.35.03", "0000:01:00.0")
    assert (found.total, found.free, found.hardware) == (None, None, "10de:2782")


def test_a_driver_that_was_updated_under_way_asks_for_a_restart(tmp_path: Path) -> None:
    (found,) = cards.outdated_nvidia().read(tmp_path).gpus
    assert found.is_usable is False
    assert "updated" in found.reason
    assert found.remedy == "Start the computer again."


def test_amd_cards_by_three_readers_are_each_one(tmp_path: Path) -> None:
    card, unit = cards.amd_box().read(tmp_path).gpus
    assert (card.name, card.vendor, card.interface) == (
        "AMD Radeon RX 7900 XTX",
        "AMD",
        Interface.ROCM,
    )
    assert (card.total, card.free) == (24 * GIB, 24 * GIB - 900 * MIB)
    assert (card.is_unified, card.driver) == (False, "amdgpu, Mesa 24.2.5")
    assert (unit.name, unit.is_unified) == ("AMD Raphael", True)
    assert unit.total == 512 * MIB + 15 * GIB, "its own part, and what it may take"


def test_a_steam_deck_shares_its_memory(tmp_path: Path) -> None:
    (found,) = personal.steam_deck().read(tmp_path).gpus
    assert (found.name, found.is_unified) == ("AMD Custom GPU 0405", True)
    assert (found.total, found.free) == (9 * GIB, 9 * GIB - 800 * MIB)


def test_intel_cards_and_units(tmp_path: Path) -> None:
    card, unit = cards.intel_arc().read(tmp_path).gpus
    assert (card.name, card.driver) == ("Intel(R) Arc(tm) A770 Graphics (DG2)", "xe, Mesa 24.2.4")
    assert (card.total, card.free, card.is_unified) == (16 * GIB, None, False)
    assert (unit.total, unit.is_unified) == (None, True)
    assert card.interface is unit.interface is Interface.SYCL


def test_the_installed_list_of_names_is_read(tmp_path: Path) -> None:
    (found,) = personal.hybrid_laptop().read(tmp_path).gpus
    assert found.name == "Intel Iris Xe Graphics"
    assert pci.name(tmp_path, "10de:2684") == "GeForce RTX 4090"
    assert pci.name(tmp_path, "10de:46a6") == "", "the number of another maker"
    assert pci.name(tmp_path, "") == ""


def test_windows_graphics_inside_linux_are_the_card_itself(tmp_path: Path) -> None:
    card, unit = cards.wsl().read(tmp_path).gpus
    assert (card.name, card.total) == ("NVIDIA GeForce RTX 3060 Laptop GPU", 6144 * MIB)
    assert (unit.name, unit.vendor) == ("AMD Radeon(TM) Graphics", "AMD")


@pytest.mark.parametrize(
    ("row", "total", "is_unified"),
    [
        ("0000000F:01:00.0, 0x2E1210DE, NVIDIA GB10, [N/A], [N/A], 580.82.09", None, True),
        ("00000000:00:00.0, 0x0, Orin (nvgpu), [N/A], [N/A], N/A", None, True),
        ("00000000:01:00.0, [N/A], Tesla P4, 7680, [Unknown Error], 470.1", 7680 * MIB, False),
    ],
)
def test_what_nvidia_smi_does_not_know_is_unknown(
    tmp_path: Path, row: str, total: int | None, is_unified: bool
) -> None:
    (found,) = nvidia.gpus(CapturedTools({"nvidia-smi": row}), 1, tmp_path)
    assert (found.total, found.free, found.is_unified) == (total, None, is_unified)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "No devices were found\n",
        "Failed to initialize NVML: Unknown Error\n",
        'Field "pci.device_id" is not a valid field to query.\n\n',
        "a, b, c, d, e, f\n",
        "00000000:01:00.0, 0x1, , 1, 1, 1\n",
    ],
)
def test_no_card_comes_from_an_error_of_nvidia_smi(tmp_path: Path, printed: str) -> None:
    assert nvidia.gpus(CapturedTools({"nvidia-smi": printed}), 1, tmp_path) == ()


def test_one_card_by_two_drivers_is_one_and_two_cards_are_two() -> None:
    card = ("DISCRETE_GPU", "1002", "744c", "AMD Radeon RX 7900 XTX (RADV NAVI31)")
    radv, amdvlk = "radv: Mesa 24.2.5", "AMD open-source driver: 2024.Q3.3"
    for devices, count in (
        ([(*card, radv)], 1),
        ([(*card, radv), (*card, amdvlk)], 1),
        ([(*card, radv), (*card, radv)], 2),
        ([(*card, radv), (*card, radv), (*card, amdvlk), (*card, amdvlk)], 2),
    ):
        tools = CapturedTools({"vulkaninfo": parts.vulkan(*devices)})
        assert len(vulkan.gpus(tools, 1)) == count


def test_a_later_reader_fills_in_and_changes_nothing() -> None:
    first = Gpu("AMD graphics", "AMD", Interface.ROCM, address="0000:03:00.0", driver="amdgpu")
    second = Gpu("Radeon", "AMD", Interface.VULKAN, total=8, free=3, address="0000:03:00.0")
    (merged,) = gpus.merge([[first], [second]])
    assert (merged.name, merged.interface) == ("Radeon", Interface.ROCM)
    assert (merged.total, merged.free, merged.driver) == (8, 3, "amdgpu")
    third = Gpu("Other", "AMD", total=16, free=1, address="0000:03:00.0")
    assert gpus.merge([[merged], [third]]) == (merged,)


def test_cards_without_a_place_are_as_many_as_one_reader_tells() -> None:
    card = Gpu("RX 580", "AMD", Interface.ROCM, hardware="1002:67df")
    assert len(gpus.merge([[card, card]])) == 2
    seen = Gpu("RX 580 (RADV)", "AMD", hardware="1002:67df", is_unified=False)
    merged = gpus.merge([[card, card], [seen, seen]])
    assert [gpu.is_unified for gpu in merged] == [False, False], "each of them once"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000:C4:00.0", "0000:c4:00.0"),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("01:00.0", "0000:01:00.0"),
        ("somewhere", ""),
        ("", ""),
    ],
)
def test_places_on_the_bus_are_written_one_way(written: str, address: str) -> None:
    assert pci.address(written) == address
