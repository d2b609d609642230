"""Files of which the Hub lists no SHA-256: small ones have git's name, a mirror's may have none."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.library.records import HubModel, Stage
from tests.adapters import hub_use
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    REPO,
    ended,
    in_library,
    model,
    running,
    sha256,
    until,
)
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

SMALL = "small.gguf"


@pytest.fixture
def repo(fake: FakeHub) -> Repo:
    return fake.add(REPO, {SMALL: Content(9000, seed=1)})


def without_names(wanted: HubModel) -> HubModel:
    """As a mirror lists it that knows of no hashes."""
    files = tuple(replace(file, sha256="", git_name="") for file in wanted.files)
    return replace(wanted, files=files)


async def test_the_listing_has_the_name_of_the_content(fake: FakeHub, repo: Repo) -> None:
    repo.publish({FILE: Content(20_000, seed=2)})
    listed = {file.path: file for file in (await hub_use.client(fake.url).listing(REPO)).files}
    small, large = repo.files()[SMALL], repo.files()[FILE]
    assert (listed[SMALL].sha256, listed[SMALL].git_name) == ("", small.git_oid)
    assert (listed[FILE].sha256, listed[FILE].git_name) == (large.sha256, "")


async def test_a_small_file_is_known_again_and_not_fetched_twice(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    async with running(fake) as downloads:
        first = await ended(downloads, downloads.add(model(repo), folder))
    fake.received.clear()
    async with running(fake) as downloads:
        again = await ended(downloads, downloads.add(model(repo), folder))
    assert again.files == first.files
    assert in_library(folder) == [SMALL]
    assert not fake.received


async def test_what_a_mirror_sends_is_checked_by_the_name_too(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.is_mirror = True  # its ETag is a name of its own
    wanted = model(repo)
    fake.misbehave(Fault(corrupt=(17,)), side=HUB, method="GET")
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(wanted, folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[SMALL].sha256


async def test_a_small_file_that_is_another_one_by_now_is_told(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    wanted = model(repo)
    repo.revisions[repo.head][SMALL] = Content(9000, seed=2)
    async with running(fake) as downloads:
        failed = await ended(downloads, downloads.add(wanted, folder))
    assert failed.stage is Stage.FAILED
    assert "has changed" in failed.message
    assert in_library(folder) == []


@pytest.mark.parametrize("is_mirror", [False, True])
async def test_without_any_name_two_contents_are_not_mixed_over_a_restart(
    fake: FakeHub, folder: Path, tmp_path: Path, is_mirror: bool
) -> None:
    repo = fake.add(REPO, {FILE: Content(3 * MIB, seed=1)})
    fake.is_mirror = is_mirror
    wanted, queue = without_names(model(repo)), tmp_path / "queue.json"
    tag = {"ETag": '"one"'} if is_mirror else {}
    fake.misbehave(Fault(stall_after=MIB, headers=tag), side=HUB if is_mirror else CDN)
    async with running(fake, queue) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == MIB)
    repo.revisions[repo.head][FILE] = Content(3 * MIB, seed=2)
    async with running(fake, queue) as downloads:
        failed = await ended(downloads, key)
        assert failed.stage is Stage.FAILED
        assert "has changed" in failed.message
        assert in_library(folder) == []
        downloads.cancel(key)
        done = await ended(downloads, downloads.add(wanted, folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
