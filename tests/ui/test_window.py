"""The window as a person uses it: keys, clicks, and what is seen afterwards."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListView,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.chats.records import State
from app.errors import ContextOverflow, ModelFileError, StorageError
from app.llm.state import Phase
from app.schema import FinishReason, ModelRef
from app.ui.chat.composer import Editor
from app.ui.chat.message import AssistantMessage, UserMessage
from app.ui.chat.transcript import Transcript
from app.ui.header import ModelPicker
from app.ui.welcome import WelcomePage
from tests.fakes.provider import INFO
from tests.ui.conftest import Desk, Run, open_desk, until


async def choose_model(desk: Desk) -> None:
    desk.find(ModelPicker, "modelPicker").model_chosen.emit(str(INFO.ref))
    await until(lambda: desk.services.manager.state.phase is Phase.READY)
    await asyncio.sleep(0.05)


async def say(desk: Desk, text: str) -> None:
    editor = desk.find(Editor, "composer")
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    await until(lambda: editor.toPlainText() == "")
    await asyncio.sleep(0.02)


def transcript(desk: Desk) -> Transcript:
    return desk.find(Transcript, "transcript")


def answers(desk: Desk) -> list[AssistantMessage]:
    return [view for view in transcript(desk).views if isinstance(view, AssistantMessage)]


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
        await asyncio.sleep(0.1)
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
