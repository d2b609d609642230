"""Writes down where fetched models came from, when they have come whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.library.records import Download, Source, Stage

if TYPE_CHECKING:
    from app.library.catalog import Library
    from app.library.downloads.queue import Downloads


class Arrivals:
    """Follows the downloads on the event loop, and writes in a thread."""

    def __init__(self, library: Library, downloads: Downloads) -> None:
        self._library = library
        self._downloads = downloads
        self._noted = {one.id for one in downloads.items if one.stage is Stage.DONE}
        self._writing: set[asyncio.Future[Any]] = set()
        self._forget = downloads.subscribe(self._changed)

    async def aclose(self) -> None:
        """Follows no more; what is being written is written to its end."""
        self._forget()
        self._changed(self._downloads.items)  # the last one may have come without a word
        if self._writing:
            await asyncio.wait(self._writing)

    def _changed(self, downloads: Sequence[Download]) -> None:
        for one in downloads:
            if one.stage is Stage.DONE and one.files and one.id not in self._noted:
                self._noted.add(one.id)
                work = asyncio.ensure_future(asyncio.to_thread(self._note, one))
                self._writing.add(work)
                work.add_done_callback(self._writing.discard)

    def _note(self, download: Download) -> None:
        model = download.model
        for path, file in zip(download.files, model.files, strict=True):
            self._library.fetched(path, Source(model.repo, file.path, model.revision, file.sha256))
