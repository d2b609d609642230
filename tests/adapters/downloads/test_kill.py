"""A program that is killed in the middle of a download loses at most a mebibyte."""

import random
from pathlib import Path

from tests.adapters.downloading import CDN, FILE, MIB, REPO, left_over, model, sha256
from tests.adapters.killing import Killer
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub

KILLS = 4


def test_killed_again_and_again_it_ends_in_the_right_file(fake: FakeHub, tmp_path: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(30 * MIB + 5, seed=3)})
    rule = fake.misbehave(Fault(rate=15 * MIB), side=CDN, times=None)
    killer = Killer(fake, model(repo), tmp_path, random.Random(9))
    for _ in range(KILLS):
        assert not killer.live(longest=0.6, until_bytes=True)
    rule.times = 0
    assert killer.finish() == "done"
    assert sha256(killer.target) == repo.files()[FILE].sha256
    assert len(killer.lost) == KILLS
    assert max(killer.lost) <= MIB
    assert left_over(tmp_path / "models") == []
