"""Whether the installed llama.cpp can use a card, and what is said where it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.llm.optimizer.machine.records import Gpu, Interface
from app.llm.optimizer.machine.usability import Installation, judge
from app.schema import EngineBuild, EngineDevice
from tests.fakes.machines import GIB, Machine, cards, macs, personal
from tests.fakes.machines.windows_laptop import windows_laptop

CPU = EngineDevice("CPU", "Some processor", "CPU", is_gpu=False, free=GIB, total=GIB)
PLAIN = EngineBuild("0.3.36", can_offload=False, backends=("CPU",), devices=(CPU,))
LINUX = Installation("linux", is_bundle=False)
PIP = "pip install --force-reinstall --no-deps --no-cache-dir llama-cpp-python==0.3.36"


def device(name: str, title: str, total: int = 8, **more: bool) -> EngineDevice:
    backend = name.rstrip("0123456789")
    known = (total - 1) * GIB if total else None
    return EngineDevice(
        name, title, backend, is_gpu=True, free=known, total=total * GIB or None, **more
    )


def built(*devices: EngineDevice) -> EngineBuild:
    backends = dict.fromkeys((*(one.backend for one in devices), "CPU"))
    return EngineBuild("0.3.36", bool(devices), tuple(backends), (*devices, CPU))


@pytest.mark.parametrize(
    ("machine", "reason", "remedy"),
    [
        (
            cards.two_nvidia(),
            "The installed llama.cpp was built without CUDA.",
            f'Install llama.cpp with CUDA: CMAKE_ARGS="-DGGML_CUDA=on" {PIP}',
        ),
        (
            cards.amd_box(),
            "The installed llama.cpp was built without ROCm and without Vulkan.",
            f'Install llama.cpp with Vulkan: CMAKE_ARGS="-DGGML_VULKAN=on" {PIP} '
            "(or, where ROCm is installed, -DGGML_HIP=on)",
        ),
        (
            cards.intel_arc(),
            "The installed llama.cpp was built without SYCL and without Vulkan.",
            f'Install llama.cpp with Vulkan: CMAKE_ARGS="-DGGML_VULKAN=on" {PIP} '
            "(or, where SYCL is installed, -DGGML_SYCL=on)",
        ),
        (
            personal.raspberry_pi(),
            "The installed llama.cpp was built without Vulkan.",
            f'Install llama.cpp with Vulkan: CMAKE_ARGS="-DGGML_VULKAN=on" {PIP}',
        ),
        (
            macs.apple_silicon(),
            "The installed llama.cpp was built without Metal.",
            f'Install llama.cpp with Metal: CMAKE_ARGS="-DGGML_METAL=on" {PIP}',
        ),
    ],
)
def test_a_llama_cpp_for_the_processor_alone(
    tmp_path: Path, machine: Machine, reason: str, remedy: str
) -> None:
    found = judge(machine.read(tmp_path).gpus, PLAIN, LINUX)
    assert [(gpu.is_usable, gpu.reason, gpu.remedy) for gpu in found] == [
        (False, reason, remedy)
    ] * len(found)
    assert found


def test_on_windows_the_line_is_for_powershell(tmp_path: Path) -> None:
    card, _ = judge(windows_laptop().read(tmp_path).gpus, PLAIN, Installation("win32", False))
    assert card.remedy.endswith(f': $env:CMAKE_ARGS="-DGGML_CUDA=on"; {PIP}')


def test_a_bundle_is_exchanged_for_another(tmp_path: Path) -> None:
    for gpu in judge(cards.amd_box().read(tmp_path).gpus, PLAIN, Installation("linux", True)):
        assert gpu.remedy.startswith("Use Hearth's bundle with Vulkan")


def test_cards_get_llama_cpps_names_in_its_order(tmp_path: Path) -> None:
    build = built(
        device("CUDA0", "NVIDIA GeForce RTX 3090", 24),
        device("CUDA1", "NVIDIA GeForce RTX 3090", 24),
    )
    found = judge(cards.two_nvidia().read(tmp_path).gpus, build, LINUX)
    assert [(gpu.device, gpu.is_usable, gpu.free) for gpu in found] == [
        ("CUDA0", True, 23 * GIB),
        ("CUDA1", True, 23 * GIB),
    ]


def test_a_unit_beside_a_card_is_left_alone(tmp_path: Path) -> None:
    build = built(
        device("Vulkan0", "AMD Radeon RX 7900 XTX (RADV NAVI31)", 24),
        device("Vulkan1", "AMD Ryzen 7 7700 (RADV RAPHAEL)", 15, is_integrated=True),
    )
    card, unit = judge(cards.amd_box().read(tmp_path).gpus, build, LINUX)
    assert (card.device, card.is_usable) == ("Vulkan0", True)
    assert (unit.device, unit.is_usable) == ("Vulkan1", False)
    assert "leaves it alone" in unit.reason
    alone = built(device("Vulkan0", "AMD Custom GPU 0405 (RADV VANGOGH)", 9, is_integrated=True))
    (deck,) = judge(personal.steam_deck().read(tmp_path / "deck").gpus, alone, LINUX)
    assert (deck.device, deck.is_usable) == ("Vulkan0", True)


def test_metal_tells_how_much_of_the_memory_it_may_take(tmp_path: Path) -> None:
    (found,) = judge(
        macs.apple_silicon().read(tmp_path).gpus, built(device("Metal", "Apple M2 Pro", 11)), LINUX
    )
    assert (found.is_usable, found.total, found.free) == (True, 11 * GIB, 10 * GIB)


def test_one_card_by_two_back_ends_is_one(tmp_path: Path) -> None:
    title = "NVIDIA GeForce RTX 4070 Ti"
    build = built(device("CUDA0", title, 12), device("Vulkan0", title, 12))
    (found,) = judge(personal.ryzen_desktop().read(tmp_path).gpus, build, LINUX)
    assert found.device == "CUDA0"


def test_a_card_that_only_llama_cpp_finds_is_shown() -> None:
    (found,) = judge([], built(device("ROCm0", "AMD Instinct MI300X", 192)), LINUX)
    assert (found.name, found.vendor) == ("AMD Instinct MI300X", "AMD")
    assert (found.interface, found.total, found.is_usable) == (Interface.ROCM, 192 * GIB, True)


def test_a_device_of_another_maker_is_another_card() -> None:
    amd = Gpu("AMD graphics", "AMD", Interface.ROCM)
    found = judge([amd], built(device("CUDA0", "NVIDIA H200", 139)), LINUX)
    assert [gpu.device for gpu in found] == ["", "CUDA0"]


def test_a_build_with_cuda_that_finds_no_card_points_at_the_driver(tmp_path: Path) -> None:
    build = replace(PLAIN, backends=("CUDA", "CPU"))
    gpus = cards.two_nvidia().read(tmp_path).gpus
    for gpu in judge(gpus, build, LINUX):
        assert "was built with CUDA, but does not find this card" in gpu.reason
        assert gpu.remedy == "Install the current driver of NVIDIA, and start again."


def test_nouveau_has_no_cuda() -> None:
    (found,) = judge([Gpu("GTX 970", "NVIDIA", Interface.CUDA, driver="nouveau")], PLAIN, LINUX)
    assert "nouveau, has no CUDA" in found.reason
    assert found.remedy.startswith("Install NVIDIA's own driver, then")


def test_what_a_reader_knows_better_stays(tmp_path: Path) -> None:
    (found,) = judge(cards.outdated_nvidia().read(tmp_path).gpus, PLAIN, LINUX)
    assert found.remedy == "Start the computer again."


def test_without_llama_cpp_nothing_can_be_used(tmp_path: Path) -> None:
    found = judge(cards.two_nvidia().read(tmp_path).gpus, None, LINUX)
    assert {(gpu.is_usable, gpu.reason) for gpu in found} == {
        (False, "llama.cpp cannot be loaded.")
    }
    assert all("hearth doctor" in gpu.remedy for gpu in found)


def test_a_device_that_does_not_tell_its_memory_leaves_what_was_read(tmp_path: Path) -> None:
    title = "NVIDIA GeForce RTX 3090"
    first, _ = judge(
        cards.two_nvidia().read(tmp_path).gpus, built(device("Vulkan0", title, 0)), LINUX
    )
    assert (first.total, first.free) == (24_576 << 20, 23_021 << 20)
