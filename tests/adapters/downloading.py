"""Downloads at work against the fake Hub."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app import net
from app.library.downloads.names import WORK_FOLDER
from app.library.downloads.queue import Downloads
from app.library.records import Download, HubFile, HubModel, Stage
from tests.adapters.hub_use import access
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo, is_large
from tests.fakes.hub.server import FakeHub
from tests.fakes.hub.wire import CDN, HUB

REPO = "someone/Big-GGUF"
FILE = "Big-Q8_0.gguf"
MIB = 1 << 20
SILENCE = 0.6  # seconds: where a test needs a stall, it is noticed sooner than in the program
PATIENCE = 60.0  # seconds; only a test that fails waits for so long
ENDED = (Stage.DONE, Stage.FAILED)


def model(repo: Repo, *paths: str) -> HubModel:
    """The files of a repository's newest commit as the Hub lists them."""
    files = tuple(
        HubFile(path, content.size, content.sha256)
        if is_large(content)
        else HubFile(path, content.size, git_name=content.git_oid)
        for path, content in repo.files().items()
        if not paths or path in paths
    )
    return HubModel(repo.id, repo.head, files[0].path, files)


@asynccontextmanager
async def running(
    fake: FakeHub,
    file: Path | None = None,
    lock: net.OfflineLock | None = None,
    settings: dict[str, Any] | None = None,
    token: str = "",
    **how: Any,
) -> AsyncIterator[Downloads]:
    """Downloads that run; they try again soon, and take no silence for a stall if not told to."""
    lock = lock or net.OfflineLock()
    way = access(token=token, lock=lock, **{"endpoint": fake.url, **(settings or {})})
    made = Downloads(way, file, lock, **{"silence": PATIENCE, "first_pause": 0.02, **how})
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()


def one(downloads: Downloads, key: str) -> Download:
    """The download of that id, as it is now."""
    return next(item for item in downloads.items if item.id == key)


async def until(downloads: Downloads, key: str, wanted: Callable[[Download], object]) -> Download:
    """Waits until the download is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(one(downloads, key)):
            await asyncio.sleep(0.002)
    return one(downloads, key)


async def ended(downloads: Downloads, key: str) -> Download:
    """Waits until it is done, or needs the person."""
    return await until(downloads, key, lambda item: item.stage in ENDED)


async def broken_off(
    fake: FakeHub, wanted: HubModel, folder: Path, at: int, file: Path | None = None
) -> str:
    """Fetches so many bytes of a model, in a program that then ends; the download's id."""
    fake.misbehave(Fault(stall_after=at), side=CDN)
    async with running(fake, file) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == at)
    return key


def sha256(path: Path) -> str:
    """Of a file on the disk."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_over(folder: Path) -> list[Path]:
    """What lies in a models folder beside the models."""
    return list(folder.glob(f"{WORK_FOLDER}/**/*"))


def in_library(folder: Path) -> list[str]:
    """The files that the library sees there."""
    return sorted(path.name for path in folder.rglob("*.gguf"))


def ranges(fake: FakeHub) -> list[str]:
    """What was asked for of the second host, in order; "" for a whole file."""
    return [request.headers.get("range", "") for request in fake.requests(CDN, "GET")]


def starts(fake: FakeHub) -> list[int]:
    """Where the answers of the second host began."""
    return [int(text.removeprefix("bytes=").partition("-")[0] or 0) for text in ranges(fake)]


__all__ = ["CDN", "HUB"]
