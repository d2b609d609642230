"""The downloads as the rest of Hearth knows them: added, paused, moved, cancelled, looked at."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app import net
from app.errors import BadReply, Misconfigured
from app.library.downloads import placing
from app.library.downloads.engine import Engine
from app.library.downloads.job import Job
from app.library.downloads.line import Line
from app.library.downloads.pace import SpeedLimit
from app.library.downloads.patience import FIRST as FIRST_PAUSE
from app.library.downloads.progress import Progress
from app.library.downloads.stored import Entry, QueueFile
from app.library.downloads.tools import Tools
from app.library.downloads.transfer import SILENCE
from app.library.downloads.work import WorkFolder, key_of
from app.library.hub.failures import IS_OFFLINE
from app.library.records import Stage

if TYPE_CHECKING:
    from app.library.hub.access import Access
    from app.library.records import Download, HubModel

DIGITS = 6  # of a folder's name in an id
Listener = Callable[[tuple["Download", ...]], None]
_LOG = logging.getLogger(__name__)


class Downloads:
    """A queue of models to fetch, in a thread of its own; may be used from any thread.

    Before `start` and after `aclose` it can be changed, but nothing is fetched.
    """

    def __init__(
        self,
        access: Access,
        file: Path | None = None,
        lock: net.OfflineLock | None = None,
        *,
        speed_limit: int = 0,
        places: int = 1,
        silence: float = SILENCE,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`file` keeps the queue; without one it lasts as long as this object.

        Args:
            access: the way to the Hub; its token is asked for in the downloads' own loop.
            file: of JSON; another program that uses the same one leaves it to the first.
            lock: keeps Hearth offline while it is closed.
            speed_limit: in bytes per second for all together; 0 for none.
            places: how many are fetched at a time.
            silence: seconds without a byte after which a connection is given up.
            first_pause: seconds until the first new try; each further one waits longer.
        """
        self._access = access
        self._lock = lock or net.OfflineLock()
        self._limit = SpeedLimit(speed_limit)
        self._silence = silence
        self._first_pause = first_pause
        self._line = Line()
        self._file = QueueFile(file)
        self._engine = Engine(self._line, self._file, places, self._tell)
        self._listeners: list[Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_told = True  # the listeners know the newest state
        self._newest: tuple[Download, ...] = ()

    async def start(self) -> None:
        """Takes up what a former run has left, and begins; listeners are called on this loop."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._load)
        tools = Tools(
            access=self._access,
            limit=self._limit,
            save=self._engine.save,
            check_online=self._check_online,
            silence=self._silence,
            first_pause=self._first_pause,
        )
        await asyncio.to_thread(self._engine.start, tools)

    async def aclose(self) -> None:
        """Ends where it is; the next start goes on from there."""
        await asyncio.to_thread(self._engine.stop)
        await asyncio.to_thread(self._file.close)
        self._loop = None

    @property
    def items(self) -> tuple[Download, ...]:
        """All downloads in their order, as they are now."""
        return self._line.shown()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Has `listener` told of changes, about four times a second; returns how to end that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def add(self, model: HubModel, folder: Path) -> str:
        """Has a model fetched into a models folder; returns the id of the download.

        A model that is in the queue already is not doubled: it goes on if it had ended.

        Raises:
            BadReply: its files cannot become files on this disk.
        """
        folder = folder.absolute()
        list(placing.candidates(folder, model))
        job = self._made(_entry(model, folder))
        known = self._line.find(job.id)
        if known is None or known.is_done:
            self._line.add(job)
            self._engine.wake()
        else:
            self.resume(job.id)
        return job.id

    def pause(self, key: str) -> None:
        """Keeps what has come, and stays so until `resume`, also over a restart."""
        if job := self._line.find(key):
            job.is_paused = True
            self._engine.wake()

    def resume(self, key: str) -> None:
        """Has it go on; one that waits between two tries tries at once."""
        if job := self._line.find(key):
            if not job.is_wanted and not job.is_done:
                job.is_paused = job.is_failed = False
                job.progress.show(Stage.WAITING)
            self._engine.call(job.progress.poke)
            self._engine.wake()

    def cancel(self, key: str) -> None:
        """Forgets it and removes what has come; of one that is done, only forgets it."""
        if job := self._line.find(key):
            litter = None if job.is_done else job.work_folder
            self._line.remove(key, litter)
            self._engine.wake()

    def move(self, key: str, place: int) -> None:
        """Puts it at a place in the queue, counted from 0."""
        self._line.move(key, place)
        self._engine.wake()

    def set_speed_limit(self, rate: int) -> None:
        """Bytes per second for all together, from now on; 0 for none."""
        self._limit.set(rate)
        self._engine.call(self._limit.release)

    def wake(self) -> None:
        """The network, a drive or the person's leave may be back: what waits looks at once."""
        self._engine.call(self._engine.poke)

    def _load(self) -> None:
        queue = self._file.open()
        mine = self._line.jobs  # what was added before the start
        for entry in queue.downloads:
            job = self._made(entry)
            work = WorkFolder(job.folder, job.model)
            if not entry.is_done or work.path.is_dir():
                job.came = work.came()
                self._line.add(job)
        self._line.litter |= frozenset(queue.litter)
        for job in mine:
            self._line.add(job)

    def _made(self, entry: Entry) -> Job:
        where = hashlib.sha256(str(entry.folder).encode("utf-8", "replace")).hexdigest()
        return Job(
            id=f"{key_of(entry.model)}-{where[:DIGITS]}",
            model=entry.model,
            folder=entry.folder,
            added=entry.added,
            progress=Progress(self._engine.wake),
            is_paused=entry.is_paused,
            folder_was_there=entry.folder_was_there,
        )

    def _check_online(self) -> None:
        link = net.Link(self._access.endpoint)
        try:
            self._lock.check(link)
        except Misconfigured as error:
            raise Misconfigured(
                "Hearth is set to stay offline, so nothing is fetched.",
                "Allow connections in the settings.",
                code=IS_OFFLINE,
            ) from error

    def _tell(self, shown: tuple[Download, ...]) -> None:
        """In the engine's thread: has the listeners told on their loop, the newest state alone."""
        self._newest = shown
        loop = self._loop
        if self._is_told and loop is not None:
            self._is_told = False
            with suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_told = True
        shown = self._newest
        for listener in tuple(self._listeners):
            listener(shown)


def _entry(model: HubModel, folder: Path) -> Entry:
    """Raises BadReply where there is nothing to fetch, or nothing that can be kept in the queue."""
    is_sound = model.files and model.revision and all(file.size >= 0 for file in model.files)
    try:
        entry = Entry(model=model, folder=folder, added=datetime.now(UTC))
        entry.model_dump_json()
    except ValueError:
        is_sound = False
    if not is_sound:
        raise BadReply(
            f"The Hub does not list the files of “{model.name}” as it should.",
            "Look at the model's files again in a moment.",
        )
    return entry
