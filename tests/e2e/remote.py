"""The real program with a remote control: commands come as lines of JSON on standard input.

    python -m tests.e2e.remote [--close-after MILLISECONDS] [hearth's own arguments]

Nothing of the program is replaced: the commands press keys and buttons of its window and read what
it shows. Each answer is a line of JSON on standard output; the last one names the threads that are
left when the program has ended.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import (
    QMimeData,
    QObject,
    QPoint,
    QPointF,
    QSocketNotifier,
    Qt,
    QThread,
    QTimer,
    QUrl,
)
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QListView,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.__main__ import main
from app.ui.chat.message import AssistantMessage
from app.ui.chat.transcript import Transcript
from app.ui.controllers import Controllers
from app.ui.main_window import MainWindow

MODIFIERS = {
    "Ctrl": Qt.KeyboardModifier.ControlModifier,
    "Shift": Qt.KeyboardModifier.ShiftModifier,
}
# The main thread, and Python's shadow of a QThread, which stays when that has ended.
NOT_LEFT = (type(threading.main_thread()), threading._DummyThread)


class Remote(QObject):
    """Does what the commands say to the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._rest = b""
        self._notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._say({"ready": True})

    def _read(self) -> None:
        arrived = os.read(0, 65536)
        if not arrived:  # the test has gone
            self._notifier.setEnabled(False)
            return
        *lines, self._rest = (self._rest + arrived).split(b"\n")
        for line in lines:
            command = json.loads(line)
            action: Callable[..., Any] = getattr(self, command.pop("do"))
            try:
                self._say({"value": action(**command)})
            except (LookupError, AttributeError) as error:
                self._say({"error": repr(error)})

    @staticmethod
    def _say(answer: dict[str, Any]) -> None:
        os.write(1, json.dumps(answer).encode() + b"\n")

    def _widget(self, name: str) -> QWidget:
        found = self._window.findChildren(QWidget, name)
        if not found:
            found = [w for w in QApplication.allWidgets() if w.objectName() == name]
        if not found:
            raise LookupError(name)
        return next((widget for widget in found if widget.isVisible()), found[-1])

    def type(self, name: str, text: str) -> None:
        """Types on the keyboard."""
        QTest.keyClicks(self._widget(name), text)

    def press(self, name: str, keys: str) -> None:
        """Presses a key, with its modifiers: "Return", "Shift+Return"."""
        *held, key = keys.split("+")
        modifiers = Qt.KeyboardModifier.NoModifier
        for each in held:
            modifiers |= MODIFIERS[each]
        QTest.keyClick(self._widget(name), getattr(Qt.Key, f"Key_{key}"), modifiers)

    def click(self, name: str) -> None:
        """Clicks with the left mouse button."""
        QTest.mouseClick(self._widget(name), Qt.MouseButton.LeftButton)

    def choose(self, name: str, path: list[str]) -> None:
        """Takes an entry of a button's menu, by the beginnings of the texts that lead to it."""
        button = self._widget(name)
        assert isinstance(button, (QPushButton, QToolButton))
        menu = button.menu()
        for depth, text in enumerate(path, 1):
            menu.aboutToShow.emit()
            action = next((one for one in menu.actions() if one.text().startswith(text)), None)
            if action is None:
                raise LookupError((text, [one.text() for one in menu.actions()]))
            if depth == len(path):
                QTimer.singleShot(0, action.trigger)
            else:
                below = action.menu()
                assert isinstance(below, QMenu)
                menu = below

    def grab(self, name: str, path: str) -> None:
        """Saves what one widget shows, a dialog for instance."""
        self._widget(name).grab().save(path)

    def read(self, name: str) -> str:
        """What a widget shows."""
        widget = self._widget(name)
        if isinstance(widget, (QPlainTextEdit, Transcript)):
            return widget.toPlainText()
        if isinstance(widget, (QLabel, QAbstractButton)):
            return widget.text()
        return widget.accessibleName()

    def visible(self, name: str) -> bool:
        """Whether a widget is on the screen."""
        return any(widget.isVisible() for widget in self._window.findChildren(QWidget, name))

    def banner(self) -> str:
        """What the banner says."""
        return self._window.shell.banner.text()

    def answers(self) -> list[dict[str, str]]:
        """The answers of the open chat: what is drawn, and how each ended."""
        return [
            {
                "text": view.text(),
                "drawn": view.body.toPlainText(),
                "state": str(view.message.state),
                "note": view.message.note,
            }
            for view in self._window.shell.transcript.views
            if isinstance(view, AssistantMessage)
        ]

    def chats(self) -> list[str]:
        """The rows of the list of chats."""
        chats = self._window.findChild(QListView, "chatList")
        assert chats is not None
        model = chats.model()
        return [model.index(row, 0).data() for row in range(model.rowCount())]

    def open_chat(self, row: int) -> None:
        """Clicks on a row of the list of chats."""
        chats = self._window.findChild(QListView, "chatList")
        assert chats is not None
        at = chats.visualRect(chats.model().index(row, 0)).center()
        QTest.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def waiting(self) -> str:
        """What stands in place of an answer that has no text yet."""
        views = self._window.shell.transcript.views
        labels = views[-1].findChildren(QLabel, "waiting") if views else []
        return " ".join(label.text() for label in labels if label.isVisible())

    def paste(self, text: str) -> None:
        """Pastes into the composer."""
        QGuiApplication.clipboard().setText(text)
        self._window.shell.composer.editor.paste()

    def drop(self, path: str) -> None:
        """Drops a file on the window."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(path)])
        place, action = QPoint(400, 300), Qt.DropAction.CopyAction
        button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(place, action, data, button, keys)
        QApplication.sendEvent(self._window, enter)
        if not enter.isAccepted():
            raise LookupError("the window does not take it")
        drop = QDropEvent(QPointF(place), action, data, button, keys)
        QApplication.sendEvent(self._window, drop)

    def picture(self, path: str) -> None:
        """Saves what the window shows."""
        self._window.grab().save(path)

    def resize(self, width: int, height: int) -> None:
        """Gives the window another size."""
        self._window.resize(width, height)

    def close(self) -> None:
        """Closes the window as its button does."""
        QTimer.singleShot(0, self._window.close)


def run(arguments: list[str]) -> int:
    """Runs the program; returns its exit code."""
    if arguments[:1] == ["--close-after"]:
        delay = int(arguments[1])
        arguments = arguments[2:]
        show = MainWindow.show

        def show_for_a_while(window: MainWindow) -> None:
            QTimer.singleShot(delay, window, window.close)
            show(window)

        MainWindow.show = show_for_a_while  # type: ignore[method-assign,assignment]
    if folder := os.environ.get("HEARTH_TEST_RESOURCES"):
        from app import paths

        paths.resources = lambda: Path(folder)
    start = Controllers.start

    async def start_with_remote(self: Controllers, file: str | None) -> None:
        await start(self, file)
        Remote(self._window)

    Controllers.start = start_with_remote  # type: ignore[method-assign]
    code = main(arguments)
    left = [thread.name for thread in threading.enumerate() if not isinstance(thread, NOT_LEFT)]
    threads = [one for one in gc.get_objects() if isinstance(one, QThread)]
    left += [one.objectName() for one in threads if shiboken6.isValid(one) and one.isRunning()]
    os.write(1, json.dumps({"threads": left}).encode() + b"\n")
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
