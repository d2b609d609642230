"""Asks llama.cpp, in a process of its own, what a model takes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.llm.optimizer.memory import Kernels, LoadSettings

ROOT = Path(__file__).parents[2]
SECONDS = 300
RECKON, LOAD, COMPUTE = "reckon", "load", "compute"


def ask(path: Path, settings: Sequence[LoadSettings], way: str) -> list[dict[str, float]]:
    """Bytes by the names of llama.cpp's log, for each of the settings; see `memory_probe`.

    The kernels of the first settings count for all, since the model is loaded once.
    """
    wanted = [
        {
            **{k: v for k, v in dataclasses.asdict(one).items() if k != "kernels"},
            "extra_buffers": settings[0].kernels is not Kernels.PLAIN,
        }
        for one in settings
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(wanted, file)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.memory_probe", str(path), file.name, way],
            cwd=ROOT,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    finally:
        Path(file.name).unlink()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(answers) != len(wanted):
        raise RuntimeError(f"{path.name} gave {done.returncode}:\n{done.stderr[-2000:]}")
    return answers


def buffers(answer: dict[str, float], kind: str) -> float:
    """Bytes of all buffers of a kind, such as “compute”."""
    return sum(size for name, size in answer.items() if name.split()[0] == kind)
