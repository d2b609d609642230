"""`make bench`: measures what Hearth promises, side by side in one run; a table and JSON.

python -m tests.bench [--model FILE.gguf] [--only PART] [--folder bench-results]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from app import __version__
from app.llm.optimizer import hardware
from tests.bench import library, prediction, providers
from tests.bench.effort import PROCESSOR_RUNS, READY_STARTS, STARTS
from tests.bench.result import Result, median, percentile, table
from tests.bench.window import MARK, RATE
from tests.fakes import gguf_models, screen

ROOT = Path(__file__).parents[2]
PAINT = Path(__file__).with_name("paint.py")
PARTS = ["window", "providers", "library", "speed", "prediction"]
WITHOUT_MODEL = {"providers", "library", "prediction"}
IMPORT_QT = "import PySide6.QtWidgets, time; print(time.monotonic())"


def main() -> int:
    """Measures, prints and keeps; a missed goal is said in the table."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    parts = [options.only] if options.only else PARTS
    needs_model = not WITHOUT_MODEL.issuperset(parts)
    model = (options.model or _synthetic(options.folder)) if needs_model else None
    results: list[Result] = []
    if "window" in parts and model:
        with _screen() as environment:
            _say(f"the window, on {environment['QT_QPA_PLATFORM']}")
            results += _window(environment, model)
    if "providers" in parts:
        _say("the providers, on servers of this computer")
        results += asyncio.run(providers.measure())
    if "library" in parts:
        _say("the library")
        results += library.measure()
    if "speed" in parts and model:
        _say(f"the model {model.name}")
        results += _speed(model)
    if "prediction" in parts:
        _say("the speed that is foretold")
        results += prediction.measure()
    facts = _facts(model.name if model else "")
    print(f"\n{facts['processor']}, {facts['cores']} cores, {facts['system']}\n\n{table(results)}")
    kept = options.folder / f"{time.strftime('%Y-%m-%d-%H%M%S')}.json"
    figures = {"facts": facts, "results": [result.as_dict() for result in results]}
    kept.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(f"\nKept in {kept}.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--model", type=lambda text: Path(text).expanduser().absolute())
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--folder", type=Path, default=ROOT / "bench-results")
    return parser.parse_args()


def _synthetic(folder: Path) -> Path:
    """A Q8_0 model with the shape of a real one of half a billion parameters."""
    model = folder / "synthetic-0.5b-q8_0.gguf"
    if not model.exists():
        print("Writing a model of 0.5 billion parameters …", file=sys.stderr)
        gguf_models.write_shaped_model(model.with_suffix(".part")).rename(model)
    return model


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """The environment of a window: the screen that is there, else Xvfb, else none."""
    chosen = os.environ.get("QT_QPA_PLATFORM")
    if chosen or os.environ.get("DISPLAY") or shutil.which("Xvfb") is None:
        yield {**os.environ, "QT_QPA_PLATFORM": chosen or "offscreen"}
        return
    with screen.virtual() as display:
        yield {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}


def _window(environment: dict[str, str], model: Path) -> list[Result]:
    with tempfile.TemporaryDirectory() as home:
        results = [_first_paint(environment, home), *_ready(environment, Path(home))]
        starter = _child(environment, "idle", "--home", home)
        bare = _child(environment, "idle", "--bare", "--home", f"{home}/bare")
        megabytes = bare["memory"] / 1e6
        results += [
            Result("memory (PSS) of the idle window without a model", megabytes, "MB",
                   goal="below 120", reached=megabytes < 120),
            Result("the same with the starter loaded", starter["memory"] / 1e6, "MB"),
            Result("processor of the idle window with a loaded model", starter["share"] * 100,
                   "% of a core", goal="below 0.5", reached=starter["share"] < 0.005),
        ]  # fmt: skip
        paced = (environment, "stream", "--home", home)
        share = median(
            [_child(*paced, "--probe", "processor")["share"] * 100 for _ in range(PROCESSOR_RUNS)]
        )
        results.append(
            Result(
                f"processor of the window while {RATE} tokens/s stream",
                share,
                "% of a core",
                goal="below 6",
                reached=share < 6,
            )
        )
        lag = _child(*paced, "--probe", "journal")["lag"] * 1000
        results.append(
            Result(
                "the history on the disk behind the screen, at most",
                lag,
                "ms",
                goal="at most 250",
                reached=lag <= 250,
            )
        )
        results += _gaps(f"{RATE} tokens/s, a paced model", _child(*paced)["gaps"])
        busy = _child(*paced, "--model", str(model))
        results += _gaps(f"{busy['rate']:.0f} tokens/s, {model.stem} in process", busy["gaps"])
    return results


def _speed(model: Path) -> list[Result]:
    from tests.bench import speed  # with llama.cpp, which nothing else needs

    return asyncio.run(speed.measure(model))


def _first_paint(environment: dict[str, str], home: str) -> Result:
    hearth, qt = [], []
    for number in range(STARTS + 1):
        began = time.monotonic()
        painted = _printed(environment, str(PAINT), "--home", home) - began
        began = time.monotonic()
        imported = _printed(environment, "-c", IMPORT_QT) - began
        if number:  # the first round warms the disk's cache up
            hearth.append(painted)
            qt.append(imported)
    ratio = median(hearth) / median(qt)
    return Result(
        "from process start to the first paint",
        median(hearth),
        "s",
        median(qt),
        "importing PySide6.QtWidgets",
        "below 2.0",
        ratio < 2.0,
        tuple(hearth),
    )


def _ready(environment: dict[str, str], home: Path) -> list[Result]:
    """Until the starter can be asked: the first time ever, and later."""
    times: dict[str, list[float]] = {"the first time": [], "later": []}
    for number in range(READY_STARTS):
        for seconds in times.values():  # one after the other in the same, at first empty, folder
            began = time.monotonic()
            folder = home / f"ready{number}"
            seconds.append(_child(environment, "ready", "--home", str(folder))["ready"] - began)
    return [
        Result(
            f"from process start to a ready composer with the starter, {name}",
            median(seconds),
            "s",
            goal="below 2",
            reached=median(seconds) < 2,
            samples=tuple(seconds),
        )
        for name, seconds in times.items()
    ]


def _printed(environment: dict[str, str], *arguments: str) -> float:
    """The time that a Python process prints."""
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _gaps(name: str, gaps: list[float]) -> list[Result]:
    slow, longest = percentile(gaps, 0.99), max(gaps)
    return [
        Result(f"event-loop gaps, p99 ({name})", slow, "ms", goal="below 16", reached=slow < 16),
        Result(
            f"event-loop gaps, longest ({name})",
            longest,
            "ms",
            goal="below 100",
            reached=longest < 100,
        ),
    ]


def _child(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Runs a measurement in a window's own process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.window", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise RuntimeError(f"{arguments} gave {done.returncode}:\n{done.stdout}\n{done.stderr}")
    figures: dict[str, Any] = json.loads(lines[0].removeprefix(MARK))
    return figures


def _facts(model: str) -> dict[str, object]:
    facts = hardware.detect()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "hearth": __version__,
        "system": platform.platform(),
        "processor": _processor(),
        "cores": facts.physical_cores,
        "memory": facts.total_memory,
        "model": model,
        "python": platform.python_version(),
        "pyside6": metadata.version("PySide6-Essentials"),
        "llama-cpp-python": metadata.version("llama-cpp-python"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _say(text: str) -> None:
    print(f"Measuring {text} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
