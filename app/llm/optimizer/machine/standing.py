"""A question that is asked again and again, and that nobody waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import psutil

_LOG = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Opened = AbstractContextManager[Callable[[], Answer]]
FRESH = 5.0  # seconds for which an answer holds; a driver that hangs gives no newer one


class StandingQuestion(Generic[Answer]):
    """Tells the last answer at once; a thread of its own reads the next, one at a time.

    One thread alone may use it. The reader's own is a daemon: one that hangs in a driver keeps
    nobody from leaving.
    """

    def __init__(
        self,
        opened: Callable[[], Opened[Answer]],
        unknown: Answer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`opened` gives the reader, on its thread; `unknown` stands for an answer until then."""
        self._opened = opened
        self._unknown = unknown
        self._clock = clock
        self._last: tuple[Answer, float] | None = None  # with the time when it came
        self._asked = threading.Event()
        self._is_open = False
        self._has_failed = False
        self._thread: threading.Thread | None = None

    def ask(self) -> Answer:
        """The last answer, where it is fresh; the next one is read meanwhile."""
        if not self._has_failed:
            self._is_open = True
            self._asked.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="standing", daemon=True)
                self._thread.start()
        last = self._last
        is_fresh = last is not None and self._clock() - last[1] <= FRESH
        return last[0] if last is not None and is_fresh else self._unknown

    def close(self) -> None:
        """Has the thread close the reader and end, as soon as that answers; `ask` begins anew."""
        self._is_open = False
        self._asked.set()

    def _run(self) -> None:
        try:
            with self._opened() as read:
                while self._is_wanted():
                    self._last = read(), self._clock()
        except (OSError, ValueError, ArithmeticError, psutil.Error) as error:
            self._has_failed = True  # it would do so each time
            _LOG.info("what is asked again and again cannot be read: %s", error)

    def _is_wanted(self) -> bool:
        """Waits until the next answer is wanted; False at the end."""
        self._asked.wait()
        self._asked.clear()  # before the look: what comes between the two is not missed
        return self._is_open
