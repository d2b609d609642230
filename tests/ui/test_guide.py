"""The first run: the starter, its questions, the way to a larger model, and Help."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QPushButton, QToolButton, QWidget

from app.llm.state import Phase
from app.schema import FoundServer, ModelInfo, ModelRef, Role
from app.ui.chat.composer import Editor
from app.ui.guide_bar import GuideBar
from app.ui.header import ModelPicker
from app.ui.library.page import ModelsPage
from app.ui.welcome import SUGGESTIONS
from tests.fakes.provider import INFO, FakeProvider
from tests.ui.conftest import Desk, Run, open_desk, settle, until
from tests.ui.window_use import answers

STARTER = ModelInfo(
    ModelRef("fake", "/program/starter.gguf"),
    "Starter",
    9_600_000,
    "Q8_0",
    description="Starter: explains Hearth; get a larger model for real work",
)
SERVERS = [
    FoundServer("Ollama", "http://127.0.0.1:11434"),
    FoundServer("LM Studio", "http://127.0.0.1:1234"),
]


async def find_servers() -> list[FoundServer]:
    return list(SERVERS)


async def open_first(home: Path) -> Desk:
    huge = ModelInfo(ModelRef("fake", "/models/huge.gguf"), "Huge 9000B", 10**15, "F16")
    provider = FakeProvider(models=[INFO, STARTER, huge])
    desk = await open_desk(home, provider, STARTER.ref, find_servers)
    await until(lambda: desk.services.manager.state.phase is Phase.READY)
    await until(lambda: shown(desk, "guideServersButton"))
    return desk


@pytest.fixture
def first(run: Run, tmp_path: Path) -> Iterator[Desk]:
    """The window of somebody who starts Hearth for the first time."""
    made = run(open_first(tmp_path))
    yield made
    run(made.close())
    settle()


def shown(desk: Desk, name: str) -> bool:
    return any(widget.isVisible() for widget in desk.window.findChildren(QWidget, name))


def button(desk: Desk, name: str) -> QPushButton:
    return desk.find(QPushButton, name)


def help_action(desk: Desk, text: str) -> QAction:
    menu = desk.find(QMenu, "helpMenu")
    return next(action for action in menu.actions() if action.text().startswith(text))


def page(desk: Desk) -> ModelsPage:
    return desk.find(ModelsPage, "modelsPage")


def test_the_starter_is_loaded_and_says_what_it_is(first: Desk) -> None:
    assert first.services.manager.state.ref == STARTER.ref
    picker = first.find(ModelPicker, "modelPicker")
    assert "Starter: explains Hearth; get a larger model for real work" in picker.accessibleName()
    assert first.settings.settings.models.selected == ""  # it moves with the program
    assert first.settings.settings.models.recent == ()
    assert not shown(first, "openModelButton")
    assert not shown(first, "loadProgress")
    assert first.find(Editor, "composer").hasFocus() or not first.window.isActiveWindow()


def test_a_suggested_question_is_asked_and_the_draft_stays(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        editor = first.find(Editor, "composer")
        QTest.keyClicks(editor, "half a thought")
        assert [button(first, f"suggestion{n}").text() for n in (1, 2, 3)] == list(SUGGESTIONS)
        first.provider.enqueue("It is a program.")
        button(first, "suggestion1").click()
        await until(lambda: answers(first) and answers(first)[0].text() == "It is a program.")
        await first.idle()
        (request,) = first.provider.requests
        assert [(m.role, m.text) for m in request.messages] == [(Role.USER, SUGGESTIONS[0])]
        assert editor.toPlainText() == "half a thought"
        assert not shown(first, "suggestion1")
        assert shown(first, "guideBar")

    run(scenario())


def test_the_questions_can_be_dismissed_and_come_back_in_help(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        button(first, "hideSuggestions").click()
        assert not shown(first, "suggestion1")
        assert shown(first, "guideBar")
        assert json.loads(first.settings.path.read_text())["guide"]["suggestions"] is False
        help_action(first, "Getting started").trigger()
        await asyncio.sleep(0.05)
        assert shown(first, "suggestion1")

    run(scenario())


def test_the_bar_can_be_dismissed_and_comes_back_in_help(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        first.find(QToolButton, "guideClose").click()
        assert not shown(first, "guideBar")
        assert shown(first, "suggestion1")
        assert json.loads(first.settings.path.read_text())["guide"]["bar"] is False
        help_action(first, "Getting started").trigger()
        await asyncio.sleep(0.05)
        assert shown(first, "guideBar")

    run(scenario())


def test_what_was_dismissed_stays_dismissed(run: Run, first: Desk, tmp_path: Path) -> None:
    first.find(QToolButton, "guideClose").click()
    button(first, "hideSuggestions").click()

    async def scenario() -> None:
        home = tmp_path / "again"
        home.mkdir()
        (home / "settings.json").write_text(first.settings.path.read_text())
        second = await open_desk(home, FakeProvider(models=[STARTER]), STARTER.ref)
        await until(lambda: second.services.manager.state.phase is Phase.READY)
        assert not shown(second, "guideBar")
        assert not shown(second, "suggestion1")
        await second.close()

    run(scenario())


def test_the_bar_leads_to_opening_a_file(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        button(first, "guideOpenButton").click()
        dialog = first.find(QFileDialog, "openModelDialog")
        assert dialog.isVisible()
        dialog.reject()
        await asyncio.sleep(0.05)

    run(scenario())


def test_the_bar_leads_to_the_models_that_fit(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        button(first, "guideModelsButton").click()
        await until(lambda: shown(first, "modelsPage"))
        assert not shown(first, "composer")
        assert not shown(first, "guideBar")
        await until(lambda: "of memory" in first.find(QLabel, "computerText").text())
        button(first, "modelsMoreTab").click()
        await until(lambda: page(first).findChildren(QPushButton, "shelfDownloadButton"))
        assert len(page(first).findChildren(QPushButton, "shelfDownloadButton")) >= 8
        QTest.keyClick(page(first), Qt.Key.Key_Escape)
        assert not shown(first, "modelsPage")
        assert shown(first, "composer")
        assert shown(first, "guideBar")

    run(scenario())


def test_another_model_ends_the_guide_until_help_is_asked(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        first.find(ModelPicker, "modelPicker").model_chosen.emit(str(INFO.ref))
        await until(lambda: first.services.manager.state.ref == INFO.ref)
        await until(lambda: first.services.manager.state.phase is Phase.READY)
        await until(lambda: first.settings.settings.models.selected == str(INFO.ref))
        assert not shown(first, "guideBar")
        assert not shown(first, "suggestion1")
        help_action(first, "Getting started").trigger()
        await asyncio.sleep(0.05)
        assert shown(first, "guideBar")
        button(first, "guideStarterButton").click()
        await until(lambda: first.services.manager.state.ref == STARTER.ref)
        await until(lambda: shown(first, "suggestion1"))
        await until(lambda: first.settings.settings.models.selected == "")
        assert not shown(first, "guideStarterButton")

    run(scenario())


def test_servers_that_were_found_are_shown(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        assert button(first, "guideServersButton").text() == "2 servers found"
        button(first, "guideServersButton").click()
        await until(lambda: shown(first, "providersPage"))
        button(first, "providersBackButton").click()
        await until(lambda: shown(first, "welcomePage"))
        help_action(first, "Servers").trigger()
        await until(lambda: shown(first, "providersPage"))
        await until(lambda: not first.services.tasks.running)

    run(scenario())


def test_another_chat_or_a_new_one_leaves_the_page(run: Run, first: Desk) -> None:
    async def scenario() -> None:
        help_action(first, "Models").trigger()
        await until(lambda: shown(first, "modelsPage"))
        QTest.keyClick(first.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: not shown(first, "modelsPage"))
        assert shown(first, "composer")

    run(scenario())


def test_the_guide_is_whole_at_the_largest_text_in_the_narrowest_window(
    run: Run, first: Desk
) -> None:
    async def scenario() -> None:
        first.window.set_appearance("dark", 2.0)
        first.window.resize(420, 600)
        await asyncio.sleep(0.1)
        await asyncio.sleep(0.05)
        bar = first.find(GuideBar, "guideBar")
        for name in ("guideModelsButton", "guideOpenButton"):
            one = button(first, name)
            assert one.isVisible()
            assert one.width() >= one.sizeHint().width() - 1, name
            assert one.geometry().right() <= bar.width()
        text = first.find(QLabel, "guideText")
        assert text.height() >= text.heightForWidth(text.width())
        last = button(first, "hideSuggestions")
        welcome = first.window.shell.welcome
        welcome.ensureWidgetVisible(last)
        await asyncio.sleep(0.05)
        assert not last.visibleRegion().isEmpty()
        for number in (1, 2, 3):
            one = button(first, f"suggestion{number}")
            assert one.width() >= one.minimumSizeHint().width(), one.text()
            widest = max(map(one.fontMetrics().horizontalAdvance, one.text().split("\n")))
            assert widest < one.width()
            assert one.height() >= one.sizeHint().height()
        assert "\n" in button(first, "suggestion3").text()

    run(scenario())


def test_the_models_page_is_whole_at_the_largest_text_in_the_narrowest_window(
    run: Run, first: Desk
) -> None:
    async def scenario() -> None:
        first.window.set_appearance("light", 2.0)
        first.window.resize(420, 600)
        await asyncio.sleep(0.1)
        help_action(first, "Models").trigger()
        await until(lambda: shown(first, "modelsPage"))
        await asyncio.sleep(0.05)
        inside = page(first).widget()
        assert inside is not None
        assert inside.minimumSizeHint().width() <= page(first).viewport().width()
        assert inside.width() == page(first).viewport().width()

    run(scenario())


def test_without_a_starter_the_way_is_shown_as_before(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        assert shown(desk, "openModelButton")
        assert shown(desk, "guideBar")
        assert not shown(desk, "suggestion1")
        help_action(desk, "Getting started").trigger()
        await asyncio.sleep(0.05)
        assert desk.services.manager.state.phase is Phase.NOTHING

    run(scenario())
