"""What the estimate says of a model, beside what llama.cpp takes for it."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

import pytest

from app import gguf
from app.llm.optimizer.memory import Kernels, LoadSettings, estimate
from tests.fakes import memory_child, shaped_models
from tests.fakes.memory_child import COMPUTE, LOAD, RECKON, buffers

SHARE, ABSOLUTE = 0.05, 64 << 20  # of the real use, bytes
ROUNDING = 1 << 16  # bytes: llama.cpp writes hundredths of a MiB
LESS_CLOSE = ("gemma3n",)  # what it keeps aside is an average
VOCABULARY = 32_000  # tokens, in the files that are really loaded
SETTINGS = [
    LoadSettings(512),
    LoadSettings(2048, type_k="f32", type_v="f32"),
    LoadSettings(8192, swa_full=False),
    LoadSettings(8192, n_sequences=4, kv_unified=True, swa_full=False),
    LoadSettings(32_768, n_outputs=0),
    LoadSettings(32_768, type_k="q4_0", type_v="q4_0", n_ubatch=1024),
    LoadSettings(32_768, flash_attention=False),
]


@pytest.mark.parametrize("name", shaped_models.names())
def test_a_model_of_full_depth_takes_what_llama_cpp_reckons(name: str, tmp_path: Path) -> None:
    path = shaped_models.write(tmp_path / "model.gguf", name)
    header = gguf.read(path)
    for settings, real in zip(SETTINGS, memory_child.ask(path, SETTINGS, RECKON), strict=True):
        made = estimate(header, settings)
        assert not made.is_rough
        cpu = made.cpu
        assert cpu.weights == real["weights"]
        assert abs(cpu.cache - real.get("KV", 0.0)) < ROUNDING, settings
        assert abs(cpu.state - real.get("RS", 0.0)) < ROUNDING, settings
        compute = buffers(real, "compute")
        is_close = abs(cpu.compute - compute) < max(compute / 20, ABSOLUTE / 8)
        assert is_close or name in LESS_CLOSE, settings
        _assert_near(
            cpu.weights + cpu.cache + cpu.state + cpu.compute,
            real["weights"] + real.get("KV", 0.0) + real.get("RS", 0.0) + compute,
        )
        # The buffer of logits begins with a row for each sequence, and grows with the first batch.
        logits = cpu.output * settings.sequences() // max(settings.sequences(), _rows(settings))
        assert abs(logits - real["output"]) < ROUNDING, settings


@pytest.mark.parametrize(
    ("name", "layers", "settings"),
    [
        ("llama", 1, LoadSettings(512, n_ubatch=64, flash_attention=False)),
        ("phi3", 2, LoadSettings(32_768, n_ubatch=64, type_k="q8_0", type_v="q8_0")),
        ("gemma3", 7, LoadSettings(8192, n_ubatch=64, swa_full=False)),
        ("qwen3moe", 1, LoadSettings(512, n_ubatch=64, use_mmap=True)),
        ("deepseek2", 2, LoadSettings(8192, n_ubatch=64)),
        ("mamba", 4, LoadSettings(2048, n_ubatch=64)),
        ("lfm2", 6, LoadSettings(8192, n_ubatch=64)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_process_grows_by_the_estimate(
    name: str, layers: int, settings: LoadSettings, tmp_path: Path
) -> None:
    path = shaped_models.write(
        tmp_path / "model.gguf", name, layers=layers, vocabulary=VOCABULARY, words=True
    )
    real = memory_child.ask(path, [settings], COMPUTE)[0]
    cpu = estimate(gguf.read(path), settings).cpu
    assert abs(cpu.weights - buffers(real, "model")) < ROUNDING
    _assert_near(cpu.total, real["growth"])


@pytest.mark.parametrize("use_mmap", [False, True])
@pytest.mark.parametrize("name", ["lfm2", "qwen3moe"])
def test_repacked_weights_count_as_often_as_they_are_there(
    name: str, tmp_path: Path, *, use_mmap: bool
) -> None:
    path = shaped_models.write(tmp_path / "model.gguf", name, layers=1, vocabulary=VOCABULARY)
    asked = LoadSettings(512, n_ubatch=64, use_mmap=use_mmap, kernels=Kernels.AVX2)
    real = memory_child.ask(path, [asked], LOAD)[0]
    settings = dataclasses.replace(asked, kernels=_kernels(real))
    cpu = estimate(gguf.read(path), settings).cpu
    repacked = real.get("model AMX", 0.0) + real.get("model CPU_REPACK", 0.0)
    if use_mmap:
        assert abs(cpu.repacked - repacked) < ROUNDING
    else:
        assert abs(cpu.weights + cpu.repacked - buffers(real, "model")) < ROUNDING


def _kernels(real: dict[str, float]) -> Kernels:
    """Those that llama.cpp chose for this processor, by the names of its buffers."""
    if "model AMX" in real:
        return Kernels.AMX
    if "model CPU_REPACK" not in real:
        return Kernels.PLAIN
    is_arm = platform.machine().lower() in ("arm64", "aarch64")
    return Kernels.NEON if is_arm else Kernels.AVX2


def _rows(settings: LoadSettings) -> int:
    return settings.outputs() if settings.n_outputs != 1 else 1


def _assert_near(predicted: float, real: float) -> None:
    difference = abs(predicted - real)
    assert difference <= max(ABSOLUTE, real * SHARE), f"{predicted:,} instead of {real:,}"
