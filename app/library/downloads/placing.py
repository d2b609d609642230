"""Where whole files go, and how they get there together without touching what is there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from app.errors import StorageError
from app.library.downloads import names
from app.library.downloads.follower import git_digest

if TYPE_CHECKING:
    from app.library.downloads.work import WorkFolder
    from app.library.records import HubFile, HubModel

PIECE = 1 << 18  # bytes
DIGITS = 8  # of a commit that name a folder


def candidates(folder: Path, model: HubModel) -> Iterator[tuple[Path, ...]]:
    """Where all files of the model could lie: the usual place, and one of its own.

    Raises:
        BadReply: a name is none that may become a path.
    """
    found = [names.parts(model.repo, file.path) for file in model.files]
    names.check_distinct(found)
    yield tuple(folder.joinpath(*parts) for parts in found)
    revision = names.parts(model.repo, model.revision[:DIGITS] or "other")[-1]
    yield tuple(folder.joinpath(*parts[:2], revision, *parts[2:]) for parts in found)


class Look:
    """Finds which of the files lie at their targets already; ends early when its block is left."""

    def __init__(self, targets: Sequence[Path], files: Sequence[HubFile]) -> None:
        self.read = 0  # bytes
        self._pairs = list(zip(targets, files, strict=True))
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_about: object) -> None:
        self._stopped = True

    def same(self) -> Sequence[int]:
        """Their numbers; blocks. Raises OSError."""
        return [number for number, pair in enumerate(self._pairs) if self._is_same(*pair)]

    def _is_same(self, path: Path, file: HubFile) -> bool:
        if not file.content or not path.is_file() or path.stat().st_size != file.size:
            return False
        digest = hashlib.sha256() if file.sha256 else git_digest(file.size)
        with path.open("rb", buffering=0) as stream:
            while not self._stopped and (piece := stream.read(PIECE)):
                digest.update(piece)
                self.read += len(piece)
        return digest.hexdigest() == file.content


def taken(targets: Sequence[Path]) -> StorageError:
    """The error where another file has every place."""
    there = next((path for path in targets if path.exists()), targets[0])
    return StorageError(
        f"{there} is there already, and is another file.",
        "Move that file elsewhere, then resume.",
    )


def place(work: WorkFolder, targets: Sequence[Path], there: Sequence[int], root: Path) -> None:
    """Moves the parts to where they belong, but for those numbers that are `there` already.

    Raises:
        StorageError: something else lies there, or the way leads out of the models folder.
        OSError: the disk refuses.
    """
    moved = [number for number in range(len(targets)) if number not in there]
    for number in moved:
        work.data(number).stat()  # somebody may have removed it
        target = targets[number]
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise StorageError(
                f"{target.parent} leads out of the models folder.",
                "Remove that link, or choose another folder for downloads.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise StorageError(
                f"{target} has appeared in the meantime.",
                "Move that file elsewhere, then resume.",
            )
    work.notes.placed = [str(target) for target in targets]
    work.write()
    for number in moved:
        work.data(number).replace(targets[number])


def take_back(work: WorkFolder) -> None:
    """After a sudden end while files were moved: all are parts again, to be looked at anew.

    Raises OSError.
    """
    for number, text in enumerate(work.notes.placed):
        target, data = Path(text), work.data(number)
        if not data.exists() and (work.path / f"{number}.blocks").exists() and target.is_file():
            target.replace(data)
    if work.notes.placed:
        work.notes.placed = []
        work.write()


def settle(targets: Sequence[Path]) -> None:
    """Has the disk hold the files and their names, against a sudden loss of power."""
    for path in (*targets, *{target.parent for target in targets}):
        try:
            opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        except OSError:  # Windows opens no folders, and needs none opened
            continue
        try:
            os.fsync(opened)
        except OSError:  # not every file system can
            continue
        finally:
            os.close(opened)
