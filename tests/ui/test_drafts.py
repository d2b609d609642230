"""What is written and not sent yet is never lost."""

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QPushButton,
    QToolButton,
    QWidget,
)

from app.ui.chat.composer import Editor
from app.ui.chat.message import UserMessage
from tests.ui.conftest import Desk, Run, until
from tests.ui.window_use import choose_model, say, transcript


def test_drafts_stay_with_their_chats(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await say(desk, "a subject of its own")
        await desk.idle()
        kept = desk.chat_id
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "half a thought")
        desk.find(QPushButton, "newChatButton").click()
        await until(lambda: desk.chat_id is None)
        assert editor.toPlainText() == ""
        assert kept is not None
        desk.window.shell.chats.chat_chosen.emit(kept)
        await until(lambda: editor.toPlainText() == "half a thought")

    run(scenario())


def test_what_a_new_chat_holds_is_there_again(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await say(desk, "a subject of its own")
        await desk.idle()
        kept = desk.chat_id
        assert kept is not None
        new = desk.find(QPushButton, "newChatButton")
        new.click()
        await until(lambda: desk.chat_id is None)
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "the beginning of")
        new.click()
        await asyncio.sleep(0.05)
        assert editor.toPlainText() == "the beginning of"
        desk.window.shell.chats.chat_chosen.emit(kept)
        await until(lambda: desk.chat_id == kept)
        assert editor.toPlainText() == ""
        desk.window.set_appearance("dark", 1.0)
        await until(lambda: desk.chat_id == kept)
        desk.find(QPushButton, "newChatButton").click()
        await until(lambda: desk.chat_id is None)
        await until(lambda: desk.find(Editor, "composer").toPlainText() == "the beginning of")

    run(scenario())


def test_what_was_written_before_an_edit_comes_back(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await say(desk, "question one")
        await desk.idle()
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "half a thought")
        edit = transcript(desk).views[0].findChild(QToolButton, "editButton")
        assert edit is not None
        edit.click()
        QTest.keyClick(editor, Qt.Key.Key_Escape)
        assert editor.toPlainText() == "half a thought"
        edit.click()
        assert editor.toPlainText() == "question one"
        QTest.keyClick(editor, Qt.Key.Key_Return)
        await until(lambda: len(desk.provider.requests) == 2)
        await desk.idle()
        assert editor.toPlainText() == "half a thought"

    run(scenario())


def test_a_chat_that_is_left_at_once_gets_its_message(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await say(desk, "a subject of its own")
        await desk.idle()
        first = desk.chat_id
        assert first is not None
        desk.find(QPushButton, "newChatButton").click()
        await until(lambda: desk.chat_id is None)
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "sent and left")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        desk.window.shell.chats.chat_chosen.emit(first)
        await until(lambda: len(desk.provider.requests) == 2)
        await desk.idle()
        assert desk.chat_id == first
        assert transcript(desk).toPlainText() == "a subject of its own\n\nok"
        chats = await desk.services.store.chats()
        texts = [m.text for m in await desk.services.store.messages(chats[0].id)]
        assert texts == ["sent and left", "ok"]

    run(scenario())


def test_a_two_megabyte_paste_is_a_parcel_and_is_sent_whole(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        QGuiApplication.clipboard().setText("x" * 2_000_000)
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "look at this: ")
        editor.paste()
        assert editor.toPlainText() == "look at this: "
        parcel = desk.find(QWidget, "pastedText")
        await until(parcel.isVisible)
        desk.find(QToolButton, "removePastedText").click()
        await asyncio.sleep(0.02)
        assert desk.window.findChild(QWidget, "pastedText") is None
        editor.paste()
        await say(desk, "")
        await until(lambda: desk.provider.requests)
        await desk.idle()
        assert len(desk.provider.requests[0].messages[0].text) > 2_000_000
        user = transcript(desk).views[0]
        assert isinstance(user, UserMessage)
        assert len(user.body.toPlainText()) < 10_000
        assert len(user.text()) > 2_000_000

    run(scenario())
