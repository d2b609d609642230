"""The page of the settings: opened, searched, set, refused, reset, kept, and left."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu

from tests.ui.conftest import Desk, Run, open_desk, until
from tests.ui.settings_use import Panel, is_shown, kept, until_kept


@pytest.fixture
def panel(desk: Desk) -> Panel:
    return Panel(desk)


def test_the_menu_and_a_key_open_the_page_and_esc_leaves_it(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        menu = panel.desk.find(QMenu, "mainMenu")
        entry = next(one for one in menu.actions() if one.text().startswith("Settings…"))
        assert entry.text().endswith("Ctrl+,")
        entry.trigger()
        assert panel.is_open
        assert not is_shown(panel.desk, "composer")
        assert panel.page.search.hasFocus() or not panel.desk.window.isActiveWindow()
        QTest.keyClicks(panel.page.search, "theme")
        assert panel.seen() == ["appearance.theme"]
        QTest.keyClick(panel.page.search, Qt.Key.Key_Escape)
        assert panel.is_open, "Esc clears the search first"
        assert panel.page.search.text() == ""
        assert len(panel.seen()) > 3
        QTest.keyClick(panel.page.search, Qt.Key.Key_Escape)
        assert not panel.is_open
        assert is_shown(panel.desk, "composer")
        await panel.open()
        panel.button("settingsBackButton").click()
        assert not panel.is_open

    run(panel.play(scenario()))


def test_a_search_looks_into_all_sections_and_says_when_nothing_matches(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        await panel.open("about")
        said = panel.part(QLabel, "settingsFound")
        panel.page.search.setText("folder")
        assert {"data-folder", "models.folders", "models.download_folder"} <= set(panel.seen())
        assert f"{len(panel.seen())} settings found." == said.text()
        assert is_shown(panel.desk, "settings-general")
        assert not is_shown(panel.desk, "settings-about")
        panel.page.search.setText("bandwidth")
        assert panel.seen() == ["hub.speed_limit"]
        assert said.text() == "1 setting found."
        panel.page.search.setText("xylophone")
        assert panel.seen() == []
        assert "Nothing matches “xylophone”" in said.text()
        panel.button("section-chat").click()  # leads out of the search
        assert panel.page.search.text() == ""
        assert "chat.temperature" in panel.seen()
        assert not said.isVisible()

    run(panel.play(scenario()))


def test_what_is_right_is_kept_and_what_is_wrong_is_said_as_it_is_typed(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        chat = panel.desk.settings.settings.chat
        await panel.open("chat")
        assert panel.wrong("chat.temperature") == ""
        panel.type("chat.temperature", "9")
        assert panel.wrong("chat.temperature") == "Not kept: it must be at most 5."
        assert panel.line("chat.temperature").property("invalid")
        assert "at most 5" in panel.line("chat.temperature").accessibleDescription()
        assert chat.temperature == 0.8
        panel.type("chat.temperature", "1,25")
        assert panel.wrong("chat.temperature") == ""
        assert not panel.line("chat.temperature").property("invalid")
        assert chat.temperature == 1.25
        panel.type("chat.top_k", "many")
        assert panel.wrong("chat.top_k") == "Not kept: write a whole number."
        panel.type("chat.seed", "99999999999")
        assert "at most 4,294,967,295" in panel.wrong("chat.seed")
        panel.type("chat.seed", "7")
        assert chat.seed == 7
        panel.type("chat.seed", "")
        assert chat.seed is None
        assert panel.line("chat.seed").placeholderText() == "a new one each time"
        panel.type("chat.temperature", "inf")
        assert "write a number" in panel.wrong("chat.temperature")
        panel.text("chat.system_prompt").setPlainText("Be brief.\nBe kind.")
        panel.text("chat.stop").setPlainText("END\n\\nUser:\n")
        assert chat.stop == ("END", "\nUser:")
        await until_kept(panel.desk, "chat", "system_prompt", "Be brief.\nBe kind.")
        assert kept(panel.desk)["chat"]["temperature"] == 1.25
        assert kept(panel.desk)["chat"]["top_k"] == 40

    run(panel.play(scenario()))


def test_typing_does_not_write_the_file_at_each_key(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("models")
        panel.type("hub.endpoint", "https://hub.example")
        assert panel.desk.settings.settings.hub.endpoint == "https://hub.example"
        assert not panel.desk.settings.path.exists()
        QTest.keyClick(panel.page.search, Qt.Key.Key_Escape)  # leaving writes at once
        await until_kept(panel.desk, "hub", "endpoint", "https://hub.example")

    run(panel.play(scenario()))


def test_what_was_just_set_is_kept_when_the_window_closes(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = await open_desk(tmp_path)
        panel = Panel(desk)
        await panel.open("chat")
        panel.type("chat.top_k", "7")
        await desk.close()
        assert kept(desk)["chat"]["top_k"] == 7

    run(scenario())


def test_a_file_that_cannot_be_written_is_told_in_the_banner(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        panel.desk.settings.path.mkdir()  # a folder where the file should be
        await panel.open("chat")
        panel.type("chat.top_k", "7")
        await until(lambda: panel.desk.window.shell.banner.text())
        assert "could not be saved" in panel.desk.window.shell.banner.text()
        panel.desk.settings.path.rmdir()

    run(panel.play(scenario()))


def test_reset_appears_where_something_was_changed_and_takes_it_back(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        await panel.open("chat")
        assert not panel.can_reset("chat.top_p")
        panel.type("chat.top_p", "0.5")
        assert panel.can_reset("chat.top_p")
        assert panel.button("reset-chat.top_p").accessibleName() == "Reset: Top p"
        height = panel.row("chat.top_p").sizeHint().height()
        panel.type("chat.top_p", "2")
        assert panel.wrong("chat.top_p")
        panel.button("reset-chat.top_p").click()
        assert panel.line("chat.top_p").text() == "0.95"
        assert panel.wrong("chat.top_p") == ""
        assert not panel.can_reset("chat.top_p")
        assert panel.row("chat.top_p").sizeHint().height() == height, "nothing moves"
        assert panel.desk.settings.settings.chat.top_p == 0.95

    run(panel.play(scenario()))


def test_arrow_keys_change_a_number_and_the_wheel_leaves_a_choice_alone(
    run: Run, panel: Panel
) -> None:
    async def scenario() -> None:
        await panel.open("chat")
        line = panel.line("chat.temperature")
        QTest.keyClick(line, Qt.Key.Key_Up)
        assert line.text() == "0.9"
        for _ in range(3):
            QTest.keyClick(line, Qt.Key.Key_Down)
        assert panel.desk.settings.settings.chat.temperature == 0.6
        panel.button("section-general").click()
        box = panel.choice("appearance.theme")
        before = box.currentIndex()
        middle = QPointF(box.rect().center())
        event = QWheelEvent(
            middle,
            QPointF(box.mapToGlobal(middle.toPoint())),
            QPoint(0, 0),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QGuiApplication.sendEvent(box, event)
        assert box.currentIndex() == before

    run(panel.play(scenario()))


def test_speed_is_shown_in_megabytes(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("models")
        assert panel.line("hub.speed_limit").text() == ""
        panel.type("hub.speed_limit", "2.5")
        assert panel.desk.settings.settings.hub.speed_limit == 2_500_000
        panel.page.show_values()
        assert panel.line("hub.speed_limit").text() == "2.5"
        panel.type("hub.speed_limit", "-1")
        assert "at least 0" in panel.wrong("hub.speed_limit")
        panel.type("hub.speed_limit", "")
        assert panel.desk.settings.settings.hub.speed_limit == 0

    run(panel.play(scenario()))


def test_a_file_or_folder_is_chosen_or_typed(run: Run, panel: Panel, tmp_path: Path) -> None:
    async def scenario() -> None:
        await panel.open("models")
        line = panel.line("models.download_folder")
        await until(lambda: line.placeholderText() == str(tmp_path / "models"))
        panel.button("choose-models.download_folder").click()
        dialog = panel.part(QFileDialog, "chooseDialog")
        dialog.fileSelected.emit(str(tmp_path))
        dialog.reject()
        assert panel.desk.settings.settings.models.download_folder == str(tmp_path)
        panel.type("hub.ca_file", str(tmp_path / "none.pem"))
        assert panel.wrong("hub.ca_file") == "Not kept: there is no such file."
        panel.type("hub.proxy", "http://me:word@proxy:1")
        assert "holds a password" in panel.wrong("hub.proxy")
        assert panel.desk.settings.settings.hub.proxy != "http://me:word@proxy:1"

    run(panel.play(scenario()))
