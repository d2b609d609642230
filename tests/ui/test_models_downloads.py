"""Downloads in the window: their rows, the line beside the chats, the title, and their end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QProgressBar, QPushButton

from app.library.records import Stage
from app.ui.library.downloads_line import DownloadsLine
from app.ui.library.downloads_strip import DownloadRow
from tests.adapters.downloading import sha256
from tests.fakes import gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault, Rule
from tests.fakes.hub.server import FakeHub
from tests.fakes.hub.wire import CDN
from tests.fakes.provider import FakeProvider
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, files_in, open_shop, shop_after

REPO = "owner/Trees-GGUF"
SIZE = 2_000_000  # bytes
SLOW = 40_000  # bytes per second: what runs is still running at the end of a test
PROGRESS = re.compile(r"(\d+) % · [\d.]+ [kM]B of 2\.0 MB · [\d.]+ [kM]B/s · [\d.]+ (s|min) left")
NAMES = ("Elm-Q4_K_M", "Fir-Q4_K_M", "Oak-Q4_K_M")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    head = gguf_small.model(tmp_path / "elsewhere" / "tree.gguf", "Tree").read_bytes()
    with FakeHub() as started:
        files = {
            f"{name}.gguf": Content(SIZE, seed=number, head=head)
            for number, name in enumerate(NAMES)
        }
        started.add(REPO, files)
        yield started


@pytest.fixture
def shop(run: Run, tmp_path: Path, fake: FakeHub, local: FakeProvider) -> Iterator[Shop]:
    with shop_after(run, tmp_path, opened, hub=fake.url, local=local) as made:
        yield made


async def opened(shop: Shop) -> None:
    await shop.open("modelsMoreTab")
    await shop.files(REPO)


def slow(fake: FakeHub) -> Rule:
    return fake.misbehave(Fault(rate=SLOW), side=CDN, method="GET", times=None)


def fetch(shop: Shop, *names: str) -> None:
    for name in names:
        shop.press("hubDownloadButton", name)


def row(shop: Shop, name: str) -> DownloadRow | None:
    shown = [one for one in shop.page.downloads.findChildren(DownloadRow) if one.isVisible()]
    return next((one for one in shown if one._title.text() == name), None)


def said(shop: Shop, name: str) -> str:
    """What a download's row says; "" where there is none."""
    found = row(shop, name)
    return found._text.text() if found is not None else ""


def fetched(shop: Shop, name: str) -> Path:
    """The file that has come; what a download works with may still be there beside it."""
    (found,) = files_in(shop.home / "models", name)
    return found


def rows(shop: Shop) -> list[str]:
    """The downloads from above to below."""
    shown = [one for one in shop.page.downloads.findChildren(DownloadRow) if one.isVisible()]
    return [one._title.text() for one in sorted(shown, key=lambda one: one.y())]


def test_a_download_shows_bytes_speed_and_time_left_wherever_one_looks(
    run: Run, shop: Shop, fake: FakeHub
) -> None:
    async def scenario() -> None:
        slow(fake)
        fetch(shop, "Elm", "Fir")
        await until(lambda: PROGRESS.match(said(shop, "Elm-Q4_K_M")))
        assert said(shop, "Fir-Q4_K_M").startswith("waiting")
        found = row(shop, "Elm-Q4_K_M")
        assert found is not None
        bar = found.findChild(QProgressBar)
        assert bar is not None
        assert 0 < bar.value() < bar.maximum()
        shop.press("modelsBackButton")
        window = shop.desk.window
        line = window.shell.findChild(QPushButton, "downloadsLineButton")
        assert line is not None
        assert line.isVisible()
        named = r"Downloads: Elm-Q4_K_M · \d+ % · .* left, and 1 more"
        await until(lambda: re.fullmatch(named, line.accessibleName()))
        assert window.windowTitle() == "Hearth"
        window.showMinimized()
        await until(lambda: re.fullmatch(r"\d+ % · Hearth", window.windowTitle()))
        window.showNormal()
        assert window.windowTitle() == "Hearth"  # at once
        window.hide()
        assert re.fullmatch(r"\d+ % · Hearth", window.windowTitle())
        window.show()
        line.click()
        await until(lambda: shop.is_open)
        fake.behave()

    run(shop.play(scenario()))


def percent(shop: Shop, name: str) -> int:
    """How much of it is said to have come; 0 where nothing comes now."""
    found = PROGRESS.match(said(shop, name))
    return int(found[1]) if found else 0


def test_a_download_is_paused_resumed_and_cancelled(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        slow(fake)
        fetch(shop, "Elm", "Fir")
        await until(lambda: percent(shop, "Elm-Q4_K_M") > 0)
        shop.press("pauseDownloadButton", "Elm")
        await until(lambda: said(shop, "Elm-Q4_K_M").startswith("paused"))
        await until(lambda: PROGRESS.match(said(shop, "Fir-Q4_K_M")))  # which takes its turn
        shop.press("cancelDownloadButton", "Fir")
        await until(lambda: row(shop, "Fir-Q4_K_M") is None)
        before = int(said(shop, "Elm-Q4_K_M").split(" · ")[1].split()[0])
        assert before > 0
        assert shop.button("pauseDownloadButton", "Elm").accessibleName() == "Resume Elm-Q4_K_M"
        shop.press("pauseDownloadButton", "Elm")
        await until(lambda: (found := PROGRESS.match(said(shop, "Elm-Q4_K_M"))) and found)
        found = PROGRESS.match(said(shop, "Elm-Q4_K_M"))
        assert found is not None
        assert int(found[1]) >= before  # nothing is fetched twice
        fake.behave()
        shop.press("cancelDownloadButton", "Elm")
        await until(lambda: not shop.shows("downloadsStrip"))
        await until(lambda: not shop.shows("downloadsLine"))
        await until(lambda: not files_in(shop.home / "models", ending=""))

    run(shop.play(scenario()))


def test_a_download_can_be_put_first(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        slow(fake)
        fetch(shop, "Elm", "Fir", "Oak")
        await until(lambda: rows(shop) == list(NAMES))
        await until(lambda: PROGRESS.match(said(shop, "Elm-Q4_K_M")))
        shop.press("firstDownloadButton", "Oak")
        await until(lambda: rows(shop) == ["Oak-Q4_K_M", "Elm-Q4_K_M", "Fir-Q4_K_M"])
        await until(lambda: PROGRESS.match(said(shop, "Oak-Q4_K_M")))
        assert said(shop, "Elm-Q4_K_M").startswith("waiting")
        firsts = shop.page.downloads.findChildren(DownloadRow)
        assert [one._title.text() for one in firsts if one.first.isHidden()] == ["Oak-Q4_K_M"]
        fake.behave()

    run(shop.play(scenario()))


def test_what_has_come_is_whole_in_the_list_and_one_press_loads_it(
    run: Run, shop: Shop, fake: FakeHub, local: FakeProvider
) -> None:
    async def scenario() -> None:
        fetch(shop, "Fir")
        await until(lambda: shop.said == "Fir-Q4_K_M is here and checked.")
        file = fetched(shop, "Fir")
        assert sha256(file) == fake.repos[REPO].files()["Fir-Q4_K_M.gguf"].sha256
        assert not shop.shows("downloadsStrip")
        shop.press("modelsHereTab")
        await until(lambda: str(file) in [str(model.path) for model in shop.models()])
        assert shop.button("bannerAction").text() == "Load it"
        shop.desk.window.set_appearance("dark", 1.0)  # what is offered outlives the look
        await until(lambda: not shop.desk.services.tasks.running)
        shop.press("bannerAction")
        await until(lambda: local.loaded == str(file))
        assert not shop.is_open

    run(shop.play(scenario()))


def test_a_model_that_is_fetched_again_is_named_again(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        fetch(shop, "Fir")
        await until(lambda: shop.said == "Fir-Q4_K_M is here and checked.")
        shop.press("bannerClose")
        file = fetched(shop, "Fir")
        file.unlink()
        slow(fake)
        fetch(shop, "Fir")
        await until(lambda: PROGRESS.match(said(shop, "Fir-Q4_K_M")))
        fake.behave()
        shop.press("pauseDownloadButton", "Fir")
        await until(lambda: said(shop, "Fir-Q4_K_M").startswith("paused"))
        shop.press("pauseDownloadButton", "Fir")
        await until(lambda: shop.said == "Fir-Q4_K_M is here and checked.")
        assert file.exists()

    run(shop.play(scenario()))


def test_a_failure_is_said_once_and_stays_in_its_row(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        fake.repos[REPO].is_gated = True  # since its files were listed
        fetch(shop, "Elm")
        await until(lambda: shop.said.startswith("Elm-Q4_K_M: "))
        assert "accept the terms" in shop.said
        assert said(shop, "Elm-Q4_K_M").startswith("stopped")
        assert "accept the terms" in said(shop, "Elm-Q4_K_M")
        shop.press("bannerClose")
        shop.press("modelsHereTab")
        shop.desk.window.set_appearance("dark", 1.0)
        await until(lambda: not shop.desk.services.tasks.running)
        await until(lambda: said(shop, "Elm-Q4_K_M").startswith("stopped"))
        await asyncio.sleep(0.3)
        assert shop.said == ""
        fake.repos[REPO].is_gated = False
        shop.press("pauseDownloadButton", "Elm")  # which is Resume now
        await until(lambda: shop.said == "Elm-Q4_K_M is here and checked.")

    run(shop.play(scenario()))


def test_a_change_of_the_look_leaves_downloads_running_and_nothing_behind(
    run: Run, shop: Shop, fake: FakeHub
) -> None:
    async def scenario() -> None:
        library = shop.desk.services.library
        assert library is not None
        before = len(library.downloads._listeners), len(library.pulls._listeners)
        slow(fake)
        fetch(shop, "Elm")
        await until(lambda: PROGRESS.match(said(shop, "Elm-Q4_K_M")))
        for look in ("dark", "light", "dark"):
            shop.desk.window.set_appearance(look, 1.0)
            await until(lambda: not shop.desk.services.tasks.running)
            await until(lambda: PROGRESS.match(said(shop, "Elm-Q4_K_M")))
            lines = shop.desk.window.shell.findChildren(DownloadsLine)
            assert [line.isVisible() for line in lines] == [True]
        assert (len(library.downloads._listeners), len(library.pulls._listeners)) == before
        fake.behave()
        shop.press("pauseDownloadButton", "Elm")
        await until(lambda: said(shop, "Elm-Q4_K_M").startswith("paused"))
        shop.press("pauseDownloadButton", "Elm")
        await until(lambda: shop.said == "Elm-Q4_K_M is here and checked.")

    run(shop.play(scenario()))


def test_downloads_go_to_the_folder_of_the_settings(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        chosen = shop.home / "large drive"
        chosen.mkdir()
        shop.desk.settings.settings.models.download_folder = str(chosen)
        fetch(shop, "Oak")
        await until(lambda: shop.said == "Oak-Q4_K_M is here and checked.")
        assert [path.name for path in files_in(chosen)] == ["Oak-Q4_K_M.gguf"]

    run(shop.play(scenario()))


def test_a_download_goes_on_after_a_new_start(run: Run, tmp_path: Path, fake: FakeHub) -> None:
    async def first() -> None:
        shop = await open_shop(tmp_path, hub=fake.url)
        await opened(shop)
        slow(fake)
        fetch(shop, "Elm")
        await until(lambda: PROGRESS.match(said(shop, "Elm-Q4_K_M")))
        await shop.desk.close()

    async def second() -> Shop:
        fake.behave()
        shop = await open_shop(tmp_path, hub=fake.url)
        await until(lambda: shop.said == "Elm-Q4_K_M is here and checked.")
        return shop

    run(first())
    settle()
    stored = json.loads((tmp_path / "downloads.json").read_text())
    assert len(stored["downloads"]) == 1
    shop = run(second())
    library = shop.desk.services.library
    assert library is not None
    assert [one.stage for one in library.downloads.items] == [Stage.DONE]
    run(shop.desk.close())
    settle()
