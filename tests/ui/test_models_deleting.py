"""Models are loaded from the list and deleted from it, with a way back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QListView, QMessageBox

from app.llm.state import Phase
from app.schema import ModelInfo, ModelRef
from tests.adapters.library_use import OllamaStore
from tests.fakes import gguf_small
from tests.fakes.provider import FakeProvider
from tests.ui.conftest import Run, settle, until
from tests.ui.models_use import Shop, open_shop


@pytest.fixture
def local(tmp_path: Path) -> FakeProvider:
    """In place of llama.cpp."""
    files = [tmp_path / "models" / name for name in ("alder.gguf", "birch.gguf")]
    return FakeProvider(
        models=[ModelInfo(ModelRef("local", str(file)), file.stem.title()) for file in files]
    )


@pytest.fixture
def shop(run: Run, tmp_path: Path, local: FakeProvider) -> Iterator[Shop]:
    """Two models of the person's own, and one of LM Studio's, before a window that can load."""
    gguf_small.model(tmp_path / "models" / "alder.gguf", "Alder")
    gguf_small.model(tmp_path / "models" / "birch.gguf", "Birch")
    gguf_small.model(tmp_path / ".lmstudio/models/them/Cedar/cedar.gguf", "Cedar")
    made = run(open_shop(tmp_path, local=local))
    run(made.play(opened(made)))
    yield made
    run(made.desk.close())
    settle()


async def opened(shop: Shop) -> None:
    await shop.open()
    await until(lambda: "Birch" in shop.names())


async def load(shop: Shop, name: str) -> None:
    """By the button of the card."""
    await shop.choose(name)
    shop.press("loadModelButton")
    manager = shop.desk.services.manager
    await until(lambda: manager.state.phase is Phase.READY)
    await until(lambda: not shop.is_open)


def test_a_model_is_loaded_by_enter_and_then_in_use(
    run: Run, shop: Shop, local: FakeProvider
) -> None:
    async def scenario() -> None:
        await shop.choose("Birch")
        QTest.keyClick(shop.part(QListView, "libraryList"), Qt.Key.Key_Return)
        file = str(shop.home / "models" / "birch.gguf")
        await until(lambda: local.loaded == file)
        await until(lambda: not shop.is_open)  # the chat is there
        await shop.open()
        await until(lambda: shop.row("Birch")[1] == "in use")
        await shop.choose("Birch")
        assert shop.button("loadModelButton").text() == "In use"
        assert not shop.button("loadModelButton").isEnabled()
        await shop.desk.services.manager.unload()
        await until(lambda: shop.row("Birch")[1] == "fits")

    run(shop.play(scenario()))


def test_the_delete_key_deletes_and_the_toast_brings_back(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        file = shop.home / "models" / "birch.gguf"
        before = file.read_bytes()
        await shop.choose("Birch")
        rows = shop.part(QListView, "libraryList")
        QTest.keyClick(rows, Qt.Key.Key_Delete)
        await until(lambda: "Birch" not in shop.names())
        assert not file.exists()
        size = f"{len(before)} B"
        toast = shop.desk.window.shell.toast
        assert f"Deleted “Birch”, {size}" in [
            label.accessibleName() for label in toast.findChildren(QLabel)
        ]
        assert f"{size} are freed when Hearth starts next." in shop.texts("deletedModels")
        assert rows.hasFocus()
        assert shop.page.library.chosen() is not None  # the next one: the keys go on
        shop.press("undoButton")
        await until(lambda: "Birch" in shop.names())
        assert file.read_bytes() == before
        assert not shop.shows("deletedModels")

    run(shop.play(scenario()))


def _is_gone(shop: Shop, name: str) -> bool:
    return name not in shop.names()


def test_the_row_below_the_list_brings_back_one_after_the_other(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        for name in ("Alder", "Birch"):
            await shop.choose(name)
            shop.press("deleteModelButton")
            await until(partial(_is_gone, shop, name))
        assert "Deleted: “Alder”, “Birch”" in shop.texts("deletedModels")
        shop.press("undoDeleteButton")
        await until(lambda: "Birch" in shop.names())
        assert "Deleted: “Alder”" in shop.texts("deletedModels")
        shop.press("undoDeleteButton")
        await until(lambda: "Alder" in shop.names())
        assert not shop.shows("deletedModels")

    run(shop.play(scenario()))


def test_undo_in_two_places_at_once_is_one_undo(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.choose("Birch")
        shop.press("deleteModelButton")
        await until(lambda: shop.shows("deletedModels"))
        shop.press("undoDeleteButton")
        shop.press("undoButton")
        await until(lambda: "Birch" in shop.names())
        assert shop.said == ""

    run(shop.play(scenario()))


def test_what_was_deleted_is_freed_at_once_when_wanted(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        await shop.choose("Birch")
        shop.press("deleteModelButton")
        await until(lambda: shop.shows("deletedModels"))
        shop.press("freeNowButton")
        await until(lambda: "are free again" in shop.said)
        assert not shop.shows("deletedModels")
        assert [path.name for path in (shop.home / "models").iterdir()] == ["alder.gguf"]

    run(shop.play(scenario()))


def test_the_loaded_model_is_unloaded_before_it_is_deleted(
    run: Run, shop: Shop, local: FakeProvider
) -> None:
    async def scenario() -> None:
        file = shop.home / "models" / "birch.gguf"
        await load(shop, "Birch")
        there_at_unload: list[bool] = []
        unload = local.unload

        async def noted() -> None:
            there_at_unload.append(file.exists())
            await unload()

        local.unload = noted  # type: ignore[method-assign]
        await shop.open()
        await shop.choose("Birch")
        shop.press("deleteModelButton")
        await until(lambda: not file.exists())
        assert there_at_unload[:1] == [True]
        assert local.loaded is None

    run(shop.play(scenario()))


def test_another_programs_model_goes_only_after_a_plain_warning(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        file = shop.home / ".lmstudio/models/them/Cedar/cedar.gguf"
        await shop.choose("Cedar")
        assert shop.button("deleteModelButton").text() == "Delete…"
        shop.press("deleteModelButton")
        await until(lambda: any(box.isVisible() for box in boxes(shop)))
        box = shop.question()
        assert "That frees " in box.text()
        assert "belongs to LM Studio" in box.informativeText()
        assert box.defaultButton().text() == "Keep it"
        shop.answer("Keep it")
        await asyncio.sleep(0.05)
        assert file.exists()
        shop.press("deleteModelButton")
        await until(lambda: any(box.isVisible() for box in boxes(shop)))
        shop.answer("Delete")
        await until(lambda: not file.exists())
        await until(lambda: "Cedar" not in shop.names())
        shop.press("undoDeleteButton")
        await until(file.exists)

    run(shop.play(scenario()))


def boxes(shop: Shop) -> list[QMessageBox]:
    return shop.desk.window.findChildren(QMessageBox)


def test_a_model_of_ollama_stays_and_the_way_to_delete_it_is_said(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        store = OllamaStore(shop.home / ".ollama" / "models")
        weights = store.blob((shop.home / "models" / "birch.gguf").read_bytes())
        store.manifest("registry.ollama.ai/library/tiny/latest", {"model": weights})
        await shop.open()  # the disk is looked at again
        await until(lambda: "tiny:latest" in shop.names())
        await shop.choose("tiny:latest")
        shop.press("deleteModelButton")
        await until(lambda: "ollama rm tiny" in shop.said)
        assert store.path(weights).exists()

    run(shop.play(scenario()))


def test_the_model_that_ships_with_hearth_cannot_be_deleted(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        shipped = next(model for model in shop.models() if model.is_shipped)
        await shop.choose(shipped.name)
        assert not shop.shows("deleteModelButton")
        QTest.keyClick(shop.part(QListView, "libraryList"), Qt.Key.Key_Delete)
        await until(lambda: "comes with Hearth and stays" in shop.said)
        assert shipped.path.exists()

    run(shop.play(scenario()))


def test_what_only_helps_another_model_cannot_be_loaded(run: Run, shop: Shop) -> None:
    async def scenario() -> None:
        gguf_small.adapter(shop.home / "models" / "german.gguf")
        await shop.choose("german")
        assert not shop.button("loadModelButton").isEnabled()
        QTest.keyClick(shop.part(QListView, "libraryList"), Qt.Key.Key_Return)
        await asyncio.sleep(0.05)
        assert shop.is_open
        assert shop.desk.services.manager.state.phase is Phase.NOTHING

    run(shop.play(scenario()))
