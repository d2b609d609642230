"""Choosing, opening, loading and unloading a model in the window."""

import asyncio
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.errors import ModelFileError
from app.llm.state import Phase
from app.schema import ModelRef
from app.ui.chat.composer import Editor
from app.ui.header import ModelPicker
from tests.fakes.provider import INFO
from tests.ui.conftest import Desk, Run, until
from tests.ui.window_use import choose_model


def test_without_a_model_the_message_waits(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "hello")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        banner = desk.window.shell.banner
        assert "Choose a model first" in banner.text()
        assert editor.toPlainText() == "hello"
        desk.find(QPushButton, "bannerAction").click()
        dialog = desk.find(QFileDialog, "openModelDialog")
        assert dialog.isVisible()
        dialog.reject()
        await asyncio.sleep(0.05)
        assert banner.text() == ""

    run(scenario())


def test_a_selected_model_is_loaded_when_somebody_begins_to_write(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.services.manager.select(INFO.ref)
        assert "not loaded" in desk.find(ModelPicker, "modelPicker").accessibleName()
        desk.window.activateWindow()
        desk.find(Editor, "composer").setFocus()
        await asyncio.sleep(0.05)
        QTest.keyClicks(desk.find(Editor, "composer"), "h")
        await until(lambda: desk.services.manager.state.phase is Phase.READY)

    run(scenario())


def test_loading_shows_its_progress_and_can_be_cancelled(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.provider.load_hold = asyncio.Event()
        desk.find(ModelPicker, "modelPicker").model_chosen.emit(str(INFO.ref))
        bar = desk.find(QProgressBar, "loadProgress")
        await until(lambda: bar.value() == 430)
        assert bar.isVisible()
        assert desk.find(QLabel, "loadText").text() == "Loading Fake 7B, 43%"
        desk.find(QPushButton, "cancelLoadButton").click()
        await until(lambda: desk.services.manager.state.phase is Phase.IDLE)
        await asyncio.sleep(0.05)
        assert not bar.isVisible()

    run(scenario())


def test_a_failed_load_is_a_sentence_with_a_remedy(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.provider.load_error = ModelFileError("It is broken.", "Fetch it again.", "tensor x")
        desk.find(ModelPicker, "modelPicker").model_chosen.emit(str(INFO.ref))
        banner = desk.window.shell.banner
        await until(lambda: banner.text() == "It is broken. Fetch it again.")
        assert desk.find(QPushButton, "bannerAction").text() == "Open another file…"
        desk.find(QPushButton, "bannerDetailsButton").click()
        assert desk.find(QWidget, "bannerDetails").isVisible()
        desk.find(QPushButton, "bannerCopyButton").click()
        assert QGuiApplication.clipboard().text().endswith("tensor x")
        desk.find(QToolButton, "bannerClose").click()
        assert banner.text() == ""

    run(scenario())


def test_a_fallback_template_is_announced(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.provider.notice = "This model has no chat template."
        await choose_model(desk)
        assert desk.window.shell.banner.text() == "This model has no chat template."

    run(scenario())


def test_unload_and_choose_again(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        assert desk.provider.loaded
        desk.find(ModelPicker, "modelPicker").unload_wanted.emit()
        await until(lambda: desk.provider.loaded is None)
        assert "not loaded" in desk.find(ModelPicker, "modelPicker").accessibleName()
        assert desk.settings.settings.models.selected == str(INFO.ref)

    run(scenario())


def test_a_dropped_model_is_opened_and_anything_else_explained(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    async def scenario() -> None:
        def drop(file: Path) -> None:
            data = QMimeData()
            data.setUrls([QUrl.fromLocalFile(str(file))])
            event = QDropEvent(
                QPointF(400, 300),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
            desk.window.dropEvent(event)

        drop(tmp_path / "picture.png")
        assert "not a model file" in desk.window.shell.banner.text()
        loaded: list[ModelRef] = []
        original = desk.services.manager.load

        async def load(ref: ModelRef) -> None:
            loaded.append(ref)
            await original(INFO.ref)

        desk.services.manager.load = load  # type: ignore[method-assign]
        drop(tmp_path / "it's “odd” 🦜.gguf")
        await until(lambda: loaded)
        assert loaded[0] == ModelRef("local", str(tmp_path / "it's “odd” 🦜.gguf"))
        await until(lambda: desk.services.manager.state.phase is Phase.READY)
        await asyncio.sleep(0.05)

    run(scenario())
