"""What happens in the middle of something: of checking, of mending, of sleep, of a change."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from app.library.downloads.queue import Downloads
from app.library.records import HubModel, Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    REPO,
    ended,
    in_library,
    left_over,
    model,
    ranges,
    running,
    sha256,
    starts,
    until,
)
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

SIZE = 6 * MIB + 4321
# The same program, on a disk that takes no file above so many bytes.
LIMITED = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
from tests.fakes.hub.fetching import main
sys.exit(asyncio.run(main(*sys.argv[1:])))
"""


async def checking(downloads: Downloads, wanted: HubModel, folder: Path) -> str:
    """A download that is being checked."""
    key = downloads.add(wanted, folder)
    await until(downloads, key, lambda item: item.stage is Stage.CHECKING)
    return key


async def test_paused_while_it_is_checked_it_is_checked_again_and_not_fetched(
    fake: FakeHub, folder: Path
) -> None:
    repo = fake.add(REPO, {FILE: Content(60 * MIB, seed=1)})
    async with running(fake) as downloads:
        key = await checking(downloads, model(repo), folder)
        downloads.pause(key)
        paused = await until(downloads, key, lambda item: item.stage is Stage.PAUSED)
        assert paused.speed == 0
        assert in_library(folder) == []
        downloads.resume(key)
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert starts(fake) == [0]


async def test_cancelled_while_it_is_mended_nothing_is_left(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.misbehave(Fault(corrupt=(MIB + 5,)), side=CDN)
    fake.misbehave(Fault(stall_after=2 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(
            downloads, key, lambda item: "damaged" in item.message and len(starts(fake)) > 1
        )
        downloads.cancel(key)
        assert downloads.items == ()
        async with asyncio.timeout(10):
            while left_over(folder):
                await asyncio.sleep(0.01)
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done


async def test_a_computer_that_has_slept_tries_again_at_once(
    fake: FakeHub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.misbehave(Fault(status=503, headers={"Retry-After": "3000"}), side=HUB)
    other = fake.add("someone/Other", {FILE: Content(SIZE, seed=2)})
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + 8 * 3600)
        await ended(downloads, downloads.add(model(other), folder))  # so that time is looked at
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done


async def test_a_pause_of_years_is_none(fake: FakeHub, repo: Repo, folder: Path) -> None:
    fake.misbehave(Fault(status=429, headers={"Retry-After": "9" * 40}), side=HUB)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
    assert "60 min" in stalled.remedy


async def test_a_shorter_file_in_the_place_of_the_old_one_is_a_change(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    wanted = model(repo)
    fake.misbehave(Fault(stall_after=2 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == 2 * MIB)
        repo.revisions[repo.head][FILE] = Content(MIB, seed=2)
        fake.disconnect()
        failed = await ended(downloads, key)
    assert failed.stage is Stage.FAILED
    assert "has changed" in failed.message
    assert ranges(fake) == [""], "the second host is not asked for a range that is not there"
    assert in_library(folder) == []


async def test_what_was_cancelled_on_a_drive_that_was_away_may_be_fetched_again_and_stays(
    fake: FakeHub, repo: Repo, tmp_path: Path
) -> None:
    drive, away, queue = tmp_path / "drive", tmp_path / "away", tmp_path / "queue.json"
    (drive / "models").mkdir(parents=True)
    wanted = model(repo)
    fake.misbehave(Fault(stall_after=2 * MIB), side=CDN)
    async with running(fake, queue) as downloads:
        key = downloads.add(wanted, drive / "models")
        await until(downloads, key, lambda item: item.done == 2 * MIB)
        drive.rename(away)
        fake.disconnect()
        await until(downloads, key, lambda item: "not there" in item.message)
        downloads.cancel(key)
        assert not drive.exists()
        await asyncio.sleep(0.1)
        away.rename(drive)
        fake.misbehave(Fault(stall_after=MIB), side=CDN)
        assert downloads.add(wanted, drive / "models") == key
        await until(downloads, key, lambda item: item.done == 3 * MIB)
    fake.received.clear()
    async with running(fake, queue) as downloads:
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert starts(fake) == [3 * MIB]


def test_a_disk_that_takes_no_large_files_is_told(
    fake: FakeHub, repo: Repo, tmp_path: Path
) -> None:
    about = tmp_path / "model.json"
    about.write_bytes(TypeAdapter(HubModel).dump_json(model(repo)))
    given = [fake.url, tmp_path / "models", tmp_path / "queue.json", about]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, given)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "takes no file as large as this one" in done.stdout
    assert in_library(tmp_path / "models") == []


async def test_the_folder_vanishes_on_the_way_and_comes_back(
    fake: FakeHub, repo: Repo, tmp_path: Path
) -> None:
    folder, away = tmp_path / "drive" / "models", tmp_path / "away"
    folder.mkdir(parents=True)
    fake.misbehave(Fault(rate=2 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.done > MIB)
        folder.rename(away)
        waiting = await until(downloads, key, lambda item: item.message)
        assert "is not there now" in waiting.message
        away.rename(folder)
        downloads.wake()
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert starts(fake)[-1] > 0
