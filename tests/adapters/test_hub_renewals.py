"""Which newer version is to take which one's place, over restarts and whatever comes between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.library.database import LibraryDatabase, Row, Table
from app.library.hub import changes
from app.library.hub.changes import State
from app.library.records import Download, HubFile, HubModel, Kind, LibraryModel, Source, Stage
from app.library.renewals import Renewals, equip, succeed
from app.settings import AdapterSetting, Models
from tests.adapters import hub_use
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub

REPO, FILE = "maker/Model-GGUF", "Model-Q8_0.gguf"
NOW = datetime(2026, 3, 14, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> LibraryDatabase:
    return LibraryDatabase(tmp_path / "library.sqlite3")


def old(path: Path) -> LibraryModel:
    return LibraryModel(path, (path,), "Model", Kind.CHAT, source=Source(REPO, FILE, "a" * 40))


def newer(revision: str = "b") -> HubModel:
    return HubModel(REPO, revision * 40, "Model", (HubFile(FILE, 100, "ab"),))


def come(model: HubModel, path: Path) -> Download:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"new")
    return Download("key", model, path.parent, Stage.DONE, files=(path,))


def test_a_version_takes_the_place_when_it_has_come_also_after_a_restart(
    database: LibraryDatabase, tmp_path: Path
) -> None:
    first, new = tmp_path / "old.gguf", tmp_path / "b" / FILE
    Renewals(database).begin(old(first), newer())
    again = Renewals(LibraryDatabase(database.path))
    assert again.replaced_by(new) == []
    assert not again.is_here(first, "b" * 40)
    assert again.arrived(come(newer(), new)) == [first]
    assert again.replaced_by(new) == [first]
    assert again.is_here(first, "b" * 40)
    assert not again.is_here(first, "c" * 40), "another one is newest by now"
    again.end(first)
    assert again.replaced_by(new) == []


def test_any_other_download_is_no_newer_version(database: LibraryDatabase, tmp_path: Path) -> None:
    renewals = Renewals(database)
    renewals.begin(old(tmp_path / "old.gguf"), newer("b"))
    assert renewals.arrived(come(newer("c"), tmp_path / FILE)) == []
    assert renewals.replaced_by(tmp_path / FILE) == []


def test_one_version_may_take_the_place_of_two(database: LibraryDatabase, tmp_path: Path) -> None:
    renewals, new = Renewals(database), tmp_path / "c" / FILE
    olds = [tmp_path / "a.gguf", tmp_path / "b.gguf"]
    for path in olds:
        renewals.begin(old(path), newer("c"))
    assert renewals.arrived(come(newer("c"), new)) == olds
    assert renewals.replaced_by(new) == olds


def test_what_lies_in_the_old_ones_place_replaces_nothing(
    database: LibraryDatabase, tmp_path: Path
) -> None:
    renewals, path = Renewals(database), tmp_path / FILE
    renewals.begin(old(path), newer())
    assert renewals.arrived(come(newer(), path)) == []
    assert renewals.replaced_by(path) == []
    assert database.read(Table.RENEWALS) == {}


@pytest.mark.parametrize("value", [None, 5, [], ["a"], [1, 2, 3], {"repo": "a"}, ["a"] * 9])
def test_what_cannot_be_read_counts_as_nothing(
    database: LibraryDatabase, tmp_path: Path, value: object
) -> None:
    database.write(Table.RENEWALS, {tmp_path / "old.gguf": Row(value)})
    renewals = Renewals(database)
    assert renewals.replaced_by(tmp_path / FILE) == []
    assert renewals.arrived(come(newer(), tmp_path / FILE)) == []


def test_the_new_one_is_chosen_wherever_the_old_one_was() -> None:
    was, new = Path("/m/old.gguf"), Path("/m/new.gguf")
    chosen = Models(
        default=f"local:{was}",
        selected="local:/m/other.gguf",
        embedding=f"local:{was}",
        recent=("/m/new.gguf", "/m/other.gguf", "/m/old.gguf"),
        names={"/m/old.gguf": "Mine"},
        adapters={"/m/old.gguf": (AdapterSetting(path="a.gguf"),)},
    )
    assert equip(chosen, was, new)
    assert not equip(chosen, was, new), "there is nothing new to save"
    assert (chosen.names["/m/new.gguf"], chosen.default) == ("Mine", f"local:{was}")
    assert chosen.adapters["/m/new.gguf"] == chosen.adapters["/m/old.gguf"]
    assert succeed(chosen, was, new)
    assert not succeed(chosen, was, new)
    assert (chosen.default, chosen.embedding) == (f"local:{new}", f"local:{new}")
    assert chosen.selected == "local:/m/other.gguf"
    assert chosen.recent == ("/m/new.gguf", "/m/other.gguf")


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        (NOW - timedelta(days=6, hours=23), False),
        (NOW - timedelta(days=7), True),
        (NOW + timedelta(days=1), True),  # the clock was set back
        ((NOW - timedelta(days=1)).replace(tzinfo=None), False),  # written by hand
        ((NOW - timedelta(days=9)).replace(tzinfo=None), True),
    ],
)
def test_it_is_time_once_a_week(last: datetime | None, is_due: bool) -> None:
    assert changes.is_due(last, NOW, allowed=True) is is_due
    assert not changes.is_due(last, NOW, allowed=False)


async def test_a_small_model_is_compared_by_gits_name(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(Content(9000, seed=1).read(0, 9000))
    with FakeHub() as fake:
        repo = fake.add(REPO, {FILE: Content(9000, seed=1)})
        source = Source(REPO, FILE, repo.head)
        model = LibraryModel(path, (path,), "Model", Kind.CHAT, size=9000, source=source)
        repo.publish({"README.md": Content.of(b"# New")})
        hub = hub_use.client(fake.url)
        assert [one.state async for one in changes.look(hub, [model])] == [State.UNCHANGED]
        repo.publish({FILE: Content(9000, seed=2)})  # as long as before
        assert [one.state async for one in changes.look(hub, [model])] == [State.CHANGED]
