"""A wrong hash: what is damaged is found, and only that is fetched again."""

from pathlib import Path

from app.library.downloads.names import WORK_FOLDER
from app.library.records import Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    MIB,
    broken_off,
    ended,
    in_library,
    model,
    ranges,
    running,
    sha256,
    until,
)
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

SIZE = 40 * MIB + 4321


def part(folder: Path) -> Path:
    """The bytes that have come so far."""
    (found,) = folder.glob(f"{WORK_FOLDER}/*/0.part")
    return found


def damage(path: Path, offset: int) -> None:
    """Changes a byte on the disk."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0xFF]))


async def test_what_the_disk_has_lost_is_fetched_again_and_nothing_else(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    await broken_off(fake, model(repo), folder, 30 * MIB)
    damage(part(folder), 5 * MIB + 3)
    damage(part(folder), 12 * MIB)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert ranges(fake) == [
        "",
        f"bytes={30 * MIB}-",
        f"bytes={5 * MIB}-{6 * MIB - 1}",
        f"bytes={12 * MIB}-{13 * MIB - 1}",
    ]


async def test_damage_at_the_end_is_cut_off_before_more_is_written_behind_it(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    await broken_off(fake, model(repo), folder, 30 * MIB)
    damage(part(folder), 29 * MIB - 1)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert ranges(fake) == ["", f"bytes={28 * MIB}-"]


async def test_a_seam_between_two_connections_is_looked_at_first(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    seam = 20 * MIB + 555
    fake.misbehave(Fault(cut_after=seam), side=CDN)
    fake.misbehave(Fault(corrupt=(seam + 10,)), side=CDN)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    # The block that the cut ended, and the one behind it.
    assert ranges(fake) == ["", f"bytes={seam}-", f"bytes={20 * MIB}-{seam + MIB - 1}"]


async def test_damage_anywhere_is_found_without_reading_on_for_long(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.misbehave(Fault(corrupt=(2 * MIB,)), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        mended = await until(downloads, key, lambda item: "damaged" in item.message)
        assert mended.stage is Stage.FETCHING
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert len(ranges(fake)) == 2


async def test_a_source_that_always_sends_the_wrong_bytes_is_told(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    rule = fake.misbehave(Fault(corrupt=(2 * MIB,)), side=CDN, times=None)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        failed = await ended(downloads, key)
        assert failed.stage is Stage.FAILED
        assert "not what its hash" in failed.message
        assert in_library(folder) == []
        assert len(ranges(fake)) == 2
        rule.times = 0
        downloads.resume(key)
        assert (await ended(downloads, key)).stage is Stage.DONE


async def test_a_source_that_sends_other_errors_each_time_is_given_up(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    for number in range(20):
        fake.misbehave(Fault(corrupt=tuple(range(number, SIZE, 3 * MIB))), side=CDN)
    async with running(fake) as downloads:
        failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert "not what its hash" in failed.message
    assert in_library(folder) == []


async def test_a_cut_while_mending_goes_on_where_it_was(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.misbehave(Fault(corrupt=(35 * MIB,)), side=CDN)
    fake.misbehave(Fault(cut_after=10 * MIB + 77), side=CDN)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert ranges(fake) == ["", "", f"bytes={10 * MIB + 77}-"]


async def test_pausing_while_mending_loses_nothing(fake: FakeHub, repo: Repo, folder: Path) -> None:
    fake.misbehave(Fault(corrupt=(35 * MIB,)), side=CDN)
    fake.misbehave(Fault(stall_after=10 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: "damaged" in item.message)
        downloads.pause(key)
        paused = await until(downloads, key, lambda item: item.total - item.done < MIB)
        assert paused.stage is Stage.PAUSED
        downloads.resume(key)
        done = await ended(downloads, key)
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
