"""Asking and answering in the window: sending, stopping, versions, edits, errors."""

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QLabel,
    QListView,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.chats.records import State
from app.errors import ContextOverflow, StorageError
from app.llm.state import Phase
from app.schema import FinishReason
from app.ui.chat.composer import Editor
from app.ui.header import ModelPicker
from app.ui.welcome import WelcomePage
from tests.ui.conftest import Desk, Run, open_desk, until
from tests.ui.window_use import answers, choose_model, say, transcript


def test_a_first_conversation(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        welcome = desk.find(WelcomePage, "welcomePage")
        assert welcome.isVisible()
        found = desk.find(QPushButton, "foundModelButton")
        assert "Fake 7B" in found.text()
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)
        await until(lambda: desk.services.manager.state.phase is Phase.READY)
        await asyncio.sleep(0.05)
        picker = desk.find(ModelPicker, "modelPicker")
        assert picker.text() == "Fake 7B · Q4_K_M · 4.1 GB"
        assert "Context 4,096" in picker.toolTip()
        desk.provider.enqueue("Hello ", "**there**", "!")
        await say(desk, "Hi you")
        await desk.idle()
        assert not welcome.isVisible()
        assert transcript(desk).toPlainText() == "Hi you\n\nHello **there**!"
        answer = answers(desk)[0]
        assert answer.body.toPlainText() == "Hello there!"
        figures = answer.findChild(QLabel, "figures")
        assert figures is not None
        assert "10 prompt tokens · 3 generated" in figures.text()
        assert figures.text().endswith("finished")
        meter = desk.find(QWidget, "contextMeter")
        assert meter.accessibleName() == "Context: 13 of 4,096 tokens"
        chats = desk.find(QListView, "chatList").model()
        assert [chats.index(row, 0).data() for row in range(chats.rowCount())] == [
            "Today",
            "Hello there!",
        ]

    run(scenario())


def test_the_stop_button_and_escape_stop(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        for key in (False, True):
            desk.provider.enqueue("Once ", "upon ", hold=asyncio.Event())
            await say(desk, "Tell me")
            stop = desk.find(QToolButton, "stopButton")
            send = desk.find(QToolButton, "sendButton")
            await until(lambda: answers(desk)[-1].text() == "Once upon ")
            assert stop.isVisible()
            assert not send.isVisible()
            if key:
                QTest.keyClick(desk.find(Editor, "composer"), Qt.Key.Key_Escape)
            else:
                QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
            await desk.idle()
            assert send.isVisible()
            assert not stop.isVisible()
            last = answers(desk)[-1]
            assert last.message.state is State.STOPPED
            assert last.body.toPlainText() == "Once upon"
            figures = last.findChild(QLabel, "figures")
            assert figures is not None
            assert figures.text().endswith("stopped")
        assert desk.provider.closed_streams == 2

    run(scenario())


def test_what_is_written_while_an_answer_runs_stays(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        hold = asyncio.Event()
        desk.provider.enqueue("…", hold=hold)
        await say(desk, "first")
        editor = desk.find(Editor, "composer")
        QTest.keyClicks(editor, "second")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        assert editor.toPlainText() == "second"
        hold.set()
        await desk.idle()
        assert editor.toPlainText() == "second"
        QTest.keyClick(editor, Qt.Key.Key_Return)
        await until(lambda: len(desk.provider.requests) == 2)
        await desk.idle()
        assert [m.text for m in desk.provider.requests[1].messages] == ["first", "…", "second"]

    run(scenario())


def test_the_prompts_progress_is_a_percentage(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue(progress=[(0, 100), (43, 100)], hold=asyncio.Event())
        await say(desk, "long")
        await until(lambda: "43%" in answers(desk)[-1]._waiting.text())
        assert answers(desk)[-1]._waiting.text() == "Reading your prompt, 43%"
        assert answers(desk)[-1]._waiting.isVisible()
        await desk.services.conversations.aclose()
        await desk.idle()

    run(scenario())


def test_regenerate_keeps_the_answer_before_as_a_version(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("one")
        await say(desk, "count please")
        await desk.idle()
        desk.provider.enqueue("two")
        again = answers(desk)[0].findChild(QToolButton, "regenerateButton")
        assert again is not None
        again.click()
        await until(lambda: [a.text() for a in answers(desk)] == ["two"])
        await desk.idle()
        earlier = answers(desk)[0].findChild(QToolButton, "earlierVersion")
        assert earlier is not None
        earlier.click()
        await until(lambda: [a.text() for a in answers(desk)] == ["one"])
        later = answers(desk)[0].findChild(QToolButton, "laterVersion")
        assert later is not None
        assert later.isEnabled()

    run(scenario())


def test_editing_a_message_asks_again_and_keeps_the_branch(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("answer one")
        await say(desk, "question one")
        await desk.idle()
        user = transcript(desk).views[0]
        edit = user.findChild(QToolButton, "editButton")
        assert edit is not None
        edit.click()
        editor = desk.find(Editor, "composer")
        assert editor.toPlainText() == "question one"
        assert desk.find(QWidget, "editBar").isVisible()
        QTest.keyClick(editor, Qt.Key.Key_Escape)
        assert editor.toPlainText() == ""
        edit.click()
        editor.selectAll()
        desk.provider.enqueue("answer two")
        await say(desk, "question two")
        await desk.idle()
        assert transcript(desk).toPlainText() == "question two\n\nanswer two"
        back = transcript(desk).views[0].findChild(QToolButton, "earlierVersion")
        assert back is not None
        back.click()
        await until(lambda: transcript(desk).toPlainText() == "question one\n\nanswer one")

    run(scenario())


def test_copy_takes_the_message_as_it_was_written(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("a **bold** word\n\n```python\nx = 1\n```")
        await say(desk, "please")
        await desk.idle()
        copy = answers(desk)[0].findChild(QToolButton, "copyButton")
        assert copy is not None
        copy.click()
        assert QGuiApplication.clipboard().text() == "a **bold** word\n\n```python\nx = 1\n```"
        code = answers(desk)[0].findChild(QToolButton, "copyCodeButton")
        assert code is not None
        code.click()
        assert QGuiApplication.clipboard().text() == "x = 1"
        assert code.text() == "Copied"
        answers(desk)[0].body.selectAll()
        answers(desk)[0].body.copy()
        assert "bold word" in QGuiApplication.clipboard().text()

    run(scenario())


def test_an_overflow_offers_to_leave_out_the_oldest(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        desk.provider.context = 50
        await choose_model(desk)
        await say(desk, "a first question")
        await desk.idle()
        desk.provider.enqueue(error=ContextOverflow(70, 50))
        await say(desk, "b" * 30)
        await desk.idle()
        note = answers(desk)[-1].findChild(QWidget, "messageNote")
        assert note is not None
        assert note.isVisible()
        remedy = answers(desk)[-1].findChild(QPushButton, "remedyButton")
        assert remedy is not None
        assert remedy.text() == "Leave out the oldest messages"
        desk.provider.enqueue("fits now")
        remedy.click()
        await until(lambda: answers(desk)[-1].text() == "fits now")
        await desk.idle()
        sent = [message.text for message in desk.provider.requests[-1].messages]
        assert sent == ["b" * 30]
        assert "oldest messages" in answers(desk)[-1].message.note
        assert transcript(desk).toPlainText().startswith("a first question")

    run(scenario())


def test_a_failed_answer_can_be_asked_again(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("half", error=StorageError("It broke.", "Try again."))
        await say(desk, "please")
        await desk.idle()
        assert answers(desk)[-1].text() == "half"
        again = answers(desk)[-1].findChild(QPushButton, "noteAgainButton")
        assert again is not None
        assert again.isVisible()
        again.click()
        await until(lambda: answers(desk)[-1].text() == "ok")
        await desk.idle()
        assert answers(desk)[-1].message.reason is FinishReason.STOP

    run(scenario())


def test_a_history_that_cannot_be_written_gives_the_text_back(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        await desk.database.run(lambda c: c.execute("PRAGMA max_page_count = 1").fetchone())
        editor = desk.find(Editor, "composer")
        text = "precious " * 2000
        editor.setPlainText(text)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        await until(lambda: "disk is full" in desk.window.shell.banner.text())
        assert editor.toPlainText() == text
        assert desk.provider.requests == []
        editor.clear()

    run(scenario())


def test_an_answer_goes_on_while_another_chat_is_read(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        hold = asyncio.Event()
        desk.provider.enqueue("begun ", hold=hold)
        await say(desk, "a long story")
        running = desk.chat_id
        assert running is not None
        chats = desk.window.shell.chats.chats
        await until(
            lambda: (
                "answering" in str(chats.index_of(running).data(Qt.ItemDataRole.AccessibleTextRole))
            )
        )
        desk.find(QPushButton, "newChatButton").click()
        await until(lambda: desk.chat_id is None)
        assert not desk.find(QToolButton, "stopButton").isVisible()
        desk.window.shell.chats.chat_chosen.emit(running)
        await until(lambda: desk.chat_id == running)
        assert answers(desk)[0].text() == "begun "
        assert desk.find(QToolButton, "stopButton").isVisible()
        hold.set()
        await desk.idle()
        assert answers(desk)[0].message.state is State.COMPLETE

    run(scenario())


def test_an_answer_that_is_opened_begins_with_its_beginning(run: Run, desk: Desk) -> None:
    async def scenario() -> None:
        await choose_model(desk)
        desk.provider.enqueue("# Beginning\n\n" + "word word word\n\n" * 60)
        await say(desk, "a subject of its own")
        await desk.idle()
        kept = desk.chat_id
        await desk.controllers._chat.show(None)
        await desk.controllers._chat.show(kept)
        await asyncio.sleep(0.1)
        body = answers(desk)[0].body
        assert body.height() >= body.document().size().height() - 1
        assert body.verticalScrollBar().value() == 0
        assert body.verticalScrollBar().maximum() == 0

    run(scenario())


def test_long_chats_open_with_their_end_and_the_rest_on_demand(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = await open_desk(tmp_path)
        await choose_model(desk)
        store = desk.services.store
        from app.chats.records import Ending

        chat = await store.add_chat()
        parent = None
        for number in range(60):
            _, answer = await store.add_question(chat.id, parent, f"question {number}", "m")
            await store.end(
                answer.id, f"answer {number}\n\n" + "text " * 80, Ending(State.COMPLETE)
            )
            parent = answer.id
        await desk.controllers._chat.show(chat.id)
        view = transcript(desk)
        bar = view.verticalScrollBar()
        await until(lambda: bar.value() == bar.maximum() > 0)
        assert view.views[-1].text().startswith("answer 59")
        await asyncio.sleep(0.3)
        assert len(view.views) < 60, "the rest waits"
        assert bar.value() == bar.maximum()
        for _ in range(60):
            bar.setValue(0)
            await asyncio.sleep(0.02)
            if view.views[0].text() == "question 0":
                break
        assert view.views[0].text() == "question 0"
        assert len(view.views) == 120
        await desk.close()

    run(scenario())
