"""One download from beginning to end: looked at, fetched, checked, put in its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import HearthError, Misconfigured
from app.library.downloads import holds, placing, room, troubles
from app.library.downloads.file_job import FileJob
from app.library.downloads.threads import to_its_end
from app.library.downloads.troubles import Held
from app.library.downloads.work import WorkFolder, remove
from app.library.hub.failures import IS_OFFLINE
from app.library.records import Download, Stage

if TYPE_CHECKING:
    from app.library.downloads.progress import Progress
    from app.library.downloads.tools import Tools
    from app.library.records import HubModel

LOOK_SECONDS = 2.0  # between two looks whether what held it up is over
DISK_TRIES = 3  # until an error of the disk is told
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """A model on its way; `run` can be cancelled and begun again at any time."""

    id: str
    model: HubModel
    folder: Path
    added: datetime
    progress: Progress
    is_paused: bool = False
    is_failed: bool = False  # it needs the person
    folder_was_there: bool = False
    came: int = 0  # bytes that lie in its folder, while it does not run
    files: tuple[Path, ...] = ()  # where they lie, once it is done
    _disk_errors: int = field(default=0, init=False)

    @property
    def work_folder(self) -> Path:
        """Where its parts lie until it is done."""
        return WorkFolder(self.folder, self.model).path

    @property
    def is_done(self) -> bool:
        """Whether the model is in the library."""
        return self.progress.stage is Stage.DONE

    @property
    def is_wanted(self) -> bool:
        """Whether there is something to do that nobody has forbidden."""
        return not (self.is_paused or self.is_failed or self.is_done)

    def shown(self) -> Download:
        """As the window sees it."""
        progress = self.progress
        is_held = self.is_paused and not self.is_done
        return Download(
            id=self.id,
            model=self.model,
            folder=self.folder,
            stage=Stage.PAUSED if is_held else progress.stage,
            done=self._done(),
            speed=0.0 if is_held else progress.speed,
            message="" if is_held else progress.message,
            remedy="" if is_held else progress.remedy,
            added=self.added,
            details=progress.details,
            files=self.files,
        )

    def _done(self) -> int:
        if self.is_done:
            return self.model.size
        measure = self.progress.measure
        return min(measure() if measure else self.came, self.model.size)

    async def run(self, tools: Tools) -> None:
        """Ends when the model is in its place, or when the person is needed."""
        self._disk_errors = 0
        try:
            await self._try_until_done(tools)
        except asyncio.CancelledError:
            if not self.is_done:
                self.progress.show(Stage.WAITING)
            raise

    async def _try_until_done(self, tools: Tools) -> None:
        while True:
            try:
                await self._attempt(tools)
            except OSError as error:
                if not await self._can_go_on(error):
                    return
            except HearthError as error:
                held = _hold(error, tools)
                if held is None:
                    self.fail(error)
                    return
                await self._wait(held)
            else:
                return

    async def _attempt(self, tools: Tools) -> None:
        self.progress.show(Stage.WAITING)
        await to_its_end(self._check_folder)
        work = WorkFolder(self.folder, self.model)
        try:
            if not await to_its_end(work.take):
                raise holds.busy(work)
            self.files = await self._fetched(work, tools)
            self.progress.show(Stage.DONE)
            # Until the disk holds everything, a sudden end has the files looked at once more.
            await tools.save()
            await to_its_end(lambda: placing.settle(self.files))
        finally:
            if not self.is_done:
                self.came = work.came()
                self.progress.measure = None
            work.give_back()
        await to_its_end(lambda: remove(work.path))

    async def _fetched(self, work: WorkFolder, tools: Tools) -> tuple[Path, ...]:
        """Returns where the files lie when all of them are there."""
        if placed := tuple(map(Path, work.notes.placed)):
            if len(await self._there(placed)) == len(placed):
                return placed
            await to_its_end(lambda: placing.take_back(work))
        targets, there = await self._choose_place()
        for number in range(len(targets)):
            if number not in there and not work.is_verified(number):
                await self._fetch(work, number, there, tools)
        await to_its_end(lambda: placing.place(work, targets, there, self.folder))
        return targets

    async def _fetch(
        self, work: WorkFolder, number: int, there: Sequence[int], tools: Tools
    ) -> None:
        sizes = [file.size for file in self.model.files]
        done = [size for other, size in enumerate(sizes) if other in there or other < number]
        later = [size for other, size in enumerate(sizes) if other not in there and other > number]
        one = FileJob(work, number, sum(done), self.progress, tools)

        def look() -> None:
            tools.check_online()
            wanted = sum(later) + one.part.size - one.part.end
            if lacking := room.missing(self.folder, wanted):
                raise holds.full(self.folder, lacking, wanted)

        await one.run(look)
        if len(sizes) > 1:
            await one.keep()

    async def _choose_place(self) -> tuple[tuple[Path, ...], Sequence[int]]:
        """The first place where nothing else lies, and which of the files are there already."""
        for targets in placing.candidates(self.folder, self.model):
            there = await self._there(targets)
            if all(number in there or not path.exists() for number, path in enumerate(targets)):
                return targets, there
        raise placing.taken(targets)

    async def _there(self, targets: Sequence[Path]) -> Sequence[int]:
        """The numbers of the files that lie there with the right content."""
        if not any(path.exists() for path in targets):
            return []
        look = placing.Look(targets, self.model.files)
        self.progress.measure = lambda: look.read
        self.progress.show(Stage.CHECKING)
        with look:
            return await asyncio.to_thread(look.same)

    def _check_folder(self) -> None:
        """Makes the models folder. Raises Held where its drive is away."""
        if not self.folder_was_there and self.folder.parent.is_dir():
            self.folder.mkdir(exist_ok=True)
        if not self.folder.is_dir():
            raise holds.away(self.folder, can_be_made=not self.folder_was_there)
        self.folder_was_there = True

    async def _can_go_on(self, error: OSError) -> bool:
        """A disk that is full or away is waited for; other errors are told when they stay."""
        _LOG.info("the disk of a download: %r", error)
        if room.is_full(error):
            wanted = max(1, self.model.size - self.came)
            try:
                lacking = await asyncio.to_thread(room.missing, self.folder, wanted)
            except OSError:  # its folder is away now as well: the next try says so
                await self.progress.poked(LOOK_SECONDS / 4)
                return True
            await self._wait(holds.full(self.folder, max(1, lacking), wanted))
            return True
        self._disk_errors += 1
        if self._disk_errors >= DISK_TRIES and self.folder.is_dir():
            self.fail(troubles.of_disk(error, self.folder))
            return False
        await self.progress.poked(LOOK_SECONDS / 4)
        return True

    def fail(self, error: HearthError) -> None:
        """Ends until the person wants it to go on."""
        _LOG.info("a download ended: %s %s", error, error.details)
        self.is_failed = True
        self.progress.held(Stage.FAILED, error)

    async def _wait(self, held: Held) -> None:
        """Until what it waits for has come."""
        self.progress.held(held.stage, held)
        is_over: Callable[[], Awaitable[bool]] = held.is_over
        while True:
            await self.progress.poked(LOOK_SECONDS)
            try:
                if await is_over():
                    return
            except OSError as error:
                _LOG.info("still held up: %r", error)


def _hold(error: HearthError, tools: Tools) -> Held | None:
    """What to wait for, where the error passes without the person."""
    if isinstance(error, Held):
        return error
    if isinstance(error, Misconfigured) and error.code == IS_OFFLINE:
        return holds.offline(error, tools.access)
    return None
