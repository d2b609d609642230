"""The line between a thread that asks and the event loop that sends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from functools import partial
from types import TracebackType
from typing import Any, Self

from app.library.hub.asking import Reply, Request
from app.library.hub.failures import Question

Send = Callable[[Request], Coroutine[Any, Any, Reply]]


class Line:
    """Takes requests from one thread, one after the other; leaving it ends the one under way."""

    def __init__(self, question: Question, send: Send) -> None:
        """`send` works in the event loop that runs now."""
        self.question = question
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: Future[Reply] | None = None
        self._task: asyncio.Task[Reply] | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closed = True
        if self._waiting is not None:
            self._waiting.cancel()  # the thread hears of it at once
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def ask(self, request: Request) -> Reply:
        """The answer, awaited in the asking thread.

        Raises:
            ProviderError: see `asking.ask`.
            concurrent.futures.CancelledError: nobody waits for the answer any more.
        """
        waiting: Future[Reply] = Future()
        with self._lock:
            if self._is_closed:
                raise CancelledError
            self._waiting = waiting
            self._loop.call_soon_threadsafe(self._start, request, waiting)
        return waiting.result()

    def _start(self, request: Request, waiting: Future[Reply]) -> None:
        if not self._is_closed:
            self._task = asyncio.create_task(self._send(request), name="ask the Hub")
            self._task.add_done_callback(partial(_hand_over, waiting))


def _hand_over(waiting: Future[Reply], task: asyncio.Task[Reply]) -> None:
    """Gives the outcome to the thread, if it still waits."""
    error = None if task.cancelled() else task.exception()
    if waiting.cancelled():
        return
    if task.cancelled():
        waiting.cancel()
    elif error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(task.result())
