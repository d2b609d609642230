"""A file of 1 GB from the fake Hub: Hearth's downloads beside curl, in turns.

python -m tests.bench.downloads. The server runs in a process of its own. Hearth's time is that
from `add` until the file is whole, its hash has been compared, and it lies in the library; curl
only writes its file. Both write to the same disk. At the speed of a line both wait for the server;
without a limit the server, the download and the hash share this computer's processor, so that
curl with sha256sum behind it is measured as well.
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
GIGABIT = 125_000_000  # bytes per second
PAIRS = min(CANCELS, 5)  # of downloads, one each
SETTLE = 1.0  # seconds for the disk between two
GOAL = 0.9  # of curl's speed
PATIENCE = 300.0


@dataclass
class Times:
    """Seconds of the downloads of both."""

    hearth: list[float] = field(default_factory=list)
    curl: list[float] = field(default_factory=list)
    checked: list[float] = field(default_factory=list)  # curl, and sha256sum behind it


async def measure() -> list[Result]:
    """The ratios to curl over fast lines, and at the full speed of this computer."""
    if shutil.which("curl") is None:
        print("curl is not here: install it to compare with it (apt-get install curl).")
        return []
    line = await _measured(GIGABIT)
    faster = await _measured(2 * GIGABIT + GIGABIT // 2)
    full = await _measured(0)
    return [
        _result("over a line of 1 Gbit/s", line.hearth, line.curl, "curl"),
        _result("over a line of 2.5 Gbit/s", faster.hearth, faster.curl, "curl"),
        _result("as fast as this computer can", full.hearth, full.curl, "curl"),
        _result("as fast as this computer can", full.hearth, full.checked, "curl and sha256sum"),
    ]


async def _measured(rate: int) -> Times:
    times = Times()
    with _server(rate) as about, tempfile.TemporaryDirectory(dir=_disk()) as folder:
        async with _downloads(about) as fetch:
            await fetch(about["files"][1], Path(folder))  # so that everything is imported
            for _ in range(PAIRS):
                alone, checked = await asyncio.to_thread(_curl, about, Path(folder) / "curl")
                times.curl.append(alone)
                times.checked.append(checked)
                times.hearth.append(await fetch(about["files"][0], Path(folder)))
    return times


def _result(how: str, hearth: list[float], other: list[float], name: str) -> Result:
    speed, baseline = (SIZE / median(each) / 1e6 for each in (hearth, other))
    return Result(
        f"a download of 1 GB {how}, hashed on the way",
        speed,
        "MB/s",
        baseline,
        name,
        f"{GOAL} or more",
        speed / baseline >= GOAL,
        tuple(SIZE / each / 1e6 for each in hearth),
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


def _curl(about: dict[str, Any], target: Path) -> tuple[float, float]:
    """Seconds of curl alone, and with the hash that it does not take."""
    url = f"{about['endpoint']}/{about['repo']}/resolve/{about['revision']}"
    command = ["curl", "-sSfL", "-o", str(target), f"{url}/{about['files'][0]['path']}"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    alone = time.perf_counter() - began
    subprocess.run(["sha256sum", str(target)], check=True, stdout=subprocess.DEVNULL)
    checked = time.perf_counter() - began
    assert target.stat().st_size == SIZE
    target.unlink()
    time.sleep(SETTLE)
    return alone, checked


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
