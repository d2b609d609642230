"""What a person does on the models page, in the words of the tests."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QWidget,
)

from app.library.records import LibraryModel
from app.llm.neighbours import FindServers
from app.llm.optimizer.survey import Surveys
from app.ui.library.model_list import FACTS, STATE
from app.ui.library.page import ModelsPage
from app.ui.words import GAP
from tests.fakes.provider import FakeProvider
from tests.ui.conftest import WIDGET, Desk, Run, open_desk, settle, until

QUICK = 0.05  # seconds between two looks at the disk, so that tests are short


class Shop:
    """A window whose models page is used."""

    def __init__(self, desk: Desk, home: Path) -> None:
        self.desk = desk
        self.home = home

    @property
    def page(self) -> ModelsPage:
        """That of the window's present shell."""
        return self.desk.window.shell.findChildren(ModelsPage, "modelsPage")[-1]

    @property
    def is_open(self) -> bool:
        return any(one.isVisible() for one in self.desk.window.shell.findChildren(ModelsPage))

    @property
    def said(self) -> str:
        """What the banner says; "" where it is hidden."""
        banner = self.desk.window.shell.banner
        return banner.text() if banner.isVisible() else ""

    async def open(self, tab: str = "") -> None:
        """By the menu, and then by the name of a tab."""
        menu = self.desk.window.shell.findChildren(QMenu, "mainMenu")[-1]
        next(one for one in menu.actions() if one.text() == "Models…").trigger()
        await until(lambda: self.is_open)
        if tab:
            self.press(tab)

    def part(self, kind: type[WIDGET], name: str) -> WIDGET:
        """A part of the page that is shown now; the first one of that name."""
        found = [one for one in self.page.findChildren(kind, name) if one.isVisible()]
        assert found, name
        return found[0]

    def shows(self, name: str) -> bool:
        found = self.desk.window.findChildren(QWidget, name)
        return any(one.isVisible() for one in found)

    def button(self, name: str, of: str = "") -> QAbstractButton:
        """A button that is shown, by its object name and a part of what a screen reader says."""
        found = [
            one
            for one in self.desk.window.findChildren(QAbstractButton, name)
            if one.isVisible() and of in one.accessibleName()
        ]
        assert found, (name, of)
        return found[0]

    def press(self, name: str, of: str = "") -> None:
        self.button(name, of).click()

    def texts(self, name: str) -> str:
        """All that is written inside a part."""
        labels = [
            label
            for part in self.page.findChildren(QWidget, name)
            if part.isVisible()
            for label in part.findChildren(QLabel)
        ]
        return "\n".join(whole(label.text()) for label in labels if label.isVisible())

    def models(self) -> Sequence[LibraryModel]:
        """Those in the list, in its order."""
        return self.page.library._model._models

    def names(self) -> list[str]:
        return [model.name for model in self.models()]

    def index(self, name: str) -> QModelIndex:
        return self.page.library._model.index(self.names().index(name))

    def row(self, name: str) -> tuple[str, str]:
        """What a row says of a model: its facts, and its state."""
        index = self.index(name)
        return str(index.data(FACTS)), str(index.data(STATE))

    async def choose(self, name: str) -> None:
        """A press on a row of the list."""
        await until(lambda: name in self.names())
        view = self.page.library.list
        view.scrollTo(self.index(name))
        place = view.visualRect(self.index(name)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert self.part(QLabel, "modelCardName").text() == name

    def more(self, text: str) -> None:
        """An entry of the chosen model's menu."""
        menu = self.page.findChildren(QMenu, "modelCardMenu")[0]
        next(one for one in menu.actions() if one.text() == text and one.isVisible()).trigger()

    def card(self) -> dict[str, str]:
        """What the chosen model's card says."""
        lines = whole(self.part(QLabel, "modelCardFacts").text()).split("\n")
        return dict(line.split(": ", 1) for line in lines)

    def pick(self, name: str, label: str) -> None:
        """A choice of a box."""
        box = self.part(QComboBox, name)
        assert box.findText(label) >= 0, label
        box.setCurrentIndex(box.findText(label))

    def type(self, name: str, text: str, *, end: bool = False) -> None:
        """Replaces what stands in a field; `end` presses Enter."""
        field = self.part(QLineEdit, name)
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Backspace)
        QTest.keyClicks(field, text)
        if end:
            QTest.keyClick(field, Qt.Key.Key_Return)

    async def search(self, words: str) -> None:
        """Asks the Hub, from the page's second view."""
        if not self.shows("finderView"):
            self.press("modelsMoreTab")
            await until(lambda: "Recommended" in self.texts("finderResults"))
        self.type("hubSearch", words, end=True)
        await until(lambda: not self.page.finder._is_busy)
        await asyncio.sleep(0.02)  # until Qt shows what is there now

    async def files(self, repo: str) -> None:
        """Searches a repository and opens its files."""
        await self.search(repo.partition("/")[2])
        self.press("repoFilesButton", repo)
        await until(lambda: self.shows("hubDownloadButton"))

    @property
    def note(self) -> str:
        """What is said above what can be fetched."""
        label = self.page.finder._note
        return label.text() if label.isVisible() else ""

    def question(self) -> QMessageBox:
        """The question that is asked now."""
        found = [one for one in self.desk.window.findChildren(QMessageBox) if one.isVisible()]
        assert found
        return found[-1]

    def answer(self, text: str) -> None:
        box = self.question()
        next(one for one in box.buttons() if one.text() == text).click()

    async def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        """A scenario to its end, and what it has set going in the window too."""
        await scenario
        await until(lambda: not self.desk.services.tasks.running)


async def open_shop(
    home: Path,
    *,
    hub: str = "",
    local: FakeProvider | None = None,
    find_servers: FindServers | None = None,
    survey: Surveys | None = None,
    **models: Any,
) -> Shop:
    """A window on a home; `hub` is the fake Hub's address, `models` are settings of them.

    `survey` tells on what computer it is, where a test looks at that.
    """
    settings = {
        "guide": {"bar": False},
        "models": models,
        **({"hub": {"endpoint": hub}} if hub else {}),
    }
    (home / "settings.json").write_text(json.dumps(settings))
    desk = await open_desk(home, local=local, find_servers=find_servers, survey=survey)
    assert desk.controllers._watcher is not None
    desk.controllers._watcher._seconds = QUICK
    library = desk.services.library
    assert library is not None
    await until(lambda: library.library.watched or library.library.last.models)
    await asyncio.sleep(0)
    return Shop(desk, home)


@contextmanager
def shop_after(
    run: Run, home: Path, begin: Callable[[Shop], Coroutine[Any, Any, None]], **how: Any
) -> Iterator[Shop]:
    """A window in which something was done already, until it is closed; `how` as to open it."""
    made = run(open_shop(home, **how))
    run(made.play(begin(made)))
    yield made
    run(made.desk.close())
    settle()


def whole(text: str) -> str:
    """A text without the places at which it may be broken."""
    return text.replace(GAP, "")


def files_in(folder: Path, start: str = "", ending: str = ".gguf") -> list[Path]:
    """The files below a folder; what a download works with may go in the meantime."""
    return [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.startswith(start) and name.endswith(ending)
    ]
