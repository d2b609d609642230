"""What a server refuses, or no longer has: a sentence that says what to do, and no wrong file."""

import asyncio
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from app.library.records import Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    REPO,
    ended,
    in_library,
    model,
    one,
    running,
    until,
)
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

SIZE = 3 * MIB + 4321


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize(("side", "status"), [(HUB, 429), (HUB, 503), (CDN, 503), (CDN, 429)])
async def test_a_pause_that_the_server_wants_is_kept(
    fake: FakeHub, repo: Repo, folder: Path, side: str, status: int, as_date: bool
) -> None:
    wanted = formatdate(time.time() + 3600, usegmt=True) if as_date else "3600"
    fake.misbehave(Fault(status=status, headers={"Retry-After": wanted}), side=side)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        assert "60 min" in stalled.remedy or "1.0 h" in stalled.remedy, stalled.remedy
        count = len(fake.received)
        await asyncio.sleep(0.3)
        assert len(fake.received) == count
        downloads.resume(key)
        assert (await ended(downloads, key)).stage is Stage.DONE


@pytest.mark.parametrize(
    ("fault", "message", "remedy"),
    [
        (Fault(status=401, code="GatedRepo"), "accepted its terms", f"huggingface.co/{REPO}"),
        (Fault(status=403, code="GatedRepo"), "accepted its terms", f"huggingface.co/{REPO}"),
        (Fault(status=401, code="RepoNotFound"), "no repository", "token"),
        (Fault(status=401), "token", "settings"),
        (Fault(status=403), "refuses", "huggingface.co"),
        (Fault(status=404, code="EntryNotFound"), "no file", "Look at its files again"),
        (Fault(status=404, code="RevisionNotFound"), "no file", "Look at its files again"),
        (Fault(status=404, code="RepoNotFound"), "no repository", "name"),
        (Fault(status=451), "refuses", "huggingface.co"),
        (Fault(headers={"Location": "ftp://127.0.0.1/x"}), "not protected", "settings"),
    ],
)
async def test_what_does_not_pass_says_what_to_do(
    fake: FakeHub, repo: Repo, folder: Path, fault: Fault, message: str, remedy: str
) -> None:
    fake.misbehave(fault, side=HUB)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        failed = await ended(downloads, key)
        assert failed.stage is Stage.FAILED
        assert message in failed.message
        assert remedy in failed.remedy
        assert in_library(folder) == []
        downloads.resume(key)  # the person has done what was said
        assert (await ended(downloads, key)).stage is Stage.DONE


async def test_a_file_that_changed_at_its_source_is_not_mixed_with_the_old_one(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    wanted = model(repo)
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == MIB)
        repo.revisions[repo.head][FILE] = Content(SIZE, seed=2)
        fake.disconnect()
        failed = await ended(downloads, key)
    assert failed.stage is Stage.FAILED
    assert "has changed" in failed.message
    assert "fetch the new one" in failed.remedy
    assert in_library(folder) == []


async def test_a_file_that_changes_under_the_transfer_is_found_out(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    wanted = model(repo)
    other = Content(SIZE, seed=2)
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == MIB)
        # The hub itself still tells the old hash, as a mirror's cache may.
        told = {"X-Linked-ETag": f'"{wanted.files[0].sha256}"'}
        fake.misbehave(Fault(headers=told), side=HUB, times=None)
        repo.revisions[repo.head][FILE] = other
        fake.disconnect()
        failed = await ended(downloads, key)
    assert failed.stage is Stage.FAILED
    assert "not what its hash" in failed.message
    assert in_library(folder) == []


async def test_a_file_without_a_hash_that_changes_is_found_out(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {"small.gguf": Content(9000, seed=1)})
    wanted = model(repo)
    fake.misbehave(Fault(stall_after=5000), side=HUB)
    async with running(fake) as downloads:
        key = downloads.add(wanted, folder)
        await until(downloads, key, lambda item: item.done == 5000)
        repo.revisions[repo.head]["small.gguf"] = Content(9000, seed=2)
        fake.disconnect()
        failed = await ended(downloads, key)
    assert failed.stage is Stage.FAILED
    assert "has changed" in failed.message
    assert in_library(folder) == []


@pytest.mark.parametrize("lie", [1000, -1000])
async def test_a_size_that_stays_wrong_is_told(
    fake: FakeHub, repo: Repo, folder: Path, lie: int
) -> None:
    fake.misbehave(Fault(lie=lie), side=CDN, times=None)
    async with running(fake) as downloads:
        failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert f"{SIZE:,} bytes" in failed.message
    assert in_library(folder) == []


async def test_redirects_without_end_are_no_download(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    around = {"Location": f"/{REPO}/resolve/{repo.head}/{FILE}"}
    fake.misbehave(Fault(status=302, headers=around), side=HUB, times=None)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        assert len(fake.requests(HUB)) % 6 == 0
        fake.behave()
        downloads.resume(key)
        assert (await ended(downloads, key)).stage is Stage.DONE
    assert one(downloads, key).stage is Stage.DONE
