"""Changes on disk appear by themselves, and an unchanged disk is left in peace."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.library.catalog import Library
from app.library.records import Presence, Snapshot
from app.library.watching import LibraryWatcher, has_changed
from tests.adapters.library_use import Disk, age, hub_file
from tests.fakes import gguf_small

PATIENCE = 10.0
QUICK = 0.01


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.models.mkdir(parents=True)
    return made


@dataclass
class Watched:
    """A watcher, and what it has told."""

    watcher: LibraryWatcher
    told: asyncio.Queue[Snapshot] = field(default_factory=asyncio.Queue)

    async def next(self) -> Snapshot:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        while not holds(snapshot := await self.next()):
            pass
        return snapshot


@asynccontextmanager
async def watching(
    library: Library, seconds: float = QUICK, thorough: float = 60.0
) -> AsyncIterator[Watched]:
    told: asyncio.Queue[Snapshot] = asyncio.Queue()
    watcher = LibraryWatcher(library, told.put_nowait, seconds, thorough)
    watcher.start()
    try:
        yield Watched(watcher, told)
    finally:
        await watcher.aclose()


def names(snapshot: Snapshot) -> list[str]:
    return [model.name for model in snapshot.models]


async def test_models_that_come_and_go_are_told(disk: Disk) -> None:
    gguf_small.model(disk.models / "a.gguf", "A")
    async with watching(disk.library()) as watched:
        assert names(await watched.next()) == ["A"]
        gguf_small.model(disk.models / "new" / "b.gguf", "B")
        await watched.until(lambda snapshot: names(snapshot) == ["A", "B"])
        shutil.rmtree(disk.models / "new")
        await watched.until(lambda snapshot: names(snapshot) == ["A"])


async def test_a_drive_that_comes_back_is_noticed(disk: Disk) -> None:
    drive = disk.base / "drive"
    gguf_small.model(drive / "m.gguf", "M")
    disk.folders.append(drive)
    async with watching(disk.library()) as watched:
        await watched.next()
        away = drive.rename(disk.base / "unplugged")
        told = await watched.until(lambda snapshot: snapshot.models[0].presence is Presence.AWAY)
        assert told.problems
        away.rename(drive)
        await watched.until(lambda snapshot: snapshot.models[0].presence is Presence.HERE)


async def test_a_file_that_is_being_copied_is_told_when_it_is_ready(disk: Disk) -> None:
    whole = gguf_small.model(disk.base / "m.gguf", "M").read_bytes()
    with (disk.models / "m.gguf").open("wb") as copy:
        copy.write(whole[:600])
        copy.flush()
        async with watching(disk.library()) as watched:
            assert (await watched.next()).models[0].presence is Presence.INCOMPLETE
            copy.write(whole[600:])
            copy.flush()
            told = await watched.until(
                lambda snapshot: snapshot.models[0].presence is Presence.HERE
            )
            assert names(told) == ["M"]


async def test_what_changes_in_place_is_found_by_a_thorough_look(disk: Disk) -> None:
    file = age(gguf_small.model(disk.models / "m.gguf", "Before"))
    other = gguf_small.model(disk.base / "m.gguf", "Now").read_bytes()
    async with watching(disk.library(), thorough=QUICK) as watched:
        assert names(await watched.next()) == ["Before"]
        file.write_bytes(other)
        await watched.until(lambda snapshot: names(snapshot) == ["Now"])


async def test_a_hurried_watcher_looks_at_once(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    async with watching(disk.library(), seconds=60.0) as watched:
        assert names(await watched.next()) == ["M"]
        disk.names[str(disk.models / "m.gguf")] = "Mine"  # no folder changes with the settings
        watched.watcher.hurry()
        assert names(await watched.next()) == ["Mine"]


async def test_an_unchanged_disk_is_not_gone_through(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    hub_file(
        disk.home / ".cache" / "huggingface" / "hub",
        "a/b",
        "n.gguf",
        gguf_small.model(disk.base / "n.gguf", "N"),
    )
    (disk.models / "nowhere").symlink_to(disk.base / "nowhere")
    library = disk.library()
    scans: list[None] = []
    scan = library.scan

    def counted() -> Snapshot:
        scans.append(None)
        return scan()

    library.scan = counted  # type: ignore[method-assign]
    async with watching(library) as watched:
        await watched.next()
        await asyncio.sleep(20 * QUICK)
        assert len(scans) == 1
        assert watched.told.empty()
    assert not has_changed(library)


async def test_a_watcher_can_be_closed_at_any_time(disk: Disk) -> None:
    watcher = LibraryWatcher(disk.library(), lambda _snapshot: None)
    await watcher.aclose()
    watcher.start()
    watcher.start()
    await asyncio.sleep(0)
    await watcher.aclose()


async def test_a_listener_s_mistake_is_not_swallowed(disk: Disk) -> None:
    def fail(_snapshot: Snapshot) -> None:
        raise ZeroDivisionError

    watcher = LibraryWatcher(disk.library(), fail)
    watcher.start()
    assert watcher._lookout._task is not None
    await asyncio.wait([watcher._lookout._task], timeout=PATIENCE)
    with pytest.raises(ZeroDivisionError):
        await watcher.aclose()
