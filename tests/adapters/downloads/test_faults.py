"""Whatever a server does wrong: the right file in the end, or a message, and never a wrong file."""

import asyncio
from pathlib import Path

import pytest

from app.library.downloads import transfer
from app.library.records import Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    PATIENCE,
    SILENCE,
    ended,
    left_over,
    model,
    running,
    sha256,
    starts,
    until,
)
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

SIZE = 3 * MIB + 4321
PASSING = {
    "cut": (CDN, Fault(cut_after=MIB + 7)),
    "cut before the first byte": (CDN, Fault(cut_after=0)),
    "reset": (CDN, Fault(cut_after=2 * MIB, reset=True)),
    "stalled": (CDN, Fault(stall_after=MIB + 7)),
    "silent from the beginning": (CDN, Fault(wait=60)),
    "the hub silent": (HUB, Fault(wait=60)),
    "a wrong byte": (CDN, Fault(corrupt=(2 * MIB + 5,))),
    "a wrong byte at the end": (CDN, Fault(corrupt=(SIZE - 1,))),
    "wrong bytes in two places": (CDN, Fault(corrupt=(0, 2 * MIB))),
    "less than it says": (CDN, Fault(body_lie=-5000)),
    "more than it says": (CDN, Fault(body_lie=5000)),
    "another size": (CDN, Fault(lie=1000)),
    "a smaller size": (CDN, Fault(lie=-1000)),
    "another size at the hub": (HUB, Fault(lie=1000)),
    "no length": (CDN, Fault(without=("Content-Length",))),
    "no length, and cut": (CDN, Fault(without=("Content-Length",), cut_after=MIB)),
    "packed": (CDN, Fault(headers={"Content-Encoding": "gzip"})),
    "a page in its place": (HUB, Fault(status=200, headers={"Content-Type": "text/html"})),
    "the link has expired": (CDN, Fault(status=403)),
    "not there yet": (CDN, Fault(status=404)),
    "no such range": (CDN, Fault(status=416)),
    "busy": (HUB, Fault(status=503)),
    "too many requests": (HUB, Fault(status=429)),
    "in trouble": (CDN, Fault(status=500)),
    "behind a proxy in trouble": (CDN, Fault(status=522)),
    "nowhere to go": (HUB, Fault(headers={"Location": "http://127.0.0.1:9/nothing"})),
}


@pytest.mark.parametrize("name", PASSING)
async def test_what_passes_ends_in_the_right_file(
    fake: FakeHub, repo: Repo, folder: Path, name: str
) -> None:
    side, fault = PASSING[name]
    fake.misbehave(fault, side=side)
    is_silent = fault.wait or fault.stall_after is not None
    async with running(fake, silence=SILENCE if is_silent else PATIENCE) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert left_over(folder) == []
    assert len(fake.received) > 1


async def test_each_cut_costs_nothing_that_has_come(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    cuts = [100_000, 1_000_000, 1_234_567]
    for cut in cuts:
        fake.misbehave(Fault(cut_after=cut), side=CDN)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert starts(fake) == [0, 100_000, 1_100_000, 2_334_567]


async def test_a_server_that_ignores_ranges_is_read_past_what_is_there(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.misbehave(Fault(cut_after=MIB), side=CDN)
    fake.misbehave(Fault(ignore_range=True), side=CDN, times=None)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert sha256(done.files[0]) == repo.files()[FILE].sha256


async def test_a_stall_is_shown_and_tried_again_for_as_long_as_it_takes(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    rule = fake.misbehave(Fault(cut_after=10), side=CDN, times=None)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        assert "broke" in stalled.message
        assert "tries again by itself" in stalled.remedy
        await until(downloads, key, lambda _: len(starts(fake)) > 5)
        rule.times = 0
        downloads.resume(key)  # the person need not wait for the next try
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done


async def test_silence_is_noticed_and_named(fake: FakeHub, repo: Repo, folder: Path) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN, times=None)
    async with running(fake, silence=SILENCE) as downloads:
        key = downloads.add(model(repo), folder)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        assert "has sent nothing for" in stalled.message
        assert stalled.done == MIB
        assert stalled.seconds_left is None


async def test_a_trickle_is_given_up_for_a_new_connection(
    fake: FakeHub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "CRAWL_SECONDS", 0.2)
    monkeypatch.setattr(transfer, "LOOK_SECONDS", 0.2)
    fake.misbehave(Fault(rate=1000), side=CDN)
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert len(starts(fake)) == 2
    assert 0 < starts(fake)[1] < 10_000


async def test_a_server_that_goes_away_and_comes_back(
    fake: FakeHub, repo: Repo, folder: Path
) -> None:
    fake.misbehave(Fault(stall_after=2 * MIB), side=CDN)
    ports = [int(url.rpartition(":")[2]) for url in (fake.url, fake.cdn_url)]
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.done == 2 * MIB)
        await asyncio.to_thread(fake.stop)
        stalled = await until(downloads, key, lambda item: item.stage is Stage.STALLED)
        assert stalled.message
        fake.start(*ports)
        downloads.wake()
        done = await ended(downloads, key)
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert starts(fake)[-1] == 2 * MIB
