"""What a download waits for: leave to use the network, a drive, room on it, another program."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.library.downloads import room
from app.library.records import HubModel, Stage
from app.net import OfflineLock
from tests.adapters.downloading import (
    CDN,
    MIB,
    broken_off,
    ended,
    left_over,
    one,
    running,
    sha256,
    starts,
    until,
)
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub


async def test_while_hearth_stays_offline_everything_waits(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    lock = OfflineLock()
    lock.closed = True
    far = {"endpoint": "https://hub.example"}
    async with running(fake, lock=lock, settings=far) as downloads:
        key = downloads.add(models[0], folder)
        waiting = await until(downloads, key, lambda item: item.message)
        assert waiting.stage is Stage.WAITING
        assert "stay offline" in waiting.message
        assert "Allow connections" in waiting.remedy
    assert not fake.received


async def test_a_drive_that_is_away_is_waited_for(
    fake: FakeHub, models: list[HubModel], tmp_path: Path, file: Path
) -> None:
    drive, away = tmp_path / "drive", tmp_path / "away"
    (drive / "models").mkdir(parents=True)
    key = await broken_off(fake, models[0], drive / "models", MIB, file)
    drive.rename(away)
    async with running(fake, file) as downloads:
        waiting = await until(downloads, key, lambda item: item.message)
        assert waiting.stage is Stage.WAITING
        assert "is not there now" in waiting.message
        assert not drive.exists()
        away.rename(drive)
        downloads.wake()
        done = await ended(downloads, key)
    assert sha256(done.files[0]) == models[0].files[0].sha256
    assert starts(fake) == [0, MIB]


async def test_one_that_is_cancelled_while_its_drive_is_away_is_removed_later(
    fake: FakeHub, models: list[HubModel], tmp_path: Path, file: Path
) -> None:
    drive, away = tmp_path / "drive", tmp_path / "away"
    (drive / "models").mkdir(parents=True)
    key = await broken_off(fake, models[0], drive / "models", MIB, file)
    drive.rename(away)
    async with running(fake, file) as downloads:
        downloads.cancel(key)
    away.rename(drive)
    assert left_over(drive / "models")
    async with running(fake, file) as downloads:
        assert downloads.items == ()
        async with asyncio.timeout(10):
            while left_over(drive / "models"):
                await asyncio.sleep(0.01)


async def test_two_programs_do_not_fetch_the_same_model_at_once(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake, file) as mine, running(fake, file) as other:
        key = mine.add(models[0], folder)
        await until(mine, key, lambda item: item.done == MIB)
        assert other.add(models[0], folder) == key
        waiting = await until(other, key, lambda item: item.message)
        assert "Another Hearth" in waiting.message
        fake.disconnect()
        await ended(mine, key)
        other.wake()
        done = await ended(other, key)
    assert done.stage is Stage.DONE
    assert starts(fake) == [0, MIB]


async def test_the_queue_of_the_second_program_is_kept_when_the_first_has_ended(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN, times=None)
    async with AsyncExitStack() as later, running(fake, file) as first:
        kept = first.add(models[0], folder)
        await until(first, kept, lambda item: item.done == MIB)
        second = await later.enter_async_context(running(fake, file))
        mine = second.add(models[1], folder)
        await until(second, mine, lambda item: item.done == MIB)
    fake.behave()
    async with running(fake, file) as third:
        assert {item.id for item in third.items} == {kept, mine}
        assert (await ended(third, kept)).stage is Stage.DONE
        assert (await ended(third, mine)).stage is Stage.DONE
    async with running(fake, file) as fourth:
        assert fourth.items == ()


async def test_what_another_program_left_in_the_middle_is_taken_up(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    await broken_off(fake, models[0], folder, MIB)
    async with running(fake, file) as downloads:
        await ended(downloads, downloads.add(models[0], folder))
    assert starts(fake) == [0, MIB]


async def test_too_little_room_is_told_before_the_first_byte(
    fake: FakeHub, models: list[HubModel], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = room.free(folder.parent)
    monkeypatch.setattr(room, "RESERVE", there - MIB)
    async with running(fake) as downloads:
        key = downloads.add(models[0], folder)
        failed = await ended(downloads, key)
        assert failed.stage is Stage.FAILED
        assert "MB more on the disk" in failed.message or "GB more" in failed.message
        assert not fake.received
        monkeypatch.undo()
        downloads.resume(key)
        done = await until(downloads, key, lambda item: item.stage is Stage.DONE)
    assert sha256(done.files[0]) == models[0].files[0].sha256


async def test_a_disk_that_fills_up_on_the_way_holds_it_until_there_is_room(
    fake: FakeHub, models: list[HubModel], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.misbehave(Fault(rate=MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(models[0], folder)
        await until(downloads, key, lambda item: item.done > 100_000)
        monkeypatch.setattr(room, "RESERVE", room.free(folder) + 10 * MIB)
        failed = await ended(downloads, key)
        assert "more on the disk" in failed.message
        came = one(downloads, key).done
        monkeypatch.undo()
        downloads.wake()
        done = await until(downloads, key, lambda item: item.stage is Stage.DONE)
    assert sha256(done.files[0]) == models[0].files[0].sha256
    assert starts(fake) == [0, came]


async def test_a_folder_that_may_not_be_written_is_told(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    folder.mkdir()
    (folder / ".hearth-downloads").write_text("a file is in the way")
    async with running(fake) as downloads:
        failed = await ended(downloads, downloads.add(models[0], folder))
    assert failed.stage is Stage.FAILED
    assert "does not take the download" in failed.message


async def test_parts_that_vanish_are_fetched_again(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(models[0], folder)
        await until(downloads, key, lambda item: item.done == MIB)
        shutil.rmtree(folder / ".hearth-downloads")
        fake.disconnect()
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == models[0].files[0].sha256
