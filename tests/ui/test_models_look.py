"""The page of the models in every look: small, large, mirrored; what cannot be pressed says so."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTransform
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QWidget

from app.library.records import Kind, LibraryModel
from app.ui.library import row_words
from app.ui.library.details_dialog import DetailsDialog
from app.ui.library.judged_context import JudgedContext
from app.ui.library.model_list import MORE
from tests.adapters.hub_use import TINY
from tests.fakes import gguf_small
from tests.fakes.hub.content import Content
from tests.fakes.hub.server import FakeHub
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, open_shop

LONG = "A Model Whose Name Is Much Longer Than Any Row Of A List Has Room For In Any Window"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    head = gguf_small.model(tmp_path / "elsewhere" / "head.gguf").read_bytes()
    with FakeHub() as started:
        files = {name: Content(90_000, head=head) for name in ("mmproj-Tiny-f16", "Tiny-Q4_K_M")}
        started.add(TINY, {f"{name}.gguf": content for name, content in files.items()})
        yield started


@pytest.fixture
def shop(run: Run, tmp_path: Path, fake: FakeHub) -> Iterator[Shop]:
    own = tmp_path / "models"
    gguf_small.model(own / "long.gguf", LONG, general__license="mit", general__description=LONG)
    gguf_small.model(own / "tools.gguf", "Birch", tokenizer__chat_template=gguf_small.TOOLS)
    gguf_small.model(tmp_path / "drive" / "dogwood.gguf", "Dogwood")
    gguf_small.model(own / "run.gguf", "a_name_without_any_pause_" * 4)
    made = run(open_shop(tmp_path, hub=fake.url, folders=[str(tmp_path / "drive")]))
    run(made.play(opened(made)))
    yield made
    run(made.desk.close())
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    settle()


async def opened(shop: Shop) -> None:
    await shop.open()
    await until(lambda: "Dogwood" in shop.names())


async def in_look(shop: Shop, theme: str, size: float, width: int) -> None:
    shop.desk.window.resize(width, 700)
    shop.desk.window.set_appearance(theme, size)
    await until(lambda: not shop.desk.services.tasks.running)
    await until(lambda: "Dogwood" in shop.names())
    await asyncio.sleep(0.05)


def assert_nothing_is_cut(shop: Shop) -> None:
    page = shop.page
    inside = page.widget()
    assert inside is not None
    assert inside.minimumSizeHint().width() <= page.viewport().width()
    for label in page.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
    for control in page.findChildren(QWidget):
        is_meant = isinstance(control, QAbstractButton | QComboBox | QLineEdit)
        if is_meant and control.isVisible() and not isinstance(control.parentWidget(), QLineEdit):
            right = control.mapTo(inside, QPoint(control.width(), 0)).x()
            assert right <= page.viewport().width(), control.objectName()
            assert control.height() >= control.minimumSizeHint().height(), control.objectName()
            assert control.accessibleName() or getattr(control, "text", str)()


@pytest.mark.parametrize(("theme", "size"), [("light", 1.0), ("dark", 2.0)])
def test_nothing_is_cut_in_the_narrowest_window(
    run: Run, shop: Shop, theme: str, size: float
) -> None:
    async def scenario() -> None:
        await in_look(shop, theme, size, 420)
        for name in (LONG, "a_name_without_any_pause_" * 4):
            shop.page.library.list.setCurrentIndex(shop.index(name))
            await asyncio.sleep(0.05)
            assert_nothing_is_cut(shop)
        shop.press("modelsMoreTab")
        await shop.files(TINY)
        await until(lambda: not shop.desk.services.tasks.running)  # and all are judged
        await asyncio.sleep(0.05)
        assert_nothing_is_cut(shop)
        shop.press("modelsServersTab")
        await until(lambda: "Asking" not in shop.texts("serversView"))
        await asyncio.sleep(0.05)
        assert_nothing_is_cut(shop)

    run(shop.play(scenario()))


def test_the_page_of_a_repository_is_opened_beside_the_context_where_there_is_room(
    run: Run, shop: Shop
) -> None:
    async def scenario() -> None:
        await in_look(shop, "light", 1.0, 1080)
        await shop.files(TINY)
        line = shop.part(JudgedContext, "")
        link, box = shop.button("repoPageButton"), shop.part(QComboBox, "judgedContext")
        assert abs(link.geometry().center().y() - box.geometry().center().y()) <= 2
        assert link.x() >= box.geometry().right()
        line.setFixedWidth(box.width() + 20)
        await until(lambda: link.y() > box.geometry().bottom())
        titles = shop.texts("finderResults")
        assert titles.index("Tiny-Q4_K_M") < titles.index("mmproj"), "what one looks for is first"

    run(shop.play(scenario()))


def test_right_to_left_the_page_is_mirrored(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        back = shop.button("modelsBackButton")
        usual = back.icon().pixmap(16, 16).toImage()
        application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        await in_look(shop, "light", 1.0, 1080)
        back = shop.button("modelsBackButton")
        turned = back.icon().pixmap(16, 16).toImage()
        assert turned == usual.transformed(QTransform().scale(-1, 1))
        assert turned != usual
        for label in shop.page.findChildren(QLabel):
            if label.isVisible() and label.wordWrap():
                assert label.alignment() & Qt.AlignmentFlag.AlignRight, label.text()

    run(shop.play(scenario()))


def test_changing_between_the_views_moves_nothing_sideways(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await in_look(shop, "light", 1.0, 1080)
        before = shop.button("modelsHereTab").mapTo(shop.page, QPoint(0, 0)).x()
        bar = shop.page.verticalScrollBar()
        shop.desk.window.resize(1080, 480)
        await until(bar.isVisible)
        shop.press("modelsServersTab")
        await until(lambda: not bar.isVisible())
        await asyncio.sleep(0.05)
        assert shop.button("modelsHereTab").mapTo(shop.page, QPoint(0, 0)).x() == before

    run(shop.play(scenario()))


def test_what_cannot_be_loaded_looks_like_it_and_the_reason_is_said_once(
    run: Run, shop: Shop
) -> None:
    async def scenario() -> None:
        await shop.choose("Dogwood")
        load = shop.button("loadModelButton")
        bright = load.grab().toImage().pixelColor(6, load.height() // 2)
        shutil.rmtree(shop.home / "drive")
        await until(lambda: not load.isEnabled())
        await asyncio.sleep(0.05)
        assert load.grab().toImage().pixelColor(6, load.height() // 2) != bright
        assert shop.part(QLabel, "librarySummary").text().count(str(shop.home / "drive")) == 1

    run(shop.play(scenario()))


def test_a_row_says_what_a_model_can_do_and_where_it_lies(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        said = str(shop.index("Birch").data(MORE))
        assert said.startswith("chat template · tools · ")
        assert said.endswith(row_words.place(shop.home / "models"))
        assert said in str(shop.index("Birch").data(Qt.ItemDataRole.AccessibleTextRole))
        assert " · mit · " in str(shop.index(LONG).data(MORE))

    run(shop.play(scenario()))


def test_a_place_is_short_and_its_end_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert row_words.place(Path("/home/ada/models")) == "~/models"
    assert row_words.place(Path("/media/drive")) == "/media/drive"
    far = Path("/media/a-drive-of-some-length/and/a/folder/that/goes/on/models")
    assert row_words.place(far) == "…/and/a/folder/that/goes/on/models"
    near = Path("/home/ada/a/very/long/way/to/somewhere/that/is/far/models")
    assert row_words.place(near).startswith("~/…/")
    assert row_words.place(near).endswith("/far/models")
    model = LibraryModel(far / "a.gguf", (far / "a.gguf",), "A", Kind.CHAT, last_used=NOW)
    assert row_words.more(model, NOW).startswith("used today · …/")


def test_what_could_not_be_asked_is_asked_again_by_one_press(
    run: Run, shop: Shop, fake: FakeHub
) -> None:
    async def scenario() -> None:
        endpoint = shop.desk.settings.settings.hub.endpoint
        shop.desk.settings.settings.hub.endpoint = "http://127.0.0.1:9"
        await shop.search("tiny")
        await until(lambda: shop.shows("finderAgainButton"))
        shop.desk.settings.settings.hub.endpoint = endpoint
        shop.button("finderAgainButton").setFocus()
        shop.press("finderAgainButton")
        await until(lambda: TINY in shop.texts("finderResults"))
        assert shop.note == ""
        assert not shop.shows("finderAgainButton")

    run(shop.play(scenario()))


def test_of_the_details_what_is_shown_as_a_whole_is_in_the_table(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.choose("Birch")
        shop.more("All details…")
        found = shop.desk.window.findChildren
        await until(lambda: any(one.isVisible() for one in found(DetailsDialog)))
        dialog = next(one for one in found(DetailsDialog) if one.isVisible())
        nothing = dialog.findChild(QLabel, "detailsNothing")
        assert nothing is not None
        dialog.search.setText("template")
        assert "tools" in dialog.whole.toPlainText()
        dialog.search.setText("xylophone")
        assert nothing.isVisible()
        assert dialog.whole.toPlainText() == ""
        dialog.search.clear()
        assert not nothing.isVisible()
        assert dialog.whole.toPlainText()
        dialog.accept()

    run(shop.play(scenario()))
