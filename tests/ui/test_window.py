"""The window itself: its chats, keys, sizes and looks."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.ui.chat.composer import Editor
from app.ui.chat.message import AssistantMessage
from tests.ui.conftest import Desk, Run, until
from tests.ui.window_use import answers, choose_model, say, transcript


def test_shift_enter_breaks_the_line_and_the_composer_grows(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        editor = desk.find(Editor, "composer")
        low = editor.height()
        QTest.keyClicks(editor, "one")
        QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        QTest.keyClicks(editor, "two")
        assert editor.toPlainText() == "one\ntwo"
        assert low < editor.height() < 2 * low + 20
        editor.insertPlainText("\n" * 60)
        assert editor.height() <= desk.window.height() * 0.4 + 1
        editor.setPlainText("")
        assert editor.height() == low
        QTest.keyClick(editor, Qt.Key.Key_Return)
        assert desk.provider.requests == [], "nothing is sent when there is nothing"
        assert not desk.find(QToolButton, "sendButton").isEnabled()

    run(scenario())


def test_chats_are_renamed_deleted_and_brought_back(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        for name in ("first subject here", "second subject here"):
            await say(desk, name)
            await desk.idle()
            desk.find(QPushButton, "newChatButton").click()
            await until(lambda: desk.chat_id is None)
        chats = desk.find(QListView, "chatList")
        model = chats.model()

        def titles() -> list[str]:
            return [model.index(row, 0).data() for row in range(model.rowCount())]

        await until(lambda: titles() == ["Today", "second subject here", "first subject here"])
        chats.setFocus()
        chats.setCurrentIndex(model.index(2, 0))
        QTest.keyClick(chats, Qt.Key.Key_F2)
        field = desk.find(QLineEdit, "renameField")
        field.setText("Renamed")
        QTest.keyClick(field, Qt.Key.Key_Return)
        await until(lambda: titles() == ["Today", "second subject here", "Renamed"])
        QTest.keyClick(chats, Qt.Key.Key_Return)
        await until(lambda: "first subject here" in transcript(desk).toPlainText())
        opened = desk.chat_id
        chats.setCurrentIndex(model.index(2, 0))
        QTest.keyClick(chats, Qt.Key.Key_Delete)
        await until(lambda: titles() == ["Today", "second subject here"])
        assert desk.chat_id is None
        toast = desk.find(QWidget, "toast")
        assert toast.isVisible()
        desk.find(QPushButton, "undoButton").click()
        await until(lambda: titles() == ["Today", "second subject here", "Renamed"])
        await until(lambda: desk.chat_id == opened)
        assert not toast.isVisible()

    run(scenario())


def test_the_look_changes_at_once_and_is_kept(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await say(desk, "a question that stays")
        await desk.idle()
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "draft")
        before = desk.window.grab().toImage().pixelColor(5, 5)
        desk.window.set_appearance("dark", 1.25)
        await until(lambda: "a question that stays" in transcript(desk).toPlainText())
        await until(lambda: desk.find(Editor, "composer").toPlainText() == "draft")
        after = desk.window.grab().toImage().pixelColor(5, 5)
        assert before.lightness() > 200
        assert after.lightness() < 60
        assert desk.settings.settings.appearance.theme == "dark"
        desk.window.step_text_size(1)
        assert desk.settings.settings.appearance.text_size == 1.5
        desk.window.step_text_size(0)
        assert desk.settings.settings.appearance.text_size == 1.0
        await until(lambda: desk.services.tasks.running == 0)  # the window is filled again
        await say(desk, " and it goes on")
        await desk.idle()
        assert len(answers(desk)) == 2

    run(scenario())


@pytest.mark.parametrize("text_size", [1.0, 2.0])
def test_nothing_on_the_welcome_page_is_cut(run: Run, desk: Desk, text_size: float) -> None:
    async def scenario() -> None:
        desk.window.resize(900, 800)
        desk.window.set_appearance("light", text_size)
        await until(lambda: desk.window.shell.findChild(QPushButton, "foundModelButton"))
        await asyncio.sleep(0.1)
        page = desk.window.shell.welcome
        for widget in (*page.findChildren(QLabel), *page.findChildren(QPushButton)):
            needed = max(widget.heightForWidth(widget.width()), widget.minimumSizeHint().height())
            assert not widget.isVisible() or widget.height() >= needed, widget.objectName()

    run(scenario())


@pytest.mark.parametrize("width", [420, 640, 1400])
def test_everything_has_its_place_in_every_width(run: Run, desk: Desk, width: int) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("word " * 300 + "\n\n```\n" + "x" * 400 + "\n```")
        await say(desk, "y" * 300)
        await desk.idle()
        desk.window.resize(width, 600)
        await asyncio.sleep(0.1)
        column = transcript(desk).widget()
        for view in transcript(desk).views:
            assert view.x() >= 0
            assert column is not None
            assert view.x() + view.width() <= column.width()
            assert view.body.width() <= 760
        sidebar = desk.find(QWidget, "sidebar")
        assert sidebar.isVisible() == (width >= 720)
        desk.find(QToolButton, "sidebarButton").click()
        assert sidebar.isVisible() != (width >= 720)
        composer = desk.find(Editor, "composer")
        right = composer.mapTo(desk.window, QPoint(composer.width(), 0)).x()
        assert right <= desk.window.width()

    run(scenario())


def test_every_control_has_a_name_and_is_reached_by_tab(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("text with [a link](https://example.org)\n\n```c\nint x;\n```")
        await say(desk, "a question")
        await desk.idle()
        await say(desk, "another one")
        await desk.idle()
        desk.window.activateWindow()
        await until(lambda: desk.window.isActiveWindow())
        controls = [
            widget
            for widget in desk.window.findChildren(QWidget)
            if widget.isVisible()
            and widget.isEnabled()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and isinstance(widget, (QToolButton, QPushButton, Editor, QListView))
        ]
        assert len(controls) >= 10
        for control in controls:
            name = control.accessibleName() or getattr(control, "text", str)()
            assert name, f"{control.objectName()} has no name"
        visited = set()
        desk.find(Editor, "composer").setFocus()
        for _ in range(80):
            focused = QApplication.focusWidget()
            assert focused is not None
            visited.add(focused)
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        missed = [control.objectName() for control in controls if control not in visited]
        assert not missed
        names = {widget.objectName() for widget in visited}
        assert {"composer", "modelPicker", "chatList", "newChatButton"} <= names
        assert any(isinstance(w.parent(), AssistantMessage) for w in visited), "answers are reached"

    run(scenario())


def test_shortcuts(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.window.activateWindow()
        await until(lambda: desk.window.isActiveWindow())
        await say(desk, "something to leave behind")
        await desk.idle()
        QTest.keyClick(desk.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: desk.chat_id is None)
        QTest.keyClick(desk.window, Qt.Key.Key_F1)
        dialog = desk.find(QWidget, "shortcutsDialog")
        assert dialog.isVisible()
        dialog.close()
        desk.window.activateWindow()
        await until(lambda: desk.window.isActiveWindow())
        QTest.keyClick(desk.window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
        assert not desk.find(QWidget, "sidebar").isVisible()
        asked = []
        desk.window.close_wanted.connect(lambda: asked.append(1))
        QTest.keyClick(desk.window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        assert asked
        assert desk.window.isVisible(), "the program closes it when everything is saved"

    run(scenario())


def test_a_bug_is_shown_with_details_to_copy(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.controllers.show_bug("Traceback: line 1")
        assert "Something in Hearth went wrong" in desk.window.shell.banner.text()
        desk.find(QPushButton, "bannerCopyButton").click()
        assert "Traceback: line 1" in QGuiApplication.clipboard().text()

    run(scenario())


def test_the_window_takes_its_place_again(run: Run, desk: Desk, tmp_path: Path) -> None:
    async def scenario() -> None:
        desk.window.restore_place(tmp_path / "nothing.json")
        assert desk.window.saved_draft() == ""
        desk.window.restore_place(tmp_path / "window.json")
        desk.window.resize(700, 600)
        QTest.keyClicks(desk.find(Editor, "composer"), "never sent")
        await until(lambda: desk.window.saved_draft() == "never sent")
        desk.window.resize(500, 500)
        desk.window.restore_place(tmp_path / "window.json")
        assert desk.window.size().width() == 700
        await choose_model(desk)
        await say(desk, " before")
        await desk.idle()
        assert desk.window.saved_draft() == "", "it was sent"

    run(scenario())
