"""The work of the runner's thread: jobs from a bounded queue, one after the other."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from app.errors import HearthError, QueueFull
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.mailbox import Mailbox

if TYPE_CHECKING:
    from app.llm.runner.llama.engine import Engine

MAX_WAITING = 4
_LOG = logging.getLogger(__name__)
Event = TypeVar("Event")
Result = TypeVar("Result")


class Job(Generic[Event, Result]):
    """One call of the engine: its events go to a mailbox, its result or error is kept."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Engine, Callable[[Event], None]], Result],
    ) -> None:
        self.mailbox: Mailbox[Event] = Mailbox(loop)
        self.cancelled = threading.Event()
        self._work = work
        self._result: Result | None = None
        self._error: Exception | None = None

    def run(self, get_engine: Callable[[], Engine]) -> None:
        """Does the work, on the runner's thread; its mailbox is closed by the worker."""
        try:
            self._result = self._work(get_engine(), self.mailbox.put)
        except HearthError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - raised again where the result is awaited
            if not self.cancelled.is_set():
                _LOG.exception("a job of the runner failed")
            self._error = error

    def result(self) -> Result | None:
        """What the work returned, or None where it was cancelled; raises what it raised."""
        if self._error is not None and not self.cancelled.is_set():
            raise self._error
        return self._result


class Worker:
    """A queue of jobs and the loop that works through it. Owns the engine, on its own thread."""

    def __init__(self, create_engine: Callable[[AbortFlag], Engine]) -> None:
        self._create_engine = create_engine
        self._abort = AbortFlag()
        self._changed = threading.Condition()
        self._waiting: deque[Job[Any, Any]] = deque()
        self._current: Job[Any, Any] | None = None
        self._stopping = False
        self.used = False  # whether there was ever a job

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._changed:
            return self._current is not None or bool(self._waiting)

    def submit(self, job: Job[Event, Result], *, bounded: bool = True) -> int:
        """Queues a job; returns how many are ahead of it.

        Raises:
            QueueFull: as many jobs wait as may, and this one is `bounded`.
        """
        with self._changed:
            self.used = True
            ahead = len(self._waiting) + (self._current is not None)
            if bounded and ahead > MAX_WAITING:
                raise QueueFull(
                    f"{MAX_WAITING} requests wait for the model already.",
                    "Wait for an answer to end, or stop one.",
                )
            if self._stopping:
                job.mailbox.close()
            else:
                self._waiting.append(job)
                self._changed.notify()
            return ahead

    def cancel(self, job: Job[Event, Result]) -> None:
        """Ends a job, wherever it is; its mailbox closes when it has really ended."""
        with self._changed:
            job.cancelled.set()
            if self._current is job:
                self._abort.set()
            elif job in self._waiting:
                self._waiting.remove(job)
                job.mailbox.close()

    def stop(self) -> None:
        """Cancels everything and lets `run` return."""
        with self._changed:
            self._stopping = True
            for job in self._waiting:
                job.cancelled.set()
                job.mailbox.close()
            self._waiting.clear()
            if self._current is not None:
                self._current.cancelled.set()
                self._abort.set()
            self._changed.notify()

    def run(self) -> None:
        """Works until `stop`; this is the body of the runner's thread."""
        engine: Engine | None = None

        def get_engine() -> Engine:
            nonlocal engine
            engine = engine or self._create_engine(self._abort)
            return engine

        while (job := self._next()) is not None:
            job.run(get_engine)
            with self._changed:
                self._current = None  # before anybody hears of the end and asks anew
            job.mailbox.close()
        if engine is not None:
            engine.unload()

    def _next(self) -> Job[Any, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            self._current = self._waiting.popleft()
            self._abort.clear()
            return self._current
