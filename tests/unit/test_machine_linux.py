"""What is read of computers with Linux: processors, memory, power, limits of containers."""

from pathlib import Path

import pytest

from app.llm.optimizer.machine import linux, linux_cgroups, linux_topology
from app.llm.optimizer.machine.records import Cache, NumaNode, Power
from tests.fakes.machines import GIB, personal, servers
from tests.fakes.machines.cards import wsl

KIB = 1 << 10


def test_a_hybrid_laptop_on_battery(tmp_path: Path) -> None:
    found = personal.hybrid_laptop().read(tmp_path)
    chip = found.processor
    assert (chip.name, chip.vendor) == ("12th Gen Intel(R) Core(TM) i7-1260P", "Intel")
    assert chip.architecture == "x86_64"
    assert (chip.logical_cores, chip.physical_cores) == (16, 12)
    assert (chip.performance_cores, chip.efficiency_cores, chip.is_hybrid) == (4, 8, True)
    assert (chip.usable_cores, chip.usable_performance_cores) == (12, 4)
    assert {"AVX", "AVX2", "FMA", "F16C", "AVX-VNNI"} <= chip.instruction_sets
    assert not {one for one in chip.instruction_sets if one.startswith(("AVX-512", "AMX"))}
    assert chip.caches == (
        Cache(1, "data", 32 * KIB, 8),
        Cache(1, "data", 48 * KIB, 4),
        Cache(2, "unified", 1280 * KIB, 4),
        Cache(2, "unified", 2048 * KIB, 2),
        Cache(3, "unified", 18432 * KIB, 1),
    )
    assert chip.numa_nodes == (NumaNode(0, frozenset(range(16)), 16_092_416 * KIB),)
    assert chip.governor == "powersave"
    assert (chip.allowed_cpus, chip.quota) == (frozenset(range(16)), None)
    assert (found.memory.total, found.memory.available) == (16_092_416 * KIB, 9_410_000 * KIB)
    assert found.memory.swap_total == found.memory.swap_free == 8_388_604 * KIB
    assert found.power == Power(on_battery=True, percent=67), "the mouse's battery does not count"
    about = found.surroundings
    assert about.system == "Ubuntu 24.04.1 LTS"
    assert about.model == "LENOVO ThinkPad X1 Carbon Gen 10"
    assert (about.is_virtual, about.is_wsl, about.container) == (False, False, "")


def test_a_process_tied_to_efficiency_cores_has_only_these(tmp_path: Path) -> None:
    root = personal.hybrid_laptop().lay(tmp_path)
    (root / "proc/self/status").write_text("Cpus_allowed_list:\t8-11\n")
    chip = linux.processor(root)
    assert (chip.physical_cores, chip.performance_cores) == (12, 4), "the computer is what it was"
    assert (chip.allowed_cores, chip.allowed_performance_cores) == (4, 0)
    assert (chip.usable_cores, chip.usable_performance_cores) == (4, 4)


def test_hybrid_cores_are_told_apart_by_their_frequency_too(tmp_path: Path) -> None:
    root = personal.hybrid_laptop().lay(tmp_path)
    for name in ("cpu_core", "cpu_atom"):
        (root / "sys/devices" / name / "cpus").unlink()
    chip = linux.processor(root)
    assert (chip.performance_cores, chip.efficiency_cores) == (4, 8)


def test_favoured_cores_of_a_ryzen_are_no_other_kind(tmp_path: Path) -> None:
    found = personal.ryzen_desktop().read(tmp_path)
    chip = found.processor
    assert (chip.vendor, chip.logical_cores, chip.physical_cores) == ("AMD", 32, 16)
    assert (chip.performance_cores, chip.efficiency_cores, chip.is_hybrid) == (16, 0, False)
    assert {"AVX-512", "AVX-512 VNNI", "AVX-512 BF16"} <= chip.instruction_sets
    assert (Cache(2, "unified", 1024 * KIB, 16)) in chip.caches
    assert found.power == Power(on_battery=False), "a desktop has no battery"
    assert found.surroundings.model == "", "the board's maker left these lines empty"


def test_a_server_with_two_sockets(tmp_path: Path) -> None:
    found = servers.dual_socket().read(tmp_path)
    chip = found.processor
    assert (chip.logical_cores, chip.physical_cores, chip.usable_cores) == (224, 112, 112)
    assert {"AVX-512", "AVX-512 FP16", "AMX", "AMX INT8", "AMX BF16"} <= chip.instruction_sets
    assert [node.number for node in chip.numa_nodes] == [0, 1]
    assert chip.numa_nodes[1].cpus == frozenset(range(56, 112)) | frozenset(range(168, 224))
    assert chip.numa_nodes[1].memory == 263_500_000 * KIB
    assert (Cache(3, "unified", 107520 * KIB, 2)) in chip.caches
    assert chip.governor == "performance"
    assert found.surroundings.model == "Dell Inc. R760"
    assert found.gpus == ()


def test_a_raspberry_pi(tmp_path: Path) -> None:
    found = personal.raspberry_pi().read(tmp_path)
    chip = found.processor
    assert (chip.name, chip.vendor, chip.architecture) == ("Cortex-A76", "ARM", "arm64")
    assert (chip.physical_cores, chip.performance_cores, chip.efficiency_cores) == (4, 4, 0)
    assert chip.instruction_sets == {"NEON", "FP16", "DotProd"}
    assert chip.governor == "ondemand"
    assert found.surroundings.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.surroundings.is_virtual is None, "its kernel does not tell"
    assert [(gpu.name, gpu.vendor, gpu.is_unified) for gpu in found.gpus] == [
        ("V3D 7.1.7.0", "Broadcom", True)
    ], "what acts a card on the processor is none"


def test_a_small_computer_with_cores_of_two_kinds(tmp_path: Path) -> None:
    chip = personal.orange_pi().read(tmp_path).processor
    assert chip.name == "Cortex-A55 + Cortex-A76"
    assert (chip.performance_cores, chip.efficiency_cores) == (4, 4)
    assert chip.usable_performance_cores == 4


def test_a_steam_deck_on_its_charger(tmp_path: Path) -> None:
    found = personal.steam_deck().read(tmp_path)
    assert (found.processor.logical_cores, found.processor.physical_cores) == (8, 4)
    assert found.power == Power(on_battery=False, percent=81)
    assert found.surroundings.model == "Valve Jupiter"
    assert found.surroundings.system == "SteamOS"


def test_linux_inside_windows_says_so(tmp_path: Path) -> None:
    found = wsl().read(tmp_path)
    assert (found.surroundings.is_wsl, found.surroundings.is_virtual) == (True, True)
    assert found.processor.physical_cores == 8
    assert found.processor.performance_cores is None, "frequencies are hidden there"
    assert found.power == Power(on_battery=False, percent=100)


def test_a_container_of_two_cores_is_a_computer_of_two_cores(tmp_path: Path) -> None:
    found = servers.container_v2().read(tmp_path)
    chip, memory = found.processor, found.memory
    assert (chip.physical_cores, chip.quota, chip.usable_cores) == (64, 2.0, 2)
    assert chip.usable_performance_cores == 2
    assert (memory.limit, memory.usable_total) == (4 * GIB, 4 * GIB)
    assert memory.limit_free == 3 * GIB, "files in the page cache can go"
    assert memory.usable_available == 3 * GIB
    assert found.surroundings.container == "docker"


def test_a_container_of_version_1_is_tied_to_cores(tmp_path: Path) -> None:
    found = servers.container_v1().read(tmp_path)
    chip, memory = found.processor, found.memory
    assert chip.allowed_cpus == frozenset({0, 1, 2, 64, 65, 66})
    assert (chip.allowed_cores, chip.quota, chip.usable_cores) == (3, 4.0, 3)
    assert (memory.limit, memory.limit_free) == (8 * GIB, 4 * GIB)


@pytest.mark.parametrize(
    ("limit", "memory"),
    [("max", "max"), ("-1", "9223372036854771712"), ("0 0", "²"), ("\0", "9" * 5000)],
)
def test_groups_without_a_limit_or_with_garbage_grant_everything(
    tmp_path: Path, limit: str, memory: str
) -> None:
    root = servers.container_v2().lay(tmp_path)
    (root / "sys/fs/cgroup/cpu.max").write_text(f"{limit} 100000")
    (root / "sys/fs/cgroup/memory.max").write_text(memory)
    assert linux_cgroups.cpu_quota(root) is None
    assert linux_cgroups.memory_limit(root) is None
    assert linux.memory(root).limit_free is None


def test_half_a_core_is_one_thread(tmp_path: Path) -> None:
    root = servers.container_v2().lay(tmp_path)
    (root / "sys/fs/cgroup/cpu.max").write_text("50000 100000")
    assert linux.processor(root).usable_cores == 1


@pytest.mark.parametrize(
    ("state", "plugged", "on_battery"),
    [
        ("Discharging", "0", True),
        ("Discharging", "1", False),
        ("Full", "0", False),
        ("Unknown", "0", True),
        ("Unknown", "?", None),
    ],
)
def test_where_the_current_comes_from(
    tmp_path: Path, state: str, plugged: str, on_battery: bool | None
) -> None:
    root = personal.hybrid_laptop().lay(tmp_path)
    supplies = root / "sys/class/power_supply"
    (supplies / "BAT0/status").write_text(state)
    (supplies / "AC/online").write_text(plugged)
    assert linux.power(root).on_battery is on_battery


def test_an_empty_tree_tells_nothing(tmp_path: Path) -> None:
    chip = linux.processor(tmp_path)
    assert (chip.name, chip.physical_cores, chip.usable_cores) == ("", None, None)
    assert (chip.instruction_sets, chip.caches, chip.allowed_cpus) == (frozenset(), (), None)
    assert linux.memory(tmp_path).usable_total is None
    assert linux.power(tmp_path) == Power()
    assert linux_topology.slow_cpus(tmp_path, frozenset({0, 1})) is None
