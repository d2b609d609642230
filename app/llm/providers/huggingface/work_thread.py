"""One thread for a model: its work is done in order, and coroutines take what comes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

from app.llm.runner.mailbox import Mailbox

Item = TypeVar("Item")
Result = TypeVar("Result")
Stop = threading.Event  # set when the work is to end


class Stopped(Exception):
    """Work was ended before it was done."""


class WorkThread:
    """Runs one piece of work at a time; the thread begins with the first."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._stops: list[Stop] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many pieces of work are not done yet."""
        return len(self._stops)

    async def run(
        self, work: Callable[[Stop, Callable[[Item], None]], None]
    ) -> AsyncGenerator[Item, None]:
        """Has `work` done on the thread and gives what it emits.

        Closing the generator sets the work's stop, and returns when the thread has let go of it.

        Raises:
            Stopped: this was closed in the meantime.
        """
        if self._closed:
            raise Stopped
        mailbox: Mailbox[Item] = Mailbox(asyncio.get_running_loop())
        stop = Stop()

        def job() -> None:
            try:
                if stop.is_set():
                    raise Stopped
                work(stop, mailbox.put)
            finally:
                mailbox.close()

        future = self._pool.submit(job)
        self._stops.append(stop)
        try:
            while items := await mailbox.take():
                for item in items:
                    yield item
            await asyncio.wrap_future(future)
        finally:
            stop.set()
            if not future.cancel():  # it has begun
                while not mailbox.closed:
                    await mailbox.take()
            self._stops.remove(stop)

    async def call(self, work: Callable[[Stop], Result]) -> Result:
        """The result of `work`; cancelling the task stops it, and returns when it has ended."""

        def job(stop: Stop, emit: Callable[[Result], None]) -> None:
            emit(work(stop))

        async with aclosing(self.run(job)) as results:
            async for result in results:
                return result
        raise Stopped

    def stop(self) -> None:
        """Stops everything that runs or waits."""
        for stop in self._stops:
            stop.set()

    async def aclose(self) -> None:
        """Stops everything, and returns when the thread has ended."""
        self._closed = True
        self.stop()
        await asyncio.to_thread(self._pool.shutdown)
