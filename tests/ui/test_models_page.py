"""The models on this disk: listed, sorted, searched, renamed, looked at and compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QListView, QTableWidget

from app import gguf
from app.ui.library.details_dialog import DetailsDialog
from tests.fakes import gguf_small
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, open_shop

MIB = 1 << 20


@pytest.fixture
def shop(run: Run, tmp_path: Path) -> Iterator[Shop]:
    """Three models of the person's own, one of LM Studio's, and one on another drive."""
    own = tmp_path / "models"
    gguf_small.model(
        own / "alder.gguf",
        "Alder 7B",
        tokenizer__chat_template=gguf_small.THINKING,
        llama__context_length=32_768,
        general__license="apache-2.0",
        general__file_type=7,
    )
    gguf_small.model(own / "birch.gguf", "Birch", architecture="qwen3", qwen3__context_length=4096)
    gguf_small.adapter(own / "german.gguf")
    gguf_small.model(tmp_path / ".lmstudio/models/them/Cedar/cedar.gguf", "Cedar")
    gguf_small.model(tmp_path / "drive" / "dogwood.gguf", "Dogwood")
    made = run(open_shop(tmp_path, folders=[str(tmp_path / "drive")]))
    run(made.play(opened(made)))
    yield made
    run(made.desk.close())
    settle()


async def opened(shop: Shop) -> None:
    await shop.open()
    await until(lambda: "Dogwood" in shop.names())


def test_a_row_and_the_card_say_what_is_known(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        library = shop.desk.services.library
        assert library is not None
        library.library.used(shop.home / "models" / "alder.gguf")
        (shop.home / "models" / "touched").write_bytes(b"")
        await shop.choose("Alder 7B")
        await until(lambda: shop.card().get("Last used") == "today")
        size = (shop.home / "models" / "alder.gguf").stat().st_size / 1000
        facts, state = shop.row("Alder 7B")
        assert facts == f"llama · 128 · Q8_0 · {size:.1f} kB · 32,768 tokens · reasoning"
        assert state == "fits"
        card = shop.card()
        assert card.pop("Size") == f"{size:.1f} kB"
        assert card == {
            "Kind": "chat model",
            "Architecture": "llama",
            "Parameters": "128",
            "Quantisation": "Q8_0",
            "Trained context": "32,768 tokens",
            "Features": "chat template, reasoning",
            "Licence": "apache-2.0",
            "Last used": "today",
            "Fits here": "fits",
            "Lies in": str(shop.home / "models"),
        }
        assert "LM Studio" in shop.row("Cedar")[0]
        assert shop.row("german")[1] == "adapter (LoRA)"

    run(shop.play(scenario()))


def test_the_list_is_sorted_filtered_and_searched(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        mine = ["Alder 7B", "Birch", "Cedar", "Dogwood", "german"]
        assert [name for name in shop.names() if name in mine] == mine
        shop.pick("libraryOrder", "Longest context first")
        shown = [name for name in shop.names() if name in mine]
        assert shown[:2] == ["Alder 7B", "Birch"]
        shop.pick("libraryKind", "Adapters")
        assert shop.names() == ["german"]
        shop.pick("libraryKind", "With reasoning")
        assert shop.names() == ["Alder 7B"]
        shop.pick("libraryKind", "All kinds")
        shop.pick("libraryProgram", "LM Studio")
        assert shop.names() == ["Cedar"]
        shop.pick("libraryProgram", "Yours")
        assert "Cedar" not in shop.names()
        shop.pick("libraryProgram", "Everybody's")
        shop.type("librarySearch", "qwen3 bir")
        assert shop.names() == ["Birch"]
        assert shop.part(QLabel, "librarySummary").text().startswith("1 model, ")
        shop.type("librarySearch", "nothing of that name")
        assert shop.part(QLabel, "libraryEmpty").text() == "Nothing here is like that."
        assert not shop.shows("modelCard")

    run(shop.play(scenario()))


def test_the_chosen_model_stays_chosen_while_the_list_changes(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.choose("Birch")
        shop.pick("libraryOrder", "Largest first")
        gguf_small.model(shop.home / "models" / "aspen.gguf", "Aspen")
        await until(lambda: "Aspen" in shop.names())
        assert shop.part(QLabel, "modelCardName").text() == "Birch"
        chosen = shop.page.library.chosen()
        assert chosen is not None
        assert chosen.name == "Birch"

    run(shop.play(scenario()))


def test_a_name_is_changed_by_key_and_kept_and_given_back(run: Run, shop: Shop) -> None:
    def kept() -> dict[str, str]:
        names: dict[str, str] = json.loads(shop.desk.settings.path.read_text())["models"]["names"]
        return names

    async def scenario() -> None:
        file = str(shop.home / "models" / "birch.gguf")
        await shop.choose("Birch")
        rows = shop.part(QListView, "libraryList")
        rows.setFocus()
        QTest.keyClick(rows, Qt.Key.Key_F2)
        assert shop.part(QLineEdit, "modelNameEditor").selectedText() == "Birch"
        shop.type("modelNameEditor", "  My   tree ", end=True)
        await until(lambda: "My tree" in shop.names())
        assert kept() == {file: "My tree"}
        assert "Birch" not in shop.names()
        assert shop.part(QLabel, "modelCardName").text() == "My tree"
        assert rows.hasFocus()
        QTest.keyClick(rows, Qt.Key.Key_F2)
        shop.type("modelNameEditor", "Not this")
        QTest.keyClick(shop.part(QLineEdit, "modelNameEditor"), Qt.Key.Key_Escape)
        await asyncio.sleep(0.1)
        assert kept() == {file: "My tree"}
        shop.more("Rename…")
        shop.type("modelNameEditor", "", end=True)
        await until(lambda: "Birch" in shop.names())
        assert kept() == {}

    run(shop.play(scenario()))


class Opener(QObject):
    """Stands for the system's file manager."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(url.toLocalFile())


def test_the_folder_of_a_model_is_opened(run: Run, shop: Shop) -> None:
    opener = Opener()
    QDesktopServices.setUrlHandler("file", opener, "take")  # type: ignore[arg-type]

    async def scenario() -> None:
        await shop.choose("Cedar")
        shop.more("Open its folder")
        assert opener.opened == [str(shop.home / ".lmstudio/models/them/Cedar")]

    try:
        run(shop.play(scenario()))
    finally:
        QDesktopServices.unsetUrlHandler("file")


def test_the_details_have_every_key_of_the_file(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.choose("Alder 7B")
        shop.more("All details…")
        await until(lambda: shop.shows("modelDetails"))
        dialog = shop.desk.window.findChildren(DetailsDialog)[-1]
        table = dialog.table
        header = gguf.read(shop.home / "models" / "alder.gguf")
        shown = {_cell(table, row, 0) for row in range(table.rowCount())}
        assert shown == set(header.metadata)
        dialog.search.setText("chat_template")
        rows = [row for row in range(table.rowCount()) if not table.isRowHidden(row)]
        assert [_cell(table, row, 0) for row in rows] == ["tokenizer.chat_template"]
        table.setCurrentCell(rows[0], 0)
        assert dialog.whole.toPlainText() == gguf_small.THINKING
        copy = next(
            one for one in dialog.findChildren(QObject) if one.objectName() == "copyDetailsButton"
        )
        copy.click()  # type: ignore[attr-defined]
        assert "general.license = apache-2.0" in QGuiApplication.clipboard().text()
        dialog.accept()

    run(shop.play(scenario()))


def _cell(table: QTableWidget, row: int, column: int) -> str:
    item = table.item(row, column)
    return item.text() if item is not None else ""


def test_files_that_are_there_twice_are_found(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        models = shop.home / "models"
        (models / "copy.gguf").write_bytes((models / "birch.gguf").read_bytes())
        await until(lambda: shop.names().count("Birch") == 2)
        shop.press("findDuplicatesButton")
        await until(lambda: "could be freed" in shop.texts("duplicateFiles"))
        text = shop.texts("duplicateFiles")
        assert str(models / "copy.gguf") in text
        assert str(models / "birch.gguf") in text
        assert "2 times" in text
        assert shop.button("findDuplicatesButton").text() == "Find duplicates"

    run(shop.play(scenario()))


def test_the_search_for_duplicates_shows_how_far_it_is_and_can_be_stopped(
    run: Run, shop: Shop
) -> None:
    async def scenario() -> None:
        models = shop.home / "models"
        for name in ("one", "two"):
            gguf_small.model(models / f"{name}.gguf", "Large")
            with (models / f"{name}.gguf").open("ab") as file:
                file.truncate(128 * MIB)  # without taking room on the disk
        await until(lambda: shop.names().count("Large") == 2)
        note = shop.page.library.space._note
        shop.press("findDuplicatesButton")
        assert shop.button("findDuplicatesButton").text() == "Find duplicates"
        await until(lambda: "%" in note.text())
        assert shop.button("findDuplicatesButton").text() == "Stop looking"
        shop.press("findDuplicatesButton")
        await until(lambda: not shop.desk.services.tasks.running)
        assert shop.button("findDuplicatesButton").text() == "Find duplicates"
        assert note.isHidden()
        assert not shop.shows("duplicateFiles")
        shop.press("findDuplicatesButton")  # and begun again
        await until(lambda: shop.button("findDuplicatesButton").text() == "Stop looking")
        await until(lambda: "could be freed" in note.text())

    run(shop.play(scenario()))


def test_what_changes_on_the_disk_appears_by_itself(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        new = gguf_small.model(shop.home / "models" / "elm.gguf", "Elm")
        await until(lambda: "Elm" in shop.names())
        new.unlink()
        await until(lambda: "Elm" not in shop.names())

    run(shop.play(scenario()))


def test_the_models_of_an_unplugged_drive_are_grey_until_it_is_back(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        drive = shop.home / "drive"
        await shop.choose("Dogwood")
        away = drive.rename(shop.home / "unplugged")
        await until(lambda: "not there now" in shop.row("Dogwood")[1])
        assert not shop.button("loadModelButton").isEnabled()
        assert shop.card()["Trouble"] == "Its drive or folder is not there now."
        shop.press("deleteModelButton")
        await until(lambda: "Connect its drive first" in shop.said)
        away.rename(drive)
        await until(lambda: shop.row("Dogwood")[1] == "fits")
        assert shop.button("loadModelButton").isEnabled()

    run(shop.play(scenario()))
