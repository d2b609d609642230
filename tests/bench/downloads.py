"""A file of 1 GB from the fake Hub: Hearth's downloads beside curl, in turns.

python -m tests.bench.downloads. The server runs in a process of its own. Hearth's time is that
from `add` until the file is whole, its hash has been compared, and it lies in the library; curl
only writes its file. Both write to the same disk.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.library.downloads.queue import Downloads
from app.library.hub.access import Access
from app.library.records import HubFile, HubModel, Stage
from app.settings import Hub as HubSettings
from tests.bench.effort import CANCELS
from tests.bench.result import Result, median, table

ROOT = Path(__file__).parents[2]
SIZE = 1_000_000_000  # bytes
LINE = 125_000_000  # bytes per second of a fast line: one gigabit
PAIRS = min(CANCELS, 5)  # of downloads, one each
SETTLE = 1.0  # seconds for the disk between two
GOAL = 0.9  # of curl's speed
PATIENCE = 300.0


@dataclass
class Times:
    """Seconds of the downloads of both."""

    hearth: list[float] = field(default_factory=list)
    curl: list[float] = field(default_factory=list)


async def measure() -> list[Result]:
    """The ratio to curl at the server's full speed, and at that of a fast line."""
    if shutil.which("curl") is None:
        print("curl is not here: install it to compare with it (apt-get install curl).")
        return []
    return [
        await _compare("as fast as the server sends", 0),
        await _compare("at 1 Gbit/s", LINE),
    ]


async def _compare(how: str, rate: int) -> Result:
    times = Times()
    with _server(rate) as about, tempfile.TemporaryDirectory(dir=_disk()) as folder:
        async with _downloads(about) as fetch:
            await fetch(about["files"][1], Path(folder))  # so that everything is imported
            for _ in range(PAIRS):
                times.curl.append(await asyncio.to_thread(_curl, about, Path(folder) / "curl"))
                times.hearth.append(await fetch(about["files"][0], Path(folder)))
    hearth, curl = (SIZE / median(each) / 1e6 for each in (times.hearth, times.curl))
    return Result(
        f"a download of 1 GB, {how}, hashed on the way",
        hearth,
        "MB/s",
        curl,
        "curl",
        f"{GOAL} or more",
        hearth / curl >= GOAL,
        tuple(SIZE / each / 1e6 for each in times.hearth),
    )


def _disk() -> Path:
    """Beside the checkout: a temporary folder may be in memory."""
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _server(rate: int) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.fakes.hub", str(SIZE), str(rate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield json.loads(server.stdout.readline())
        server.stdin.close()


def _curl(about: dict[str, Any], target: Path) -> float:
    url = f"{about['endpoint']}/{about['repo']}/resolve/{about['revision']}"
    command = ["curl", "-sSfL", "-o", str(target), f"{url}/{about['files'][0]['path']}"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    taken = time.perf_counter() - began
    assert target.stat().st_size == SIZE
    target.unlink()
    time.sleep(SETTLE)
    return taken


@asynccontextmanager
async def _downloads(about: dict[str, Any]) -> AsyncIterator[Callable[..., Any]]:
    settings = HubSettings(endpoint=about["endpoint"])

    async def no_token() -> str:
        return ""

    downloads = Downloads(Access(lambda: settings, no_token, environ={}))
    await downloads.start()

    async def fetch(file: dict[str, Any], folder: Path) -> float:
        """Seconds from the wish to the file in the library."""
        wanted = HubModel(about["repo"], about["revision"], file["path"], (HubFile(**file),))
        ended = asyncio.Event()
        unsubscribe = downloads.subscribe(
            lambda items: ended.set() if all(_has_ended(item) for item in items) else None
        )
        began = time.perf_counter()
        key = downloads.add(wanted, folder / "models")
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        taken = time.perf_counter() - began
        unsubscribe()
        (done,) = downloads.items
        assert done.stage is Stage.DONE, done
        await asyncio.sleep(SETTLE)
        downloads.cancel(key)
        done.files[0].unlink()
        await asyncio.sleep(SETTLE)
        return taken

    try:
        yield fetch
    finally:
        await downloads.aclose()


def _has_ended(item: Any) -> bool:
    return item.stage in (Stage.DONE, Stage.FAILED)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
