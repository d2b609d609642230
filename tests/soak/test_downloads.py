"""Downloads that are killed at any moment, and servers that do everything wrong at once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.library.records import HubModel, Stage
from tests.adapters.downloading import (
    CDN,
    ENDED,
    FILE,
    HUB,
    MIB,
    REPO,
    in_library,
    left_over,
    model,
    one,
    running,
    sha256,
)
from tests.adapters.killing import Killer
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

pytestmark = pytest.mark.soak

ROUNDS = int(os.environ.get("HEARTH_SOAK_ROUNDS", "100"))
KILLS = 2 * ROUNDS
SIZE = 24 * MIB + 77
RATE = 12 * MIB  # bytes per second
PATIENCE = 60.0  # seconds for one download through all faults


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def repo(fake: FakeHub) -> Repo:
    return fake.add(REPO, {FILE: Content(SIZE, seed=3)})


def test_killed_at_any_moment(fake: FakeHub, repo: Repo, tmp_path: Path) -> None:
    """Every kill costs a mebibyte at most, and every file that is there is right."""
    rule = fake.misbehave(Fault(rate=RATE), side=CDN, times=None)
    killer = Killer(fake, model(repo), tmp_path, random.Random(9))
    whole = 0
    for number in range(KILLS):
        rule.fault = Fault(rate=0 if number % 5 == 0 else RATE)  # also where it is checked, moved
        if killer.live(longest=0.7, until_bytes=number % 4 > 0):
            assert sha256(killer.target) == repo.files()[FILE].sha256
            killer.forget()
            whole += 1
    rule.times = 0
    assert killer.finish() == "done"
    assert sha256(killer.target) == repo.files()[FILE].sha256
    assert left_over(tmp_path / "models") == []
    print(
        f"{KILLS} kills, {whole + 1} whole files, {len(killer.lost)} times taken up, "
        f"at most {max(killer.lost, default=0):,} bytes lost, {sum(killer.lost):,} in all"
    )
    assert max(killer.lost, default=0) <= MIB


async def test_servers_that_do_everything_wrong(fake: FakeHub, repo: Repo, tmp_path: Path) -> None:
    """Each time another mixture of faults: the right file, or a message, and no wrong file."""
    source = random.Random(11)
    counts = {Stage.DONE: 0, Stage.FAILED: 0}
    for number in range(ROUNDS):
        fake.behave()
        for _ in range(source.randrange(1, 9)):
            fake.misbehave(_fault(source), side=source.choice((HUB, CDN, CDN)))
        folder = tmp_path / str(number)
        stage = await _fetch(fake, model(repo), folder, source)
        counts[stage] += 1
        if stage is Stage.DONE:
            assert sha256(folder / REPO / FILE) == repo.files()[FILE].sha256
            assert left_over(folder) == []
        else:
            assert in_library(folder) == []
    print(counts)
    assert counts[Stage.DONE] > ROUNDS // 2


def _fault(source: random.Random) -> Fault:
    at = source.randrange(SIZE)
    return source.choice(
        (
            Fault(cut_after=at),
            Fault(cut_after=at, reset=True),
            Fault(stall_after=at),
            Fault(corrupt=(at, source.randrange(SIZE))),
            Fault(corrupt=(at,), cut_after=source.randrange(SIZE)),
            Fault(ignore_range=True),
            Fault(lie=source.choice((-1, 1, 5000))),
            Fault(body_lie=source.choice((-1, 1, 5000))),
            Fault(without=("Content-Length",)),
            Fault(status=source.choice((403, 404, 416, 429, 500, 502, 503))),
            Fault(status=503, headers={"Retry-After": "1"}),
            Fault(headers={"Content-Encoding": "gzip"}),
            Fault(headers={"Content-Range": "bytes 0-0/1"}),
            Fault(rate=50 * MIB),
        )
    )


async def _fetch(fake: FakeHub, wanted: HubModel, folder: Path, source: random.Random) -> Stage:
    """One download, with a pause and a restart in between."""
    file = folder.with_suffix(".json")
    async with running(fake, file, silence=0.3) as downloads:
        key = downloads.add(wanted, folder)
        await asyncio.sleep(source.random() * 0.1)
        downloads.pause(key)
        await asyncio.sleep(0.01)
        downloads.resume(key)
        await asyncio.sleep(source.random() * 0.3)
    async with running(fake, file, silence=0.3) as downloads:
        key = downloads.add(wanted, folder)
        async with asyncio.timeout(PATIENCE):
            while one(downloads, key).stage not in ENDED:
                await asyncio.sleep(0.01)
                downloads.wake()  # no pause is worth waiting for here
        return one(downloads, key).stage
