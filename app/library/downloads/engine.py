"""The thread in which downloads run, on an event loop of their own: the window's stays free."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import HearthError
from app.library.downloads.line import chosen
from app.library.downloads.stored import Entry, Queue, QueueFile
from app.library.downloads.work import remove
from app.library.records import Download, Stage

if TYPE_CHECKING:
    from app.library.downloads.job import Job
    from app.library.downloads.line import Line
    from app.library.downloads.tools import Tools

TICK = 0.25  # seconds between two messages to the window while bytes come
IDLE_TICK = 1.0  # while something is waited for
LEAP = 5.0  # seconds by which the clocks part when the computer has slept
PATIENCE = 20.0  # seconds, at the end, for everything
SETTLING_SECONDS = 10.0  # at the end, for what the disk has not taken yet
MOVING = (Stage.FETCHING, Stage.CHECKING)
_LOG = logging.getLogger(__name__)


class Engine:
    """Runs the jobs that may run, keeps the queue, and tells of what changes."""

    def __init__(
        self,
        line: Line,
        file: QueueFile,
        places: int,
        tell: Callable[[tuple[Download, ...]], None],
    ) -> None:
        """`places` is how many may run at a time; `tell` is called in the engine's thread."""
        self._line = line
        self._file = file
        self._places = places
        self._tell = tell
        self._running: dict[str, tuple[Job, asyncio.Task[None]]] = {}
        self._removals: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._saving = asyncio.Lock()
        self._saved: object = None  # what the queue's file holds
        self._is_stopping = False
        self._told: tuple[Download, ...] = ()
        self._told_at = 0.0
        self._apart = 0.0  # of the clocks
        self._thread: threading.Thread | None = None

    def start(self, tools: Tools) -> None:
        """Begins; blocks until the loop runs."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(tools, ready)), name="downloads", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Ends all jobs where they are; blocks until the thread has ended."""
        self._is_stopping = True
        self.wake()
        if self._thread is not None:
            self._thread.join(PATIENCE)  # a disk that hangs must not keep the window open

    def wake(self) -> None:
        """Something in the line has changed; may be called in any thread."""
        self.call(self._woken.set)

    def call(self, work: Callable[[], None]) -> None:
        """Does something in the engine's thread; may be called in any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(work)

    async def save(self) -> None:
        """Keeps the queue as it is now, if that is news."""
        async with self._saving:
            jobs, litter = self._line.jobs, self._line.litter
            about = [(job.id, job.is_paused, job.is_done, job.folder_was_there) for job in jobs]
            if (about, litter) == self._saved:
                return
            queue = Queue(downloads=[_entry(job) for job in jobs], litter=sorted(litter))
            if await asyncio.to_thread(self._file.write, queue):
                self._saved = about, litter

    async def _main(self, tools: Tools, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._apart = time.time() - time.monotonic()
        ready.set()
        await self._clean()
        try:
            while not self._is_stopping:
                self._arrange(tools)
                await self.save()
                await self._tell_and_wait()
        finally:
            await self._end()

    def _arrange(self, tools: Tools) -> None:
        """Starts and ends jobs, so that those run that should."""
        self._forget_ended()
        wanted = chosen(self._line.jobs, self._places)
        for job, task in self._running.values():
            if job not in wanted and not job.is_done and not task.cancelling():
                task.cancel()
        for job in self._line.leaving:
            if job.id not in self._running and job.id not in self._removals:
                self._line.left(job)
                self._removals[job.id] = self._spawn(self._remove(job))
        for job in wanted:
            if job.id not in self._running and job.id not in self._removals:
                self._running[job.id] = job, self._spawn(job.run(tools))

    def _forget_ended(self) -> None:
        for key, (job, task) in tuple(self._running.items()):
            if task.done():
                del self._running[key]
                _look_for_bug(job, task)
        for key, removal in tuple(self._removals.items()):
            if removal.done():
                del self._removals[key]

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._woken.set())
        return task

    async def _tell_and_wait(self) -> None:
        """Until something happens; while bytes come, for a quarter of a second."""
        clock = asyncio.get_running_loop().time
        for job in self._line.jobs:
            job.progress.sample()
        shown = self._line.shown()
        is_news = _stages(shown) != _stages(self._told)
        if shown != self._told and (is_news or clock() - self._told_at >= TICK):
            self._told, self._told_at = shown, clock()
            self._tell(shown)
        stages = {download.stage for download in shown}
        pause = None
        if not stages.isdisjoint(MOVING) or shown != self._told:
            pause = TICK
        elif Stage.STALLED in stages:
            pause = IDLE_TICK
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()
        self._woken.clear()
        self._notice_sleep()

    def _notice_sleep(self) -> None:
        """When the computer has slept, what waits is tried at once."""
        apart = time.time() - time.monotonic()
        if abs(apart - self._apart) > LEAP:
            _LOG.info("the clocks have parted by %.0f s", apart - self._apart)
            self.poke()
        self._apart = apart

    def poke(self) -> None:
        """What waits for the network, a disk or another program looks at once."""
        for job in self._line.jobs:
            job.progress.poke()

    async def _clean(self) -> None:
        """Removes what cancelled downloads have left when the program ended too early."""
        for folder in self._line.litter:
            await self._remove_folder(folder)

    async def _remove(self, job: Job) -> None:
        await self._remove_folder(job.work_folder)

    async def _remove_folder(self, folder: Path) -> None:
        """Where its drive is away now, it is removed at a later start."""
        if await asyncio.to_thread(remove, folder):
            self._line.clean(folder)

    async def _end(self) -> None:
        """Lets the disk take what is done, ends the rest, and keeps the queue."""
        for job, task in self._running.values():
            if not job.is_done:
                task.cancel()
        tasks = [task for _, task in self._running.values()] + list(self._removals.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=SETTLING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for job, task in self._running.values():
            _look_for_bug(job, task)
        await self.save()


def _entry(job: Job) -> Entry:
    return Entry(
        model=job.model,
        folder=job.folder,
        added=job.added,
        is_paused=job.is_paused,
        is_done=job.is_done,
        folder_was_there=job.folder_was_there,
    )


def _stages(shown: tuple[Download, ...]) -> list[tuple[str, Stage]]:
    return [(download.id, download.stage) for download in shown]


def _look_for_bug(job: Job, task: asyncio.Task[None]) -> None:
    """What a job does not expect is an error of ours: it is logged, and ends that job alone."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    _LOG.error("a download ended by an error of Hearth", exc_info=error)
    job.fail(
        HearthError(
            "Hearth made a mistake with this download.",
            "Resume it; if it happens again, please report it with the details.",
            repr(error),
        )
    )
