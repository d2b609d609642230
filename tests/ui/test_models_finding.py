"""Models that are not here yet: recommended, found on the Hub, judged before they are fetched."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton

from app import paths
from app.llm.optimizer.machine.records import Computer, Memory
from tests.adapters.hub_use import TINY
from tests.fakes import gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import FixedSurvey
from tests.ui.models_use import Shop, files_in, open_shop

GATED = "owner/Gated-GGUF"
NEEDED = re.compile(r"needs (?:about )?([\d.]+) (MB|GB)")
UNITS = {"MB": 1e6, "GB": 1e9}


@pytest.fixture
def header(tmp_path: Path) -> bytes:
    """The beginning of a model whose context takes much memory."""
    file = gguf_small.model(
        tmp_path / "elsewhere" / "wide.gguf",
        llama__embedding_length=4096,
        llama__block_count=32,
        llama__attention__head_count=32,
        llama__context_length=131_072,
    )
    return file.read_bytes()


@pytest.fixture
def fake(header: bytes) -> Iterator[FakeHub]:
    about = {
        "downloads": 12_345,
        "lastModified": "2026-05-04T03:02:01.000Z",
        "tags": ["gguf", "license:mit"],
        "gguf": {"total": 4_000_000_000, "architecture": "llama", "context_length": 131_072},
    }
    with FakeHub() as started:
        files = {
            "Tiny-Q8_0.gguf": Content(3_000_000, head=header),
            "Tiny-Q4_K_M.gguf": Content(1_500_000, head=header),
            "Tiny-BF16-00001-of-00002.gguf": Content(4_000_000, head=header),
            "Tiny-BF16-00002-of-00002.gguf": Content(4_000_000),
            "mmproj-Tiny-f16.gguf": Content(20_000),
        }
        started.add(TINY, files, about=about)
        started.add(GATED, {"Gated-Q4_0.gguf": Content(100_000, head=header)}, is_gated=True)
        started.add("owner/Papers-GGUF", {"README.md": Content.of(b"# Nothing")})
        yield started


@pytest.fixture
def shop(run: Run, tmp_path: Path, fake: FakeHub) -> Iterator[Shop]:
    gguf_small.model(tmp_path / "models" / "alder.gguf", "Alder")
    roomy = Computer(memory=Memory(64 << 30, 64 << 30))
    made = run(open_shop(tmp_path, hub=fake.url, survey=FixedSurvey(roomy)))
    run(made.play(made.open("modelsMoreTab")))
    yield made
    run(made.desk.close())
    settle()


def test_a_search_shows_repositories_and_what_is_known_of_them(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.search("tiny")
        text = shop.texts("finderResults")
        assert TINY in text
        assert "llama · 4.0 B · mit · 12 K downloads · changed 2026-05-04" in text
        assert GATED not in text
        await shop.search("gated")
        assert "terms to accept" in shop.texts("finderResults")
        await shop.search("no such model anywhere")
        assert "Nothing was found." in shop.texts("finderResults")

    run(shop.play(scenario()))


def test_the_files_show_their_sizes_and_verdicts_for_a_chosen_context(
    run: Run, shop: Shop, fake: FakeHub
) -> None:
    def needed(name: str) -> float:
        text = shop.texts("finderResults")
        number, unit = NEEDED.findall(text[text.index(f"\n{name}\n") :])[0]
        return float(number) * UNITS[unit]

    async def scenario() -> None:
        await shop.files(TINY)
        text = shop.texts("finderResults")
        for known in (
            "Q4_K_M · 1.5 MB",
            "Q8_0 · 3.0 MB",
            "BF16 · 8.0 MB · 2 parts",
            "projector",
        ):
            assert known in text
        await until(lambda: "with 8,192 tokens of context" in shop.texts("finderResults"))
        before = needed("Tiny-Q4_K_M")
        shop.pick("judgedContext", "32,768 tokens")
        await until(lambda: "with 32,768 tokens of context" in shop.texts("finderResults"))
        # The keys and values of 32 layers of 4096 numbers of two bytes, for each token.
        assert needed("Tiny-Q4_K_M") - before == pytest.approx(
            2 * 32 * 4096 * 2 * (32_768 - 8192), rel=0.2
        )
        assert not fake.requests("cdn", "GET", "Q4_K_M.gguf") or (
            "range" in fake.requests("cdn", "GET", "Q4_K_M.gguf")[0].headers
        )
        assert list((shop.home / "models").iterdir()) == [shop.home / "models" / "alder.gguf"]

    run(shop.play(scenario()))


def test_the_way_back_leads_to_the_search_and_then_to_the_shelf(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.search("tiny")
        shop.button("repoFilesButton", TINY).setFocus()
        shop.press("repoFilesButton", TINY)
        await until(lambda: shop.shows("hubDownloadButton"))
        back = shop.part(QPushButton, "finderBackButton")
        assert back.hasFocus()  # what was pressed is gone
        back.click()
        await until(lambda: shop.shows("repoFilesButton"))
        back.click()
        await until(lambda: "Recommended" in shop.texts("finderResults"))
        assert not back.isVisible()
        assert shop.part(QLineEdit, "hubSearch").hasFocus()
        await shop.files(TINY)
        shop.type("hubSearch", "")  # an emptied field is no search
        await until(lambda: "Recommended" in shop.texts("finderResults"))

    run(shop.play(scenario()))


def test_the_newest_question_is_answered(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        await until(lambda: "Recommended" in shop.texts("finderResults"))
        fake.misbehave(Fault(wait=1.0), path="/api/models", times=1)
        shop.type("hubSearch", "gated", end=True)
        await until(lambda: "Searching" in shop.texts("finderResults"))
        await until(lambda: fake.requests(path="/api/models"))
        await shop.search("tiny")
        await until(lambda: TINY in shop.texts("finderResults"))
        for _ in range(3):  # questions that are given up before they were begun
            QTest.keyClick(shop.part(QLineEdit, "hubSearch"), Qt.Key.Key_Return)
        await until(lambda: TINY in shop.texts("finderResults"))
        assert GATED not in shop.texts("finderResults")

    run(shop.play(scenario()))


class Browser(QObject):
    """Stands for the system's web browser."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(url.toString())


def test_of_a_gated_repository_it_is_said_what_to_do(run: Run, shop: Shop) -> None:
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "take")  # type: ignore[arg-type]

    async def scenario() -> None:
        await shop.files(GATED)
        await until(lambda: shop.note)
        assert "only for those who have accepted its terms" in shop.note
        assert "Then make a token with the right to read" in shop.note
        assert "Q4_0 · 100.0 kB" in shop.texts("finderResults")
        assert not shop.part(QComboBox, "judgedContext").isEnabled()  # its header is not known
        shop.press("repoPageButton")
        assert browser.opened == [f"https://huggingface.co/{GATED}"]
        shop.press("hubDownloadButton")
        await until(lambda: "accept the terms there" in shop.said)
        await shop.search("tiny")
        assert shop.note == ""

    try:
        run(shop.play(scenario()))
    finally:
        QDesktopServices.unsetUrlHandler("https")


def test_a_repository_without_models_says_so(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.search("papers")
        shop.press("repoFilesButton")
        await until(lambda: "no model file in the GGUF format" in shop.texts("finderResults"))

    run(shop.play(scenario()))


def test_without_a_network_the_page_says_so_and_all_that_is_here_works(
    run: Run, shop: Shop, fake: FakeHub
) -> None:
    async def scenario() -> None:
        fake.stop()
        await shop.search("tiny")
        await until(lambda: shop.note)
        assert "cannot be reached. Check the connection to the internet" in shop.note
        assert "Everything on this computer works as always." in shop.note
        assert "Searching" not in shop.texts("finderResults")
        shop.press("finderBackButton")
        await until(lambda: "Recommended" in shop.texts("finderResults"))
        assert shop.note == ""
        shop.press("modelsHereTab")
        await shop.choose("Alder")
        shop.press("deleteModelButton")
        await until(lambda: "Alder" not in shop.names())
        shop.press("undoDeleteButton")
        await until(lambda: "Alder" in shop.names())

    run(shop.play(scenario()))


def test_a_hearth_that_stays_offline_asks_nobody(run: Run, shop: Shop, fake: FakeHub) -> None:
    async def scenario() -> None:
        # The fake Hub is on this computer, which the lock lets through: so it is a far one here.
        shop.desk.settings.settings.hub.endpoint = "https://hub.example"
        setup = shop.desk.services.setup
        assert setup is not None
        setup.stay_offline(offline=True)
        await shop.search("tiny")
        await until(lambda: "set to stay offline" in shop.note)
        assert not fake.received

    run(shop.play(scenario()))


def test_what_is_recommended_is_fetched_by_one_press(run: Run, shop: Shop, fake: FakeHub) -> None:
    wanted = json.loads((paths.resources() / "shelf.json").read_text())["models"][0]
    small, fine = (file["file"].replace("*", "Some") for file in wanted["files"])

    async def scenario() -> None:
        await until(lambda: "Recommended" in shop.texts("finderResults"))
        fake.add(wanted["repo"], {small: Content(30_000), fine: Content(60_000)})
        assert wanted["name"] in shop.texts("finderResults")
        shop.press("shelfDownloadButton", wanted["name"])
        await until(lambda: "is here and checked" in shop.said)
        fetched = {path.name for path in files_in(shop.home / "models", "Some")}
        assert fetched < {small, fine}
        assert len(fetched) == 1
        # A file of one's own choice among all that there are.
        shop.press("shelfFilesButton", wanted["name"])
        await until(lambda: shop.shows("hubDownloadButton"))
        await asyncio.sleep(0.05)
        assert "60.0 kB" in shop.texts("finderResults")

    run(shop.play(scenario()))
