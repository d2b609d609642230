"""The default plan, and the facts it rests on, from captured trees of files."""

from pathlib import Path

import pytest

from app import gguf
from app.errors import ModelTooLarge, UnsupportedModel
from app.gguf import Header, Tensor
from app.llm.optimizer import hardware, linux, plan
from app.schema import Hardware

COMPUTER = Hardware(physical_cores=6, total_memory=16_000_000_000, available_memory=9_000_000_000)


def header(
    keys: dict[str, gguf.Value] | None = None,
    *,
    billions: float = 1.0,
    architecture: str = "llama",
) -> Header:
    metadata: dict[str, gguf.Value] = {
        "general.architecture": architecture,
        f"{architecture}.context_length": 131_072,
        f"{architecture}.block_count": 32,
        f"{architecture}.embedding_length": 4096,
        f"{architecture}.attention.head_count": 32,
        f"{architecture}.attention.head_count_kv": 8,
        **(keys or {}),
    }
    tensors = (Tensor("w", (round(billions * 1e9),), 2, 0),)
    return Header(3, metadata, tensors, 0, round(billions * 1e9), Path("/models/some.gguf"))


def test_the_plain_plan() -> None:
    made = plan.default_plan(COMPUTER, header())
    assert made.n_ctx == 8192
    assert made.n_threads == made.n_threads_batch == 6
    assert (made.n_batch, made.flash_attention, made.use_mmap) == (2048, True, False)
    assert plan.default_plan(COMPUTER, header({"llama.context_length": 512})).n_ctx == 512
    assert plan.default_plan(COMPUTER, header(), context=1000).n_ctx == 1000


def test_the_kv_cache_of_a_known_shape() -> None:
    # 32 layers, 8 KV heads of 128 dimensions: 128 KiB a token in F16.
    assert plan.kv_cache_size(header(), 1) == 128 << 10
    assert plan.kv_cache_size(Header(3, {}, (), 0, 0), 512) == 0


def test_weights_that_nearly_fill_the_free_memory_are_mapped() -> None:
    assert plan.default_plan(COMPUTER, header(billions=14)).use_mmap


def test_a_model_larger_than_memory_is_refused_with_the_numbers() -> None:
    with pytest.raises(ModelTooLarge, match=r"needs 40\.7 GB of memory.* has 16\.0 GB"):
        plan.default_plan(COMPUTER, header(billions=70))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (header({"general.type": "adapter"}), "adapter"),
        (header({"general.type": "mmproj"}), "projector"),
        (header(architecture="clip"), "projector"),
        (header(architecture="nomic-bert"), "embedding model"),
        (header(architecture="bert"), "embedding model"),
        (Header(3, {"general.architecture": "llama"}, (), 0, 100), "vocabulary"),
    ],
)
def test_what_cannot_chat_is_refused(made: Header, sentence: str) -> None:
    with pytest.raises(UnsupportedModel, match=sentence) as caught:
        plan.default_plan(COMPUTER, made)
    assert caught.value.remedy


def test_detects_this_computer() -> None:
    found = hardware.detect()
    assert found.physical_cores >= 1
    assert 0 < found.available_memory <= found.total_memory


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


def test_hyperthreads_of_one_core_count_once(tmp_path: Path) -> None:
    root = tree(tmp_path, siblings({0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}))
    assert linux.physical_cores(root, [0, 1, 4, 5]) == 2
    assert linux.physical_cores(root, [0, 4]) == 1
    assert linux.physical_cores(root, [0, 7]) == 2, "an unknown CPU is a core of its own"
    assert linux.physical_cores(root, []) is None


def test_a_container_of_two_cores_is_a_computer_of_two_cores(tmp_path: Path) -> None:
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
    assert linux.cpu_quota(root) == 2.0
    assert linux.memory_limit(root) == 4 << 30


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
    assert linux.cpu_quota(root) == 1.5
    assert linux.memory_limit(root) == 1 << 30


def test_garbage_means_unknown(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {"proc/self/cgroup": "what\n0::/x", "sys/fs/cgroup/x/cpu.max": "some words here"},
    )
    assert linux.cpu_quota(root) is None
    assert linux.memory_limit(root) is None
    assert linux.cpu_quota(tmp_path / "nothing") is None


def test_a_quota_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "physical_cores", lambda: 64)
    monkeypatch.setattr(linux, "cpu_quota", lambda: 2.5)
    monkeypatch.setattr(linux, "memory_limit", lambda: 1 << 30)
    monkeypatch.setattr("sys.platform", "linux")
    found = hardware.detect()
    assert found.physical_cores == 2
    assert found.total_memory == 1 << 30
    assert found.available_memory <= 1 << 30
