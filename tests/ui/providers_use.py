"""A window beside a computer on which an Ollama runs, and what a person does there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QMenu, QPushButton, QWidget

from app.chats.records import State
from app.schema import FoundServer
from app.ui.chat.message import AssistantMessage
from app.ui.header import ModelPicker
from app.ui.provider_dialog import ProviderDialog
from tests.fakes.servers.http import FakeServer
from tests.fakes.servers.ollama import Ollama
from tests.ui.conftest import WIDGET, Desk, open_desk, until
from tests.ui.window_use import answers


def part(dialog: ProviderDialog, kind: type[WIDGET], name: str) -> WIDGET:
    found = dialog.findChild(kind, name)
    assert found is not None, name
    return found


class Place:
    """A window beside a computer on which an Ollama runs."""

    def __init__(self, desk: Desk, server: FakeServer, ollama: Ollama) -> None:
        self.desk = desk
        self.server = server
        self.ollama = ollama

    def button(self, name: str) -> QPushButton:
        found = [one for one in self.desk.window.findChildren(QPushButton, name) if one.isVisible()]
        assert found, name
        return found[0]

    def shown(self, name: str) -> bool:
        return any(one.isVisible() for one in self.desk.window.findChildren(QWidget, name))

    def texts(self, name: str) -> str:
        labels = self.desk.find(QWidget, name).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if not label.isHidden())

    def dialogs(self) -> list[ProviderDialog]:
        return self.desk.window.findChildren(ProviderDialog, "providerDialog")

    def dialog(self) -> ProviderDialog:
        return self.dialogs()[-1]

    def entry(self, *path: str) -> QAction:
        """An entry of the model's menu, by the beginnings of the texts that lead to it."""
        menu = self.desk.find(QMenu, "modelMenu")
        found = QAction()
        for text in path:
            menu.aboutToShow.emit()
            fitting = [one for one in menu.actions() if one.text().startswith(text)]
            if not fitting:
                raise LookupError(text)
            found = fitting[0]
            menu = found.menu()  # type: ignore[assignment]
        return found

    def has_entry(self, *path: str) -> bool:
        try:
            self.entry(*path)
        except LookupError:
            return False
        return True

    async def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        """A scenario to its end, and what it has set going in the window too."""
        await scenario
        await until(lambda: not self.desk.services.tasks.running)

    async def answered(self) -> AssistantMessage:
        """The last answer, when it has ended."""
        await until(lambda: answers(self.desk))
        await until(lambda: answers(self.desk)[-1].message.state is not State.STREAMING)
        await self.desk.idle()
        return answers(self.desk)[-1]

    async def open_page(self) -> None:
        self.desk.find(ModelPicker, "modelPicker").providers_wanted.emit()
        await until(lambda: self.shown("providersPage"))
        await until(lambda: "Looking" not in self.texts("providersHere"))

    async def use(self, model: str) -> None:
        self.entry("Ollama", model).trigger()
        manager = self.desk.services.manager
        await until(lambda: manager.state.loaded and "ollama" in str(manager.state.ref))
        await asyncio.sleep(0.05)


async def make_place(home: Path) -> Place:
    server = FakeServer()
    ollama = Ollama(server)
    ollama.add("qwen3:8b")
    ollama.add("llama3.2:3b")
    await server.start()

    async def find_servers() -> list[FoundServer]:
        return [FoundServer("Ollama", server.url, "ollama", "0.33.0")]

    (home / "settings.json").write_text(json.dumps({"guide": {"bar": False}}))
    desk = await open_desk(home, find_servers=find_servers)
    place = Place(desk, server, ollama)
    await until(lambda: desk.services.manager.listings.get("ollama"))
    await until(lambda: desk.window.shell.banner.text())
    return place
