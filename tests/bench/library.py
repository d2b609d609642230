"""A look at a thousand model files: the first time, at a new start, and while nothing changes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.library.catalog import Library
from app.library.database import LibraryDatabase
from app.library.finding import Sought
from app.library.stores.places import Places
from app.library.watching import SECONDS, THOROUGH_SECONDS, has_changed
from tests.bench.effort import LIBRARY_LOOKS
from tests.bench.result import Result, median
from tests.fakes import gguf_models

FILES, PER_FOLDER = 1_000, 10


def measure() -> list[Result]:
    """All results."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        models = _write(base / "models")

        def library() -> Library:
            """As a new start makes it."""
            return Library(
                LibraryDatabase(base / "library.sqlite3"),
                lambda: Sought(folders=(models,)),
                Places(base / "home"),
            )

        first = _seconds(lambda: _scan(library()))
        cached = [_seconds(lambda: _scan(library())) for _ in range(LIBRARY_LOOKS)]
        plain = [_seconds(lambda: _list(models)) for _ in range(LIBRARY_LOOKS)]
        warm = library()
        _scan(warm)
        again = [_seconds(lambda: _scan(warm)) for _ in range(LIBRARY_LOOKS)]
        glances = [_seconds(lambda: has_changed(warm)) for _ in range(LIBRARY_LOOKS)]
    name = f"{FILES:,} model files"
    share = 100 * (median(glances) / SECONDS + median(again) / THOROUGH_SECONDS)
    return [
        Result(f"the first look at {name}, whose headers are read", first, "s"),
        Result(
            f"a look at {name} at a later start",
            median(cached),
            "s",
            median(plain),
            "listing the folders alone",
            "below 1",
            median(cached) < 1,
            tuple(cached),
        ),
        Result(
            f"processor of the watch over {name}",
            share,
            "% of a core",
            goal="below 0.5",
            reached=share < 0.5,
        ),
    ]


def _write(folder: Path) -> Path:
    """Files in folders as of so many repositories; their content is the same."""
    folder.mkdir()
    content = gguf_models.write_random_model(folder / "m.gguf").read_bytes()
    (folder / "m.gguf").unlink()
    for number in range(FILES):
        place = folder / f"owner-{number // PER_FOLDER}" / "repository"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"model-{number}.gguf").write_bytes(content)
    return folder


def _scan(library: Library) -> None:
    found = len(library.scan().models)
    if found != FILES:
        raise RuntimeError(f"{found} models were found")


def _list(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        for name in files:
            (Path(place) / name).stat()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
