"""A model that changed at its source: found, fetched beside the old one, and swapped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelError
from app.library.arrivals import Arrivals
from app.llm.state import Phase
from app.schema import ModelInfo, ModelRef
from app.settings import AdapterSetting
from tests.fakes import gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.provider import FakeProvider
from tests.ui.conftest import Run, until
from tests.ui.models_use import Shop, files_in, open_shop, shop_after

REPO, NAME = "owner/Tree-GGUF", "Tree-Q8_0"
TEMPLATE = "{{ messages[0]['content'] }}"
SIZE = 20_000  # bytes: a large file to the Hub
CHANGED = "Tree: It has changed on Hugging Face: its chat template."


def content(folder: Path, **keys: str) -> Content:
    """A version of the model."""
    head = gguf_small.model(folder / "elsewhere" / "tree.gguf", "Tree", **keys).read_bytes()
    return Content(SIZE, seed=1, head=head)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    with FakeHub() as started:
        started.add(REPO, {f"{NAME}.gguf": content(tmp_path)})
        yield started


@pytest.fixture
def shop(run: Run, tmp_path: Path, fake: FakeHub, local: FakeProvider) -> Iterator[Shop]:
    """A window in whose models page the model was fetched."""
    with shop_after(run, tmp_path, fetched, hub=fake.url, local=local) as made:
        yield made


async def fetched(shop: Shop) -> None:
    await shop.open("modelsMoreTab")
    await shop.files(REPO)
    library = shop.desk.services.library
    assert library is not None
    arrivals = Arrivals(library.library, library.downloads)
    shop.press("hubDownloadButton", NAME)
    await until(lambda: shop.said == f"{NAME} is here and checked.")
    await arrivals.aclose()
    shop.desk.controllers._look_again()
    shop.press("bannerClose")
    shop.press("modelsHereTab")
    await until(lambda: "Tree" in shop.names() and source_of(shop) is not None)


def source_of(shop: Shop) -> object:
    return next(model.source for model in shop.models() if model.name == "Tree")


def publish(fake: FakeHub, folder: Path) -> Path:
    """A new commit with another template; returns where its file is to lie."""
    changed = content(folder, tokenizer__chat_template=TEMPLATE)
    commit = fake.repos[REPO].publish({f"{NAME}.gguf": changed})
    return folder / "models" / REPO / commit[:8] / f"{NAME}.gguf"


def old_file(shop: Shop) -> Path:
    return shop.home / "models" / REPO / f"{NAME}.gguf"


async def look(shop: Shop) -> None:
    await shop.choose("Tree")
    shop.more("Look for changes")
    await until(lambda: shop.said not in ("", "Asking Hugging Face…"))


async def renew(shop: Shop, new: Path) -> None:
    """Finds the new version and fetches it, until it is in the list."""
    await look(shop)
    assert shop.said.startswith(CHANGED)
    shop.press("bannerAction")
    await until(lambda: shop.said == f"{NAME} is here and checked.")
    await until(lambda: str(new) in [str(model.path) for model in shop.models()])
    await until(lambda: not shop.desk.services.tasks.running)


async def load(shop: Shop, local: FakeProvider, file: Path) -> None:
    """The way of the banner, which is there after a fetch."""
    local.models = [ModelInfo(ModelRef("local", str(file)), "Tree")]
    shop.press("bannerAction")
    if local.load_error is None:
        await until(lambda: shop.desk.services.manager.state.phase is Phase.READY)
    else:
        await until(lambda: str(local.load_error) in shop.said)


def test_a_model_that_is_as_it_was_is_said_to_be_so(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await look(shop)
        assert shop.said == "Tree: It is the same on Hugging Face."
        assert not shop.shows("bannerAction")

    run(shop.play(scenario()))


def test_the_new_version_takes_the_place_of_the_old_one_when_it_has_loaded(
    run: Run, shop: Shop, fake: FakeHub, local: FakeProvider
) -> None:
    async def scenario() -> None:
        new, old = publish(fake, shop.home), old_file(shop)
        chosen = shop.desk.settings.settings.models
        chosen.names = {str(old): "My tree"}
        chosen.adapters = {str(old): (AdapterSetting(path="german.gguf", scale=0.5),)}
        chosen.default = chosen.embedding = f"local:{old}"
        await renew(shop, new)
        assert old.exists(), "nothing is replaced unasked"
        assert chosen.default == f"local:{old}"
        assert chosen.names[str(new)] == "My tree"
        assert chosen.adapters[str(new)][0].scale == 0.5
        await load(shop, local, new)
        await until(lambda: not old.exists())
        await until(lambda: "works, so the old one was deleted" in shop.said)
        assert chosen.default == chosen.embedding == f"local:{new}"
        stored = json.loads((shop.home / "settings.json").read_text())
        assert stored["models"]["default"] == f"local:{new}"
        await shop.open("modelsHereTab")
        shop.press("undoDeleteButton")
        await until(old.exists)  # the way back
        assert new.exists()

    run(shop.play(scenario()))


def test_a_new_version_that_does_not_load_leaves_the_old_one(
    run: Run, shop: Shop, fake: FakeHub, local: FakeProvider
) -> None:
    async def scenario() -> None:
        new = publish(fake, shop.home)
        await renew(shop, new)
        local.load_error = ModelError("It is of a kind that is not known here.")
        await load(shop, local, new)
        await until(lambda: not shop.desk.services.tasks.running)
        assert old_file(shop).exists()
        await shop.open("modelsHereTab")
        old = next(model for model in shop.models() if model.path == old_file(shop))
        shop.page.library.changes_wanted.emit(old)
        await until(lambda: "here already; load it, and this one goes" in shop.said)
        assert not shop.shows("bannerAction")

    run(shop.play(scenario()))


def test_what_the_new_version_sees_with_stays_when_the_old_one_goes(
    run: Run, shop: Shop, fake: FakeHub, local: FakeProvider
) -> None:
    async def scenario() -> None:
        new, old = publish(fake, shop.home), old_file(shop)
        eyes = gguf_small.projector(old.with_name("mmproj-Tree-f16.gguf"))
        await until(lambda: any(model.projector for model in shop.models()))
        await renew(shop, new)
        await load(shop, local, new)
        await until(lambda: not old.exists())
        assert eyes.exists()

    run(shop.play(scenario()))


def test_a_new_version_that_came_to_lie_in_the_old_ones_place_stays(
    run: Run, shop: Shop, fake: FakeHub, local: FakeProvider
) -> None:
    async def scenario() -> None:
        publish(fake, shop.home)
        old = old_file(shop)
        await look(shop)
        old.unlink()  # by the person, in the meantime
        shop.press("bannerAction")
        await until(lambda: shop.said == f"{NAME} is here and checked.")
        await until(lambda: not shop.desk.services.tasks.running)
        await load(shop, local, old)
        await until(lambda: local.loaded == str(old))
        await until(lambda: not shop.desk.services.tasks.running)
        assert old.exists()
        assert len(files_in(shop.home / "models", NAME)) == 1

    run(shop.play(scenario()))


@pytest.fixture
def weekly(run: Run, tmp_path: Path, shop: Shop, fake: FakeHub) -> Any:
    """Opens a window again, some days after the last look; returns what it does and asks."""

    def opened(ago: timedelta | None, *, allowed: bool = True) -> tuple[str, int, str | None]:
        since = (datetime.now(UTC) - ago).isoformat() if ago is not None else None
        hub = {"endpoint": fake.url, "look_for_changes": allowed, "looked_at": since}

        async def scenario() -> tuple[str, int, str | None]:
            fake.received.clear()
            (tmp_path / "again").mkdir()
            (tmp_path / "again" / "library.sqlite3").write_bytes(database)
            other = await open_shop(tmp_path / "again", folders=[str(tmp_path / "models")])
            settings = other.desk.settings.settings.hub
            for name, value in hub.items():
                setattr(settings, name, value)
            (tmp_path / "models" / "elm.gguf").write_bytes(b"GGUF")  # what is seen sets it off
            library = other.desk.services.library
            assert library is not None
            await until(lambda: len(library.library.last.models) == 2)
            await until(lambda: other.desk.controllers._models is not None)
            other.desk.controllers._models.show(library.library.last)  # type: ignore[union-attr]
            await until(lambda: not other.desk.services.tasks.running)
            said, kept = other.said, settings.looked_at
            await other.desk.close()
            asked = len(fake.requests(path=f"/api/models/{REPO}"))
            return said, asked, kept.isoformat() if kept else None

        return run(scenario())  # type: ignore[no-any-return]

    library = shop.desk.services.library
    assert library is not None
    database = library.library.database.path.read_bytes()
    return opened


@pytest.mark.parametrize(
    ("ago", "allowed", "is_asked"),
    [
        (None, True, True),
        (timedelta(days=3), True, False),
        (timedelta(days=8), False, False),
    ],
)
def test_once_a_week_it_is_asked_by_itself_where_that_is_allowed(
    weekly: Any, fake: FakeHub, tmp_path: Path, ago: timedelta | None, allowed: bool, is_asked: bool
) -> None:
    publish(fake, tmp_path)
    said, asked, kept = weekly(ago, allowed=allowed)
    assert said.startswith(CHANGED) is is_asked
    assert bool(asked) is is_asked
    if is_asked:
        assert datetime.now(UTC) - datetime.fromisoformat(kept) < timedelta(minutes=5)


def test_where_nothing_changed_the_weekly_look_says_nothing(weekly: Any) -> None:
    said, asked, kept = weekly(timedelta(days=8))
    assert (said, asked) == ("", 1)
    assert kept is not None


def test_a_weekly_look_that_reaches_nobody_is_silent_and_waits_before_the_next(
    weekly: Any, fake: FakeHub
) -> None:
    fake.misbehave(Fault(status=503), times=None)
    said, asked, kept = weekly(timedelta(days=8))
    assert (said, asked) == ("", 1), "each change on the disk would ask again"
    assert kept is not None
    assert datetime.now(UTC) - datetime.fromisoformat(kept) > timedelta(days=7)
