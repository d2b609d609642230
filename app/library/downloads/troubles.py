"""What keeps a download from going on: what passes by itself, and what needs the person."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.errors import BadReply, HearthError, ProviderError, StorageError
from app.library.records import Stage

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class SourceChanged(ProviderError):
    """The file at the source is another one than was asked for."""


class WrongSize(BadReply):
    """The source sends another number of bytes than it has listed."""


class Damaged(ProviderError):
    """What the source sends is not what its hash says, however often it is fetched."""


class Held(HearthError):
    """Nothing can be done until something outside changes; `is_over` tells when it has."""

    def __init__(
        self, message: str, remedy: str, is_over: Callable[[], Awaitable[bool]], *, failed: bool
    ) -> None:
        super().__init__(message, remedy)
        self.is_over = is_over
        self.stage = Stage.FAILED if failed else Stage.WAITING


def may_pass(error: ProviderError) -> bool:
    """Whether it is worth another try without the person."""
    if isinstance(error, SourceChanged | Damaged):
        return False
    is_theirs = error.status is not None and error.status >= 500 and error.status != 501
    # A log-in page of the network in the file's place ends when the person has logged in.
    return error.may_pass or is_theirs or isinstance(error, BadReply)


def of_disk(error: OSError, folder: Path) -> StorageError:
    """What the disk said, for a person."""
    if error.errno in REFUSED:
        return StorageError(
            f"Hearth may not write in {folder}.",
            "Allow it, or choose another folder for downloads.",
            repr(error),
        )
    if error.errno == errno.EFBIG:
        return StorageError(
            f"The disk of {folder} takes no file as large as this one; with FAT32, which memory "
            "sticks often have, 4 GB is the most.",
            "Cancel this download, and choose a folder on another disk.",
            repr(error),
        )
    return StorageError(
        f"The disk of {folder} does not take the download: {error.strerror or error}.",
        "Check the disk and its connection, then resume.",
        repr(error),
    )
