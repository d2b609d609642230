"""Sets Qt up: the application object, its messages, and errors that nobody caught."""

from __future__ import annotations

import faulthandler
import gc
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TextIO

from PySide6.QtCore import (
    QObject,
    QSocketNotifier,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PySide6.QtCore import (
        QMessageLogContext,
    )

COLLECT_INTERVAL = 5000  # milliseconds
_LOG = logging.getLogger(__name__)
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.INFO,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def create(arguments: Sequence[str]) -> QApplication:
    """The application object; it lives on when the last window is closed."""
    # Named here, Fusion is made at once; set later, it would replace another style: 5 ms.
    application = QApplication([*arguments[:1], "-style", "fusion"])
    application.setApplicationName("Hearth")
    application.setDesktopFileName("hearth")
    application.setQuitOnLastWindowClosed(False)
    return application


def log_qt_messages() -> None:
    """Sends Qt's messages to Python's logging."""
    qInstallMessageHandler(_log_qt_message)


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger("qt").log(_LEVELS[kind], "%s: %s", context.category or "qt", text)


class ErrorHooks(QObject):
    """Logs what nobody caught, on any thread, and tells the window of it."""

    def __init__(self, crash_log: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._show: Callable[[str], None] | None = None
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread
        self._crash_log = self._open(crash_log)
        if self._crash_log is not None:
            faulthandler.enable(self._crash_log)

    def show_with(self, show: Callable[[str], None]) -> None:
        """Gives the details of each error to `show`."""
        self._show = show

    def handle(self, error: BaseException) -> None:
        """Logs an error that is ours, and shows it."""
        import traceback

        details = "".join(traceback.format_exception(error))
        _LOG.error("an error that nobody expected\n%s", details)
        if self._show is not None:
            self._show(details)

    def remove(self) -> None:
        """Puts the interpreter's own hooks back."""
        sys.excepthook, threading.excepthook = self._before
        self._show = None
        faulthandler.disable()
        if self._crash_log is not None:
            self._crash_log.close()

    def _uncaught(
        self, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        self.handle(error)

    def _uncaught_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        import traceback

        error = arguments.exc_value
        if error is not None:
            _LOG.error("an error in a thread\n%s", "".join(traceback.format_exception(error)))

    @staticmethod
    def _open(file: Path) -> TextIO | None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return file.open("a", encoding="utf-8")
        except OSError:
            return None


class GarbageCollector(QObject):
    """Collects cycles on the main thread: one that holds a widget must not die on another."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(COLLECT_INTERVAL)
        self._timer.timeout.connect(self._collect)
        self._timer.start()
        self._rounds = 0

    def stop(self) -> None:
        """Gives the work back to the interpreter."""
        self._timer.stop()
        gc.enable()

    def _collect(self) -> None:
        """Mostly the young; the old, which takes longer, only when many of them have come."""
        young, middle, _ = gc.get_count()
        if young > 700 or middle > 10:
            self._rounds += 1
            gc.collect(2 if self._rounds % 20 == 0 else 1)


class EndSignals(QObject):
    """Hears SIGTERM and SIGINT while Qt's loop runs, which Python alone would not."""

    def __init__(self, on_signal: Callable[[int], None], parent: QObject) -> None:
        import signal
        import socket

        super().__init__(parent)
        self._on_signal = on_signal
        self._before = {
            number: signal.signal(number, self._ignore)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._descriptor = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._arrived)

    def stop(self) -> None:
        """Puts the handlers from before back."""
        import signal

        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._descriptor)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def _ignore(self, _number: int, _frame: FrameType | None) -> None:
        """The signal's number comes through the socket."""

    def _arrived(self) -> None:
        for number in self._read.recv(64):
            if number in self._before:
                self._on_signal(number)
