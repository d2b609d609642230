"""A Hub on loopback, what it offers, and where it is fetched to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.library.records import HubModel
from tests.adapters.downloading import FILE, MIB, REPO, model
from tests.fakes.hub.content import Content
from tests.fakes.hub.repos import Repo
from tests.fakes.hub.server import FakeHub

NAMES = ("a.gguf", "b.gguf", "c.gguf")


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def repo(request: pytest.FixtureRequest, fake: FakeHub) -> Repo:
    """One large file, of as many bytes as the tests' module says with `SIZE`."""
    return fake.add(REPO, {FILE: Content(request.module.SIZE, seed=1)})


@pytest.fixture
def models(fake: FakeHub) -> list[HubModel]:
    """Three of the same size."""
    repo = fake.add(REPO, {name: Content(3 * MIB, seed=at) for at, name in enumerate(NAMES)})
    return [model(repo, name) for name in NAMES]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The models folder, which is not there yet."""
    return tmp_path / "models"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """In which the queue is kept; neither it nor its folder is there yet."""
    return tmp_path / "data" / "downloads.json"
