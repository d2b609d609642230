"""The speed that is foretold beside the one that is measured, and both beside llama-bench.

python -m tests.bench.prediction [--models llama,qwen3] [MODEL.gguf …]

Dense models of real shapes, some layers deep. Where a llama-bench is found on the path, it measures
the same files with the same threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from app import core as cores
from app import gguf
from app.llm.providers.local_plans import Subject
from app.llm.trials import GENERATED, PROMPT, Runs, Test
from app.schema import ModelRef
from tests.bench.effort import TRIALS
from tests.bench.result import Result, table
from tests.fakes import gguf_models, running, shaped_models

# Dense models, and how many of their layers are written: enough to be far larger than caches.
SHAPES = (("llama", 4), ("qwen2", 4), ("qwen3", 4), ("gemma2", 3), ("gemma3", 6), ("phi3", 6))
GOAL, PARITY = "within 25 %", "within 5 %"
NEAR, EQUAL = 0.25, 0.05
VOCABULARY = 32_000  # tokens
LLAMA_BENCH = "llama-bench"


def measure(names: Sequence[str] = (), files: Sequence[Path] = ()) -> list[Result]:
    """All results: generation and prompts of each model, foretold and measured."""
    return asyncio.run(_measure(names, files))


async def _measure(names: Sequence[str], files: Sequence[Path]) -> list[Result]:
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as home:
        async with running.core(Path(home)) as core:
            for path in _models(Path(home), names, files):
                print(f"Measuring {path.stem} …", file=sys.stderr, flush=True)
                results += await _of(core, path)
    return results


def _models(folder: Path, names: Sequence[str], files: Sequence[Path]) -> Iterator[Path]:
    yield from files
    if files:
        return
    for name, layers in SHAPES:
        if not names or name in names:
            path = folder / f"{name}-{layers}-layers-q4_k.gguf"
            yield shaped_models.write(path, name, layers=layers, vocabulary=VOCABULARY, words=True)
            path.unlink()
    if not names:
        path = folder / "half-a-billion-q8_0.gguf"
        gguf_models.write_shaped_model(path)
        yield path


async def _of(core: cores.Core, path: Path) -> list[Result]:
    ref = ModelRef("local", str(path))
    await core.manager.load(ref)
    loaded = core.manager.state.loaded
    assert loaded is not None
    assert loaded.plan is not None
    foretold = await asyncio.to_thread(core.plans.predicted, Subject(gguf.read(path)), loaded.plan)
    tests = [
        Test(PROMPT, is_prompt=True, runs=TRIALS),
        Test(GENERATED, is_prompt=False, runs=TRIALS),
    ]
    found: dict[str, Runs] = {}
    async for test, runs in core.speedometer.bench(ref, tests):
        found[test.name] = runs
    await core.manager.unload()
    theirs = _by_llama_bench(path, loaded.plan.n_threads, core)
    results = []
    for test, guess in zip(tests, (foretold.prompt, foretold.generation), strict=True):
        runs = found[test.name]
        name = f"{path.stem}, {test.name}"
        goal = "" if test.is_prompt else GOAL  # only the generation's was promised
        off = abs((guess or 0.0) - runs.rate) / runs.rate
        results.append(
            Result(f"{name}, foretold", guess or 0.0, "tokens/s", runs.rate, "measured", goal,
                   None if test.is_prompt else off <= NEAR)
        )  # fmt: skip
        if test.name in theirs:
            same = abs(runs.mean - theirs[test.name]) / theirs[test.name] <= EQUAL
            results.append(
                Result(f"{name}, measured", runs.mean, "tokens/s", theirs[test.name], LLAMA_BENCH,
                       PARITY, same, runs.rates)
            )  # fmt: skip
    return results


def _by_llama_bench(path: Path, threads: int, core: cores.Core) -> dict[str, float]:
    """Tokens per second by test, where llama.cpp's own benchmark is installed."""
    command = shutil.which(LLAMA_BENCH)
    if command is None:
        return {}
    repack = json.loads(core.paths.preflight.read_text()).get("extra_buffers", True)
    done = subprocess.run(
        [command, "-m", str(path), "-p", str(PROMPT), "-n", str(GENERATED), "-r", str(TRIALS),
         "-t", str(threads), "--repack", str(int(repack)), "-o", "json"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    return {
        f"{'pp' if one['n_prompt'] else 'tg'}{one['n_prompt'] or one['n_gen']}": one["avg_ts"]
        for one in json.loads(done.stdout)
    }


def main() -> int:
    """Measures and prints; a missed goal is said in the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prediction")
    parser.add_argument("--models", type=lambda text: text.split(","), default=[])
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    print(table(measure(options.models, [file.absolute() for file in options.files])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
