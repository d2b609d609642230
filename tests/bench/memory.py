"""The memory that the estimate foretells, beside what llama.cpp takes, for real shapes of models.

python -m tests.bench.memory [--models llama,qwen3] [--without-loads]

Every model in full depth, at each context and with each type of KV cache, with flash attention and
without: llama.cpp reckons its own buffers, as it does before it allocates them. Then some are
really loaded, a few layers deep, and compute a batch, and the growth of the process is compared.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app import gguf
from app.llm.optimizer.memory import LoadSettings, estimate
from tests.bench.effort import QUICK
from tests.bench.result import Result, table
from tests.fakes import memory_child, shaped_models
from tests.fakes.memory_child import COMPUTE, RECKON, buffers

MIB = 1 << 20
SHARE, ABSOLUTE = 0.05, 64 * MIB  # what was promised, of the real use
GOAL = "within 5 % or 64 MiB"
TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q4_0", "iq4_nl")
ALONE = ("f16", "f32", "bf16")  # values are turned without flash attention, which blocks forbid
CONTEXTS = (512, 8192) if os.environ.get(QUICK) else (512, 2048, 8192, 32_768)
# Models, and how many of their layers a computer of 8 GB can hold.
LOADED = (
    ("llama", 2), ("qwen2", 2), ("qwen3", 2), ("gemma2", 2), ("gemma3", 7), ("gemma3n", 21),
    ("phi3", 4), ("mixtral", 1), ("qwen3moe", 2), ("gpt-oss", 1), ("deepseek2", 2), ("mamba", 8),
    ("mamba2", 8), ("jamba", 7), ("lfm2", 16), ("falcon-h1", 8), ("granitehybrid", 10),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Case:
    """One model with one kind of cache, over all contexts."""

    model: str
    kind: str
    flash_attention: bool

    @property
    def settings(self) -> list[LoadSettings]:
        # Keys and values of one kind each, else values stay F16.
        value = self.kind if self.flash_attention or self.kind in ALONE else "f16"
        return [
            LoadSettings(
                n_ctx, type_k=self.kind, type_v=value, flash_attention=self.flash_attention,
                swa_full=False,
            )
            for n_ctx in CONTEXTS
        ]  # fmt: skip


def measure(names: Sequence[str] = (), *, loads: bool = True) -> list[Result]:
    """All results: the worst of each model's contexts and types, and the loads."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or shaped_models.names():
            _say(f"{name}, in full depth")
            results += _reckoned(Path(folder) / "model.gguf", name)
        if loads:
            for name, layers in LOADED:
                if not names or name in names:
                    _say(f"{name}, {layers} layers loaded")
                    results += _grown(Path(folder) / "model.gguf", name, layers)
    return results


def worst(results: Sequence[Result]) -> Result:
    """The figure that is farthest from its baseline in parts of what was promised."""
    return max(results, key=_distance)


def _reckoned(path: Path, name: str) -> Iterator[Result]:
    header = gguf.read(shaped_models.write(path, name))
    cases = [
        _Case(name, kind, flash)
        for kind, flash in itertools.product(TYPES, (True, False))
        if flash or kind in ALONE or name != "deepseek2"  # whose K and V are one
    ]
    asked = [settings for case in cases for settings in case.settings]
    real = iter(memory_child.ask(path, asked, RECKON))
    for case in cases:
        found = []
        for settings in case.settings:
            answer = next(real)
            cpu = estimate(header, settings).cpu
            predicted = cpu.weights + cpu.cache + cpu.state + cpu.compute
            taken = answer["weights"] + answer.get("KV", 0.0) + answer.get("RS", 0.0)
            attention = "flash attention" if case.flash_attention else "no flash attention"
            title = f"{name}, {settings.n_ctx:,} tokens, {case.kind}, {attention}"
            found.append(_result(title, predicted, taken + buffers(answer, "compute")))
        yield worst(found)


def _grown(path: Path, name: str, layers: int) -> Iterator[Result]:
    header = gguf.read(shaped_models.write(path, name, layers=layers, words=True))
    for n_ctx, use_mmap in ((512, False), (8192, True)):
        settings = LoadSettings(n_ctx, n_ubatch=256, use_mmap=use_mmap)
        answer = memory_child.ask(path, [settings], COMPUTE)[0]
        how = "mapped" if use_mmap else "read"
        title = f"growth of a process with {layers} layers of {name}, {n_ctx:,} tokens, {how}"
        yield _result(title, estimate(header, settings).total, answer["growth"])


def _result(title: str, predicted: float, real: float) -> Result:
    is_near = abs(predicted - real) <= max(ABSOLUTE, real * SHARE)
    return Result(title, predicted / MIB, "MiB", real / MIB, "llama.cpp", GOAL, is_near)


def _distance(result: Result) -> float:
    real = (result.baseline or 0.0) * MIB
    return abs(result.value * MIB - real) / max(ABSOLUTE, real * SHARE)


def _say(text: str) -> None:
    print(f"Measuring {text} …", file=sys.stderr, flush=True)


def main() -> int:
    """Measures and prints; a missed goal is said in the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory")
    parser.add_argument("--models", type=lambda text: text.split(","), default=[])
    parser.add_argument("--without-loads", action="store_true")
    options = parser.parse_args()
    results = measure(options.models, loads=not options.without_loads)
    farthest = worst(results)
    difference = farthest.value - (farthest.baseline or 0.0)
    print(table(results))
    print(f"\nFarthest off: {farthest.name}: {difference:+.1f} MiB, {_distance(farthest):.0%} of "
          "what was promised.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
