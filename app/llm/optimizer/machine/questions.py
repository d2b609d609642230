"""Readers that run beside each other, each with an answer that stands in until it has one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import psutil

_LOG = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """What a reader is asked for; `answer` is "unknown" until it has answered.

    The thread is a daemon: one that hangs in a driver keeps nobody from leaving.
    """

    def __init__(self, name: str, read: Callable[[], Answer], unknown: Answer) -> None:
        self.answer = unknown
        self._name = name
        self._read = read
        self._thread = threading.Thread(target=self._ask, name=f"facts: {name}", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until the reader has ended, at most this long."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            _LOG.info("the reader of %s takes too long", self._name)

    def _ask(self) -> None:
        try:
            self.answer = self._read()
        except (OSError, ValueError, ArithmeticError, psutil.Error) as error:
            _LOG.info("the reader of %s has failed: %s", self._name, error)


def ask(questions: Iterable[Question[Any]], seconds: float) -> None:
    """Reads everything at once; what is not answered after so many seconds stays unknown."""
    started = list(questions)
    end = time.monotonic() + seconds
    for question in started:
        question.start()
    for question in started:
        question.wait(end - time.monotonic())
