"""What a person does in the window, in the words of the tests."""

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.llm.state import Phase
from app.ui.chat.composer import Editor
from app.ui.chat.message import AssistantMessage
from app.ui.chat.transcript import Transcript
from app.ui.header import ModelPicker
from tests.fakes.provider import INFO
from tests.ui.conftest import Desk, until


async def choose_model(desk: Desk) -> None:
    desk.find(ModelPicker, "modelPicker").model_chosen.emit(str(INFO.ref))
    await until(lambda: desk.services.manager.state.phase is Phase.READY)
    await asyncio.sleep(0.05)


async def say(desk: Desk, text: str) -> None:
    editor = desk.find(Editor, "composer")
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    await until(lambda: editor.toPlainText() == "")
    await until(lambda: desk.services.tasks.running == 0)  # it is in the chat
    await asyncio.sleep(0.02)


def transcript(desk: Desk) -> Transcript:
    return desk.find(Transcript, "transcript")


def answers(desk: Desk) -> list[AssistantMessage]:
    return [view for view in transcript(desk).views if isinstance(view, AssistantMessage)]
