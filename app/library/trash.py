"""Deletes models so that it can be undone: they go into a hidden folder on their own drive.

A file moves to `.hearth-trash/<id>/<number>` beside it: no other program takes it for a model
there, and no byte is copied. The next start empties these folders.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelError, StorageError
from app.library.database import LibraryDatabase, Row, Table
from app.library.records import LibraryModel
from app.library.removal import Removal
from app.library.stores import names
from app.library.stores.store import has_folder, is_link

FULL = (errno.ENOSPC, errno.EDQUOT)
SHARING_VIOLATION = 32  # of Windows: another program, or this one, has the file open
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted: where each file was, and where it is now."""

    model: LibraryModel
    moves: tuple[tuple[Path, Path], ...]
    frees: int  # bytes, when the trash is emptied
    made: tuple[Path, ...] = ()  # folders that go with it once they are empty

    @property
    def can_be_undone(self) -> bool:
        """Whether the files are still in a trash; on a full drive there is room for none."""
        return bool(self.moves)


class Trash:
    """Moves files there and back; every call blocks, so callers use a thread."""

    def __init__(self, database: LibraryDatabase) -> None:
        self._database = database
        self._new: set[Path] = set()  # what this process can still undo

    def delete(self, removal: Removal, *, confirmed_foreign: bool = False) -> Deleted:
        """Takes a model's files away, all or none.

        Raises:
            ModelError: another program's model, and the person has not said that it may go.
            StorageError: a file cannot be moved; everything is as it was.
        """
        model = removal.model
        if model.is_foreign and not confirmed_foreign:
            raise ModelError(
                f"“{model.name}” belongs to {model.program}, so it was not deleted.",
                "Confirm that it may be deleted although another program uses it.",
            )
        try:
            moves = self._move(removal)
        except OSError as error:
            if error.errno in FULL:
                _delete_for_good(removal)
                return Deleted(model, (), removal.frees)
            raise explained(error, model) from error
        return Deleted(model, tuple(moves), removal.frees, removal.made)

    def undo(self, deleted: Deleted) -> None:
        """Puts the files back where they were, all or none.

        Raises:
            StorageError: another file is in the place of one, its drive is away, or it cannot be
                moved.
        """
        taken = next((file for file, _ in deleted.moves if os.path.lexists(file)), None)
        if taken is not None or not deleted.moves:
            raise StorageError(
                f"“{deleted.model.name}” cannot be brought back: "
                + (f"another “{names.shown(taken.name)}” is there." if taken else "it is gone."),
                "Move the other file away first." if taken else "",
            )
        # Looked for first: a folder made where a drive was would stand in the drive's place.
        if not all(os.path.lexists(kept) for _, kept in deleted.moves):
            raise StorageError(
                f"“{deleted.model.name}” cannot be brought back: its drive is not there now, or "
                "the trash was emptied.",
                "Connect the drive, and try again.",
            )
        done: list[tuple[Path, Path]] = []
        try:
            for file, kept in deleted.moves:
                file.parent.mkdir(parents=True, exist_ok=True)
                kept.rename(file)
                done.append((file, kept))
        except OSError as error:
            for file, kept in done:
                _is_moved(file, kept)
            raise explained(error, deleted.model, "brought back") from error
        self._drop({kept.parent for _, kept in deleted.moves})

    def purge(self, deleted: Deleted) -> None:
        """Frees at once what was deleted; it cannot be undone then."""
        for folder in {kept.parent for _, kept in deleted.moves}:
            shutil.rmtree(folder, onerror=_note_failure)
        self._drop({kept.parent for _, kept in deleted.moves})
        _take_away(deleted.made)

    def empty(self, found: Iterable[Path] = (), *, with_new: bool = False) -> int:
        """Frees what was deleted before this start, and returns how many bytes that was.

        Looks at the noted folders and at those `found` by a look; `with_new` gives up on undoing
        too. Only the program that shows Undo may call it. What is on a drive that is away, or
        cannot be deleted, is left for the next time.
        """
        rows = self._database.read(Table.TRASH)
        noted = {folder for folder in rows if folder.parent.name == names.TRASH}
        for trash in found:
            noted.update(_subfolders(trash) if trash.name == names.TRASH else ())
        total = 0
        gone: list[Path] = []
        for folder in noted if with_new else noted - self._new:
            size = _size(folder)
            if has_folder(folder) and not is_link(folder):
                shutil.rmtree(folder, onerror=_note_failure)
            if not os.path.lexists(folder):
                total += size
                _take_away((folder.parent, *_noted_folders(rows.get(folder))))
                if has_folder(folder.parent.parent):  # else its drive is away
                    gone.append(folder)
        self._new.difference_update(gone)
        self._database.write(Table.TRASH, {}, gone)
        return total

    def _move(self, removal: Removal) -> list[tuple[Path, Path]]:
        """Moves the files into a trash beside each; where one stays, all come back."""
        files = removal.files
        key = secrets.token_hex(8)
        done: list[tuple[Path, Path]] = []
        folders = {file.parent / names.TRASH / key for file in files}
        note = Row([os.fsencode(folder).hex() for folder in removal.made])
        # Noted first: after a crash the next start still finds it.
        self._database.write(Table.TRASH, dict.fromkeys(folders, note))
        self._new |= folders
        try:
            for folder in folders:
                folder.mkdir(parents=True)
            for number, file in enumerate(files):
                kept = file.parent / names.TRASH / key / str(number)
                file.rename(kept)
                done.append((file, kept))
        except BaseException as error:  # also when the person stops the program now
            stuck = [kept for file, kept in reversed(done) if not _is_moved(kept, file)]
            self._drop(folders)
            if stuck:  # what the next start must not empty
                self._database.write(Table.TRASH, {}, {kept.parent for kept in stuck})
                error.add_note(f"A file of it is in {names.shown(stuck[0].parent)} now.")
            raise
        return done

    def _drop(self, folders: Iterable[Path]) -> None:
        """Takes empty folders of the trash away."""
        gone = list(folders)
        self._new.difference_update(gone)
        for folder in gone:
            for each in (folder, folder.parent):
                with contextlib.suppress(OSError):
                    each.rmdir()
        self._database.write(Table.TRASH, {}, [one for one in gone if not os.path.lexists(one)])


def _is_moved(kept: Path, file: Path) -> bool:
    try:
        kept.rename(file)
    except OSError as error:
        _LOG.info("%s cannot be moved back: %s", file, error)
        return False
    return True


def _delete_for_good(removal: Removal) -> None:
    """Without a trash, for which a full drive has no room."""
    try:
        for file in removal.files:
            file.unlink()
    except OSError as error:
        raise explained(error, removal.model) from error
    _take_away(removal.made)


def _take_away(folders: Iterable[Path]) -> None:
    """Deletes those that are empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _noted_folders(row: Row | None) -> list[Path]:
    """Those that a deleted model was to take along; what is no such note has none."""
    try:
        return [Path(os.fsdecode(bytes.fromhex(text))) for text in row.value] if row else []
    except (TypeError, ValueError):  # an older Hearth noted less
        return []


def _note_failure(_function: object, path: str, error: object) -> None:
    _LOG.info("%s stays in the trash: %s", path, error)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if has_folder(each)]
    except OSError:
        return []


def _size(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def explained(error: OSError, model: LibraryModel, action: str = "deleted") -> StorageError:
    """Why a model's files could not be moved, in words that help."""
    where = names.shown(model.folder)
    if getattr(error, "winerror", None) == SHARING_VIOLATION or error.errno in (
        errno.EBUSY,
        errno.ETXTBSY,
    ):
        message, remedy = "it is in use.", "Unload it, close other programs that use it, try again."
    elif error.errno == errno.EROFS:
        message, remedy = "its drive can only be read.", "Nothing was changed."
    elif error.errno in (errno.EACCES, errno.EPERM):
        message = f"the folder {where} may not be changed by you."
        remedy = "Change the folder's permissions, or delete the file as its owner."
    elif error.errno == errno.ENOENT:
        message, remedy = "a file of it is not there any more.", "The list shows that in a moment."
    else:
        message, remedy = f"{error.strerror or error}.", f"Check the drive of {where}."
    remedy = " ".join((*getattr(error, "__notes__", ()), remedy))
    return StorageError(f"“{model.name}” could not be {action}: {message}", remedy, str(error))
