"""One file of a download: fetched, hashed while it comes, mended where its hash is wrong."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.library.downloads.follower import Follower, git_name
from app.library.downloads.mending import Mender
from app.library.downloads.patience import Patience
from app.library.downloads.source import Identity, Source
from app.library.downloads.threads import to_its_end
from app.library.downloads.transfer import Transfer
from app.library.records import Stage

if TYPE_CHECKING:
    from app.library.downloads.part_file import PartFile
    from app.library.downloads.progress import Progress
    from app.library.downloads.tools import Tools
    from app.library.downloads.work import WorkFolder

SYNC_SECONDS = 5.0  # after which the disk is made to hold what has come, against a loss of power
MENDING = "A part of it came damaged; only that is fetched again."
_LOG = logging.getLogger(__name__)


class FileJob:
    """Brings one file into the download's folder, whole and verified."""

    def __init__(
        self, work: WorkFolder, number: int, before: int, progress: Progress, tools: Tools
    ) -> None:
        """`number` is the file's in the model; `before` the bytes of the files before it."""
        self.part: PartFile = work.part(number)
        self._file = work.notes.model.files[number]
        self._work = work
        self._number = number
        self._before = before
        self._progress = progress
        self._source = Source(tools.access, work.notes.model, self._file)
        self._tools = tools
        self._disk_error: OSError | None = None

    async def run(self, look: Callable[[], None]) -> None:
        """Returns when the file is whole and right; `look` raises Held where it cannot go on.

        Raises:
            ProviderError, Held: as of a transfer.
            Damaged: it cannot be made right.
            OSError: of the disk.
        """
        try:
            await to_its_end(self.part.open)
            self._source.identity = self._noted_identity()
            transfer = self._transfer(look)
            if not await self._fetched(transfer):
                self._progress.note = MENDING
                mender = Mender(self.part, transfer, self._is_right)
                self._progress.measure = lambda: self._before + mender.at
                await mender.mend()
        finally:
            self._progress.note = ""
            self.part.close()

    async def keep(self) -> None:
        """Notes that this file is done, once the disk holds it."""
        await to_its_end(self._keep)

    def _keep(self) -> None:
        with self.part.data.open("rb+") as file:
            os.fsync(file.fileno())
        self._work.notes.verified.append(self._number)
        self._work.write()

    def _transfer(self, look: Callable[[], None]) -> Transfer:
        def look_here_too() -> None:
            if self._disk_error is not None:
                raise self._disk_error
            look()

        tools = self._tools
        patience = Patience(tools.first_pause)
        return Transfer(
            self._source, self._progress, tools.limit, look_here_too, patience, tools.silence
        )

    async def _fetched(self, transfer: Transfer) -> bool:
        """Fetches what is missing; whether the hash is right."""
        part = self.part
        self._progress.measure = lambda: self._before + part.end
        if not part.is_whole:
            self._progress.begin()
        if not self._file.sha256:
            await transfer.fill(_Growing(part, self._note_etag), part.size)
            return await self._is_right()
        async with self._synced():
            with Follower(part.data, part.size, lambda: part.end) as follower:
                await transfer.fill(_Growing(part, follower.wake), part.size)
                return await self._checked(follower) == self._file.sha256

    async def _checked(self, follower: Follower) -> str:
        self._progress.measure = lambda: self._before + follower.at
        self._progress.show(Stage.CHECKING)
        return await follower.result()

    async def _is_right(self) -> bool:
        """Reads the whole file from the disk and compares it with what it should be."""
        identity, part = self._source.identity, self.part
        if wanted := self._file.sha256 or identity.sha256:
            measure = self._progress.measure
            with Follower(part.data, part.size, lambda: part.end) as follower:
                is_right = await self._checked(follower) == wanted
            self._progress.measure = measure
            return is_right
        if name := self._file.git_name or identity.git_name:
            return await git_name(part.data, part.size) == name
        return True  # its size is right, and there is nothing else to go by

    def _note_etag(self) -> None:
        """Before the first byte is kept: a later answer must be of the same content."""
        identity, notes = self._source.identity, self._work.notes
        known = notes.etags if identity.is_of_hub else notes.other_etags
        if identity.etag and known.get(self._number) != identity.etag:
            known[self._number] = identity.etag
            self._work.write()

    def _noted_identity(self) -> Identity:
        """What the source called the content when the bytes came that are here."""
        notes, number = self._work.notes, self._number
        if not self.part.end:
            return Identity()
        if etag := notes.etags.get(number):
            return Identity(etag, is_of_hub=True)
        return Identity(notes.other_etags.get(number, ""))

    @asynccontextmanager
    async def _synced(self) -> AsyncIterator[None]:
        """Has the disk hold what has come, every few seconds."""
        task = asyncio.create_task(self._sync(), name="sync")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _sync(self) -> None:
        while self._disk_error is None:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await asyncio.to_thread(self.part.sync)
            except OSError as error:
                self._disk_error = error


class _Growing:
    """The end of a part file, as the place where bytes go."""

    def __init__(self, part: PartFile, tell: Callable[[], None]) -> None:
        """`tell` is called for each piece, before it is written."""
        self._part = part
        self._tell = tell

    @property
    def at(self) -> int:
        """Where in the file the next byte belongs."""
        return self._part.end

    def take(self, piece: memoryview) -> None:
        """Writes it. Raises OSError."""
        self._tell()
        self._part.append(piece)

    def ended(self) -> None:
        """What has come is kept as it is."""
        self._part.seal_if_possible()
