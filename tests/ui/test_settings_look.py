"""The page of the settings in every look: small, large, mirrored, by keys alone, restyled."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from app.ui.settings.table import SECTIONS
from tests.ui.conftest import Desk, Run, until
from tests.ui.settings_use import Panel, is_shown

NAMES = [section.name for section in SECTIONS]
CONTROLS = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit)


@pytest.fixture
def panel(desk: Desk) -> Panel:
    return Panel(desk)


@pytest.fixture
def mirrored() -> Iterator[None]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    application.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


async def in_look(panel: Panel, theme: str, text_size: float, width: int) -> None:
    panel.desk.window.resize(width, 640)
    panel.desk.window.set_appearance(theme, text_size)
    await until(lambda: not panel.desk.services.tasks.running)


def controls(panel: Panel) -> list[QWidget]:
    return [
        one
        for one in panel.page.findChildren(QWidget)
        if isinstance(one, CONTROLS)
        and one.isVisible()
        and one.isEnabled()
        and one.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(one.parentWidget(), QLineEdit | QComboBox)
    ]


@pytest.mark.parametrize(("theme", "size"), [("light", 1.0), ("dark", 2.0)])
def test_nothing_is_cut_in_the_narrowest_window(
    run: Run, panel: Panel, theme: str, size: float
) -> None:
    async def scenario() -> None:
        models = panel.desk.settings.settings.models
        models.folders = ("/a/very/long/path/" + "without-an-end" * 8,)
        await in_look(panel, theme, size, 420)
        await panel.open()
        assert not is_shown(panel.desk, "section-general")
        choice = panel.part(QComboBox, "settingsSectionChoice")
        for name in NAMES:
            choice.setCurrentIndex(choice.findData(name))
            choice.activated.emit(choice.currentIndex())
            await until(lambda: not panel.desk.services.tasks.running)
            await asyncio.sleep(0.02)
            room = panel.page.area.viewport().width()
            inside = panel.page.area.widget()
            assert inside is not None
            assert inside.minimumSizeHint().width() <= room, name
            assert inside.width() == room
            for label in panel.page.findChildren(QLabel):
                if label.isVisible() and label.wordWrap():
                    assert label.height() >= label.heightForWidth(label.width()), label.text()
            for control in controls(panel):
                right = control.mapTo(panel.desk.window, QPoint(control.width(), 0)).x()
                assert right <= panel.desk.window.width(), control.objectName()
                least = control.minimumSizeHint()
                assert control.width() >= least.width(), control.objectName()
                scrolls = isinstance(control, QPlainTextEdit)
                assert scrolls or control.height() >= least.height(), control.objectName()

    run(panel.play(scenario()))


def test_the_sections_stand_beside_the_settings_where_there_is_room(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await in_look(panel, "light", 1.0, 1280)
        await panel.open("models")
        sections = panel.part(QWidget, "settingsSections")
        assert sections.isVisible()
        assert not panel.part(QComboBox, "settingsSectionChoice").isVisible()
        before = panel.page.area.mapTo(panel.page, QPoint(0, 0)).x()
        assert before >= sections.geometry().right()
        panel.line("hub.endpoint").setFocus()
        panel.desk.window.resize(500, 640)
        await until(lambda: panel.part(QComboBox, "settingsSectionChoice").isVisible())
        assert panel.part(QComboBox, "settingsSectionChoice").currentText() == "Models"
        assert panel.desk.window.focusWidget() is panel.line("hub.endpoint")
        panel.desk.window.resize(1280, 640)
        await until(lambda: is_shown(panel.desk, "section-models"))

    run(panel.play(scenario()))


def test_right_to_left_the_page_is_mirrored(run: Run, mirrored: None, panel: Panel) -> None:
    async def scenario() -> None:
        await in_look(panel, "light", 1.0, 1280)
        await panel.open("chat")
        sections = panel.part(QWidget, "settingsSections")
        area = panel.page.area
        assert sections.geometry().left() >= area.geometry().right()
        row = panel.row("chat.temperature")
        assert panel.line("chat.temperature").mapTo(row, QPoint(0, 0)).x() < row.width() / 2
        name = row.findChildren(QLabel)[0]
        assert name.text() == "Temperature"
        assert name.alignment() & Qt.AlignmentFlag.AlignRight

    run(panel.play(scenario()))


@pytest.mark.parametrize("name", [*NAMES, "what a search finds"])
def test_every_control_has_a_name_and_is_reached_by_tab_in_the_order_of_the_eye(
    run: Run, panel: Panel, name: str
) -> None:
    async def scenario() -> None:
        settings = panel.desk.settings.settings
        settings.models.folders = ("/one", "/two")
        settings.providers.fallback = ("a:b", "c:d")
        await in_look(panel, "light", 1.0, 1080)
        await panel.open("privacy")  # so that the sections are not made in their order
        if name in NAMES:
            panel.page.show_section(name)
        else:
            panel.page.search.setText("e")
        panel.desk.window.activateWindow()
        await until(lambda: panel.desk.window.isActiveWindow())
        await until(lambda: not panel.desk.services.tasks.running)
        wanted = controls(panel)
        for control in wanted:
            assert control.accessibleName() or getattr(control, "text", str)(), control.objectName()
        panel.page.search.setFocus()
        visited: list[QWidget] = []
        while True:
            focused = QApplication.focusWidget()
            assert focused is not None
            if focused in visited or not panel.page.isAncestorOf(focused):
                break
            visited.append(focused)
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        missed = {one.objectName() for one in wanted} - {one.objectName() for one in visited}
        unreached = {each for each in missed if not each.startswith("section-")}  # by arrow keys
        assert unreached <= {"settingsBackButton"}
        rows = [one for one in visited if panel.page.area.isAncestorOf(one)]
        inside = panel.page.area.widget()
        assert inside is not None
        tops = [one.mapTo(inside, QPoint(0, 0)).y() for one in rows]
        # Controls of one row may stand some pixels above each other.
        assert all(before <= after + 40 for before, after in pairwise(tops))

    run(panel.play(scenario()))


def test_the_whole_page_is_used_by_keys_alone(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await in_look(panel, "light", 1.0, 1080)
        window = panel.desk.window
        window.activateWindow()
        await until(lambda: window.isActiveWindow())
        await panel.open()

        def press(key: Qt.Key, times: int = 1) -> None:
            for _ in range(times):
                focused = QApplication.focusWidget()
                assert focused is not None
                QTest.keyClick(focused, key)

        press(Qt.Key.Key_Tab)  # to the sections
        press(Qt.Key.Key_Down, 4)
        assert "chat.temperature" in panel.seen()
        press(Qt.Key.Key_Tab, 2)  # past the prompt
        focused = QApplication.focusWidget()
        assert focused is panel.line("chat.temperature")
        press(Qt.Key.Key_Up)
        assert panel.desk.settings.settings.chat.temperature == 0.9
        QTest.keyClick(focused, Qt.Key.Key_Backtab)
        assert QApplication.focusWidget() is panel.button("reset-chat.temperature")
        press(Qt.Key.Key_Space)
        assert panel.desk.settings.settings.chat.temperature == 0.8
        assert QApplication.focusWidget() is panel.line("chat.temperature")
        press(Qt.Key.Key_Escape)
        assert not panel.is_open

    run(panel.play(scenario()))


def test_another_look_leaves_the_person_where_they_were(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await in_look(panel, "light", 1.0, 900)
        await panel.open("chat")
        await asyncio.sleep(0.05)
        bar = panel.page.area.verticalScrollBar()
        panel.line("chat.seed").setFocus()
        bar.setValue(bar.maximum() // 2)
        top = panel.page.place().top
        before = panel.page
        panel.desk.window.set_appearance("dark", 1.25)
        assert panel.page is not before
        assert panel.page.isVisibleTo(panel.desk.window.shell), "without a moment of something else"
        await until(lambda: not panel.desk.services.tasks.running)
        await asyncio.sleep(0.05)
        assert panel.is_open
        assert "chat.seed" in panel.seen()
        assert panel.desk.window.focusWidget() is panel.line("chat.seed")
        assert panel.page.place().top == top
        assert not is_shown(panel.desk, "composer")

    run(panel.play(scenario()))


def test_the_look_is_chosen_on_the_page_itself(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("general")
        panel.page.search.setText("appearance")
        box = panel.choice("appearance.theme")
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_End)  # dark is the last
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.desk.window.theme.name == "dark"
        assert panel.page.search.text() == "appearance"
        assert panel.desk.window.focusWidget() is panel.choice("appearance.theme")
        panel.choose("appearance.text_size", 1.5)
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.desk.window.theme.metric("ui_font") == 21
        assert panel.desk.settings.settings.appearance.theme == "dark"
        panel.button("reset-appearance.text_size").click()
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.desk.window.theme.metric("ui_font") == 14
        assert panel.is_open
        panel.button("settingsBackButton").click()
        await asyncio.sleep(0.05)
        assert not panel.is_open

    run(panel.play(scenario()))


def test_who_has_left_the_page_is_not_brought_back(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        await panel.open("general")
        panel.desk.window.set_appearance("dark", 1.0)
        QTest.keyClick(panel.page, Qt.Key.Key_Escape)
        await until(lambda: not panel.desk.services.tasks.running)
        assert not panel.is_open
        panel.desk.window.set_appearance("light", 1.0)
        await until(lambda: not panel.desk.services.tasks.running)
        assert not is_shown(panel.desk, "settingsPage")

    run(panel.play(scenario()))


def test_a_page_that_is_opened_while_the_look_changes_stays_open(run: Run, panel: Panel) -> None:
    async def scenario() -> None:
        panel.desk.window.set_appearance("dark", 1.0)
        await panel.open("general")  # before the chat has been shown in the new look
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.is_open

    run(panel.play(scenario()))
