"""What a person does on the page of the settings, in the words of the tests."""

import json
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from app.ui.settings.page import SettingsPage
from app.ui.settings.row_view import RowView
from tests.ui.conftest import WIDGET, Desk, until


class Panel:
    """The page of a window's present shell."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @property
    def page(self) -> SettingsPage:
        found = self.desk.window.shell.findChildren(SettingsPage, "settingsPage")
        assert found
        return found[-1]

    @property
    def is_open(self) -> bool:
        return any(one.isVisible() for one in self.desk.window.shell.findChildren(SettingsPage))

    async def open(self, section: str = "") -> None:
        """By its key, as a person does, and then by its section."""
        QTest.keyClick(self.desk.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: self.is_open)
        if section:
            self.button(f"section-{section}").click()

    def row(self, key: str) -> RowView:
        found = self.page.row(key)
        assert found is not None, key
        return found

    def part(self, kind: type[WIDGET], name: str) -> WIDGET:
        found = self.page.findChild(kind, name)
        assert found is not None, name
        return found

    def line(self, key: str) -> QLineEdit:
        return self.part(QLineEdit, f"setting-{key}")

    def text(self, key: str) -> QPlainTextEdit:
        return self.part(QPlainTextEdit, f"setting-{key}")

    def choice(self, key: str) -> QComboBox:
        return self.part(QComboBox, f"setting-{key}")

    def button(self, name: str) -> QPushButton:
        return self.part(QPushButton, name)

    def choose(self, key: str, value: object) -> None:
        box = self.choice(key)
        index = box.findData(value)
        assert index >= 0, value
        box.setCurrentIndex(index)

    def type(self, key: str, text: str) -> None:
        """Replaces what stands in a line, key by key."""
        line = self.line(key)
        line.selectAll()
        QTest.keyClick(line, Qt.Key.Key_Backspace)
        QTest.keyClicks(line, text)

    def wrong(self, key: str) -> str:
        """What is said to be wrong, or ""."""
        label = self.part(QLabel, f"wrong-{key}")
        return label.text() if not label.isHidden() else ""

    def can_reset(self, key: str) -> bool:
        return not self.button(f"reset-{key}").isHidden()

    def seen(self) -> list[str]:
        """The keys of the rows that are shown, in their order."""
        rows = self.page.findChildren(RowView)
        return [one.row.key for one in rows if one.isVisibleTo(self.page)]

    def said(self, key: str) -> str:
        """The text of a fact, as a screen reader has it."""
        return self.part(QLabel, f"fact-{key}").accessibleName()

    async def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        """A scenario to its end, and what it has set going in the window too."""
        await scenario
        await until(lambda: not self.desk.services.tasks.running)


def is_shown(desk: Desk, name: str) -> bool:
    return any(one.isVisible() for one in desk.window.findChildren(QWidget, name))


def kept(desk: Desk) -> dict[str, Any]:
    """What is in the file."""
    data: dict[str, Any] = json.loads(desk.settings.path.read_text(encoding="utf-8"))
    return data


async def until_kept(desk: Desk, section: str, name: str, value: object) -> None:
    await until(lambda: desk.settings.path.exists() and kept(desk)[section][name] == value)
