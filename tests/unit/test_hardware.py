"""The facts that every start reads, and the cheap readers below them."""

from pathlib import Path

import pytest

from app.llm.optimizer import hardware
from app.llm.optimizer.machine import linux_cgroups, linux_topology


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def siblings(pairs: dict[int, str]) -> dict[str, str]:
    return {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": text
        for cpu, text in pairs.items()
    }


def test_detects_this_computer() -> None:
    found = hardware.detect()
    assert found.physical_cores >= 1
    assert 0 < found.available_memory <= found.total_memory


def test_hyperthreads_of_one_core_count_once(tmp_path: Path) -> None:
    root = tree(tmp_path, siblings({0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}))
    assert linux_topology.physical_cores(root, [0, 1, 4, 5]) == 2
    assert linux_topology.physical_cores(root, [0, 4]) == 1
    assert linux_topology.physical_cores(root, [0, 7]) == 2, "an unknown CPU is a core of its own"
    assert linux_topology.physical_cores(root, []) is None


def test_the_least_of_nested_groups_counts(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/docker/abc\n",
            "sys/fs/cgroup/docker/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/docker/abc/cpu.max": "max 100000\n",
            "sys/fs/cgroup/docker/abc/memory.max": "4294967296\n",
            "sys/fs/cgroup/docker/memory.max": "max\n",
        },
    )
    assert linux_cgroups.cpu_quota(root) == 2.0
    assert linux_cgroups.memory_limit(root) == 4 << 30


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/box\n3:memory:/box\n1:name=systemd:/\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1073741824",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert linux_cgroups.cpu_quota(root) == 1.5
    assert linux_cgroups.memory_limit(root) == 1 << 30


def test_garbage_means_unknown(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {"proc/self/cgroup": "what\n0::/x", "sys/fs/cgroup/x/cpu.max": "some words here"},
    )
    assert linux_cgroups.cpu_quota(root) is None
    assert linux_cgroups.memory_limit(root) is None
    assert linux_cgroups.cpu_quota(tmp_path / "nothing") is None


def test_a_quota_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux_topology, "physical_cores", lambda: 64)
    monkeypatch.setattr(linux_cgroups, "cpu_quota", lambda: 2.5)
    monkeypatch.setattr(linux_cgroups, "memory_limit", lambda: 1 << 30)
    monkeypatch.setattr("sys.platform", "linux")
    found = hardware.detect()
    assert found.physical_cores == 2
    assert found.total_memory == 1 << 30
    assert found.available_memory <= 1 << 30
