"""Fetches one model in the terminal, and tells how it goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import console
from app.errors import ApiError
from app.library import telling
from app.library.arrivals import Arrivals
from app.library.downloads import placing
from app.library.records import Stage

if TYPE_CHECKING:
    from app.core import Core
    from app.library.records import Download, HubModel

GOES_ON = "The same command goes on where it stopped."
ENDED = (Stage.FAILED, Stage.PAUSED)  # it would need the person


async def fetch(core: Core, model: HubModel, folder: Path) -> Download:
    """The download once the model is there, whole and checked; what has come is always kept.

    Raises:
        BadReply: its files cannot become files on this disk.
        ApiError: it needs the person.
    """
    before = {path for paths in placing.candidates(folder, model) for path in paths}
    before = {path for path in before if path.exists()}
    arrivals = Arrivals(core.library, core.downloads)
    try:
        await core.downloads.start()
        download = await _watched(core.downloads.add(model, folder), core)
    finally:
        await core.downloads.aclose()
        await arrivals.aclose()
        console.show()
    if before.issuperset(download.files):
        console.say("It is here already, and whole.")
    elif all(file.sha256 for file in model.files):
        console.say("It has come whole: its SHA-256 is that of the source.")
    return download


async def _watched(key: str, core: Core) -> Download:
    changed = asyncio.Event()
    forget = core.downloads.subscribe(lambda _items: changed.set())
    core.downloads.move(key, 0)
    told = ""
    try:
        while True:
            download = next(one for one in core.downloads.items if one.id == key)
            if download.stage is Stage.DONE:
                return download
            if download.stage in ENDED:
                raise _failure(download)
            if download.message != told:
                told = download.message
                _tell(download)
            console.show(telling.progress(download))
            changed.clear()
            await changed.wait()
    finally:
        forget()


def _tell(download: Download) -> None:
    """What keeps it from going on, once, also where nobody looks at the progress."""
    if download.message:
        console.show()
        console.say(" ".join(filter(None, (download.message, download.remedy))))


def _failure(download: Download) -> ApiError:
    remedy = f"{download.remedy} {GOES_ON}" if download.done else download.remedy
    return ApiError(download.message, remedy.strip(), download.details)
