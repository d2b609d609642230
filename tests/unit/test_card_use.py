"""What graphics cards do at the moment: their memory, and how busy they are."""

import ctypes.util
from functools import partial
from pathlib import Path

import pytest

from app.llm import card_use
from app.llm.card_use import CardUse
from app.llm.optimizer.machine import busy, linux_gpus, nvml
from app.llm.optimizer.machine.records import Computer, Gpu
from app.schema import EngineBuild, EngineDevice
from tests.fakes.nvml import ADDRESS, FakeNvml, compiler

AMD, IDLE = "0000:03:00.0", "0000:0d:00.0"
NO_LIBRARY = "libno-such-library.so.1"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> FakeNvml:
    if compiler() is None:
        pytest.skip("there is no C compiler")
    return FakeNvml(tmp_path_factory.mktemp("driver"))


def lay(root: Path, address: str, device: str, percent: str) -> None:
    """AMD's card in the kernel's files."""
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "vendor").write_text("0x1002\n")
    (folder / "device").write_text(f"0x{device}\n")
    (folder / "gpu_busy_percent").write_text(percent)


def test_amds_cards_are_read_from_the_kernels_files(tmp_path: Path) -> None:
    lay(tmp_path, AMD, "744c", "37\n")
    lay(tmp_path, IDLE, "164e", "0\n")
    assert linux_gpus.busy(tmp_path, AMD) == 37
    assert linux_gpus.busy(tmp_path, IDLE) == 0
    assert linux_gpus.busy(tmp_path, "0000:01:00.0") is None, "another maker's"
    (tmp_path / "sys/bus/pci/devices" / AMD / "gpu_busy_percent").write_text("98\n")
    assert linux_gpus.busy(tmp_path, AMD) == 98


@pytest.mark.parametrize(
    ("device", "told"),
    [("15d8", "100\n"), ("15dd", "100\n"), ("744c", "101\n"), ("744c", "-1\n"), ("744c", "\n")],
)
def test_what_is_no_reading_is_none(tmp_path: Path, device: str, told: str) -> None:
    lay(tmp_path, AMD, device, told)
    assert linux_gpus.busy(tmp_path, AMD) is None


def test_nvidias_cards_are_read_by_the_library_of_their_driver(library: FakeNvml) -> None:
    library.set(42)
    with nvml.opened(library.path) as read:
        assert read(ADDRESS) == 42
        library.set(100)
        assert read(ADDRESS) == 100
        assert read("0000:01:00.0") is None, "a card that it does not know"
        library.set(7, error=3)
        assert read(ADDRESS) is None, "not supported, as of a card in instances"
        library.set(4_294_967_295)
        assert read(ADDRESS) is None
        assert library.users == 1
    assert library.users == 0


def test_a_driver_that_does_not_start_tells_nothing(library: FakeNvml) -> None:
    library.set(42)
    library.refuse(9)
    with nvml.opened(library.path) as read:
        assert read(ADDRESS) is None
    library.refuse(0)
    assert library.users == 0, "what was not opened is not closed"


def test_without_the_library_nothing_is_told(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.so"
    garbage.write_bytes(b"no library at all")
    other = ctypes.util.find_library("m")
    for name in (NO_LIBRARY, str(garbage), *([other] if other else [])):
        with nvml.opened(name) as read:
            assert read(ADDRESS) is None, name


def test_each_card_has_the_reader_of_its_maker(tmp_path: Path, library: FakeNvml) -> None:
    lay(tmp_path, AMD, "744c", "37\n")
    library.set(42)
    of_amd, of_nvidia = Gpu("A", "AMD", address=AMD), Gpu("N", "NVIDIA", address=ADDRESS)
    of_intel, nowhere = Gpu("I", "Intel", address=IDLE), Gpu("N", "NVIDIA")
    every = (of_amd, of_nvidia, of_intel, nowhere)
    with busy.opened(every, tmp_path, library.path) as read:
        assert [read(one) for one in every] == [37, 42, None, None]
        assert library.users == 1
    assert library.users == 0
    with busy.opened((of_amd, nowhere), tmp_path, library.path) as read:
        assert library.users == 0, "none of these is asked of it"
        assert (read(of_amd), read(of_nvidia)) == (37, None)


class Told:
    """The facts about a computer with three cards, of which llama.cpp names two."""

    def now(self) -> Computer:
        return Computer(
            gpus=(
                Gpu("RX 7900", "AMD", address=AMD, device="Vulkan1"),
                Gpu("UHD 730", "Intel", address=IDLE, device="Vulkan0"),
                Gpu("RTX 3090", "NVIDIA", address=ADDRESS),
            )
        )


def test_the_cards_of_llama_cpp_have_their_memory_and_where_it_is_told_their_work(
    tmp_path: Path,
) -> None:
    lay(tmp_path, AMD, "744c", "37\n")
    devices = [
        EngineDevice("Vulkan0", "Intel UHD", "Vulkan", is_gpu=True, free=4, total=6),
        EngineDevice("Vulkan1", "", "Vulkan", is_gpu=True, free=3, total=10),
        EngineDevice("Vulkan2", "Unheard Of", "Vulkan", is_gpu=True, free=1, total=2),
        EngineDevice("Vulkan3", "Silent Card", "Vulkan", is_gpu=True),
        EngineDevice("CPU", "A processor", "CPU", is_gpu=False, free=1, total=2),
    ]
    build = EngineBuild("0.3.36", can_offload=True, devices=tuple(devices))
    with card_use.opened(Told(), lambda: build, partial(busy.opened, root=tmp_path)) as read:
        assert read() == (
            CardUse("Intel UHD", 2, 6),
            CardUse("Vulkan1", 7, 10, 37),
            CardUse("Unheard Of", 1, 2),
        )


def test_without_llama_cpp_there_are_no_cards() -> None:
    with card_use.opened(Told(), lambda: None) as read:
        assert read() == ()
