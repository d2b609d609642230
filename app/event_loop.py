"""The window's event loop: asyncio on Qt, by qasync, with timers that can be cancelled."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

import qasync
from PySide6.QtCore import QObject, QTimerEvent

LONGEST = 1_000_000.0  # seconds of one of Qt's timers, which counts milliseconds in 32 bits


class EventLoop(qasync.QEventLoop):  # type: ignore[misc]
    """qasync's loop, but a time-out that is cancelled leaves Qt at once.

    In qasync 0.28 its timer stays until it is due, and each request has time-outs of minutes.
    """

    def __init__(self, application: QObject) -> None:
        self._timers = _Timers()
        super().__init__(application)

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Calls back after `delay` seconds, unless the handle is cancelled before."""
        if delay <= 0:
            soon: asyncio.Handle = self._add_callback(_Soon(callback, args, self, context))
            return soon
        handle = _Waiting(self.time() + delay, callback, args, self, context)
        self._timers.start(handle, delay)
        return handle

    def run_until_complete(self, future: Awaitable[Any]) -> Any:
        """Runs until it is done; what Qt does at the end of that still happens on this loop."""
        try:
            return super().run_until_complete(future)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 - as qasync does itself

    def _after_run_forever(self) -> None:
        super()._after_run_forever()
        # qasync has Qt handle events once more before it returns.
        asyncio._set_running_loop(self)  # noqa: SLF001 - as qasync does itself

    def close(self) -> None:
        """Ends the loop and its timers."""
        self._timers.stop()
        super().close()

    def _timer_handle_cancelled(self, handle: _Waiting) -> None:
        """Ends a wait: asyncio calls it for each cancelled handle, also for one that has run."""
        self._timers.end(handle)


@contextmanager
def _on(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Has the loop be the running one; between two runs Qt may handle events by itself."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - as qasync does itself
        yield
        return
    asyncio._set_running_loop(loop)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(None)  # noqa: SLF001


class _Soon(asyncio.Handle):
    """A call that comes next, on its loop even where Qt makes it while the loop stands still."""

    def _run(self) -> None:
        with _on(self._loop):  # type: ignore[attr-defined]
            super()._run()


class _Waiting(asyncio.TimerHandle):
    """A call that waits for its time; `timer` is Qt's number of it, 0 when it waits no more."""

    __slots__ = ("timer",)
    timer: int

    def left(self) -> float:
        """Seconds until it is due."""
        return self.when() - self._loop.time()  # type: ignore[attr-defined,no-any-return]

    def run(self) -> None:
        """Calls, as `_Soon` does; an error goes to the loop's handler."""
        with _on(self._loop):  # type: ignore[attr-defined]
            self._run()


class _Timers(QObject):
    """A timer of Qt's for each call that waits."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, _Waiting] = {}

    def start(self, handle: _Waiting, seconds: float) -> None:
        """Calls after that time, which may be infinite."""
        handle.timer = self.startTimer(math.ceil(min(seconds, LONGEST) * 1000))
        self._waiting[handle.timer] = handle

    def end(self, handle: _Waiting) -> None:
        """Has the handle wait no more."""
        timer, handle.timer = handle.timer, 0
        if timer:
            del self._waiting[timer]
            self.killTimer(timer)

    def stop(self) -> None:
        """Ends all."""
        for handle in tuple(self._waiting.values()):
            self.end(handle)

    def timerEvent(self, event: QTimerEvent) -> None:  # noqa: N802 - Qt's own name
        """Makes the call whose time has come."""
        handle = self._waiting.get(event.timerId())
        if handle is not None:
            self.end(handle)
            left = handle.left()
            if left > 1:  # it waits for longer than one timer of Qt's does
                self.start(handle, left)
            else:
                handle.run()
