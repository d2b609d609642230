"""The things outside that a download waits for, and how it notices that they have come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import HearthError, Misconfigured
from app.library.downloads import room
from app.library.downloads.threads import to_its_end
from app.library.downloads.troubles import Held

if TYPE_CHECKING:
    from app.library.downloads.work import WorkFolder
    from app.library.hub.access import Access


def away(folder: Path, *, can_be_made: bool) -> Held:
    """For the drive with the models folder."""

    async def is_back() -> bool:
        return folder.is_dir() or (can_be_made and folder.parent.is_dir())

    return Held(
        f"The folder {folder} is not there now.",
        "Connect its drive, or cancel this download and choose another folder.",
        is_back,
        failed=False,
    )


def busy(work: WorkFolder) -> Held:
    """For another program that works on the same model."""

    async def is_free() -> bool:
        try:
            return await to_its_end(work.take)
        finally:
            work.give_back()

    return Held(
        "Another Hearth is fetching this model into the same folder.",
        "This one waits until that is done.",
        is_free,
        failed=False,
    )


def full(folder: Path, lacking: int, wanted: int) -> Held:
    """For room on the disk: `lacking` bytes now, for `wanted` that are still to come."""

    async def has_room() -> bool:
        return not room.missing(folder, wanted)

    return Held(
        room.sentence(folder, lacking),
        "Free some room, and it goes on by itself; or cancel it and choose another folder.",
        has_room,
        failed=True,
    )


def offline(error: HearthError, access: Access) -> Held:
    """For the person's leave to use the network."""

    async def is_allowed() -> bool:
        try:
            client = await access.client(await access.link())
        except Misconfigured:
            return False
        await client.aclose()
        return True

    return Held(
        error.message,
        "Allow connections in the settings, and it goes on by itself.",
        is_allowed,
        failed=False,
    )
