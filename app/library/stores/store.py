"""What one look at the disk gathers: files, the folders it went through, what was in the way."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.library.records import Presence, Source, StoreProblem
from app.library.stores import names

# Files whose content is in the cloud; a look into one would fetch it.
# Windows: FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS. macOS: SF_DATALESS.
RECALLED_ATTRIBUTES = 0x1000 | 0x40000 | 0x400000
DATALESS_FLAG = 0x40000000
IN_CLOUD = "It is kept in the cloud and not on this disk now."
REASONS = {
    errno.EACCES: "may not be read by you",
    errno.EPERM: "may not be read by you",
    errno.ENOTDIR: "is a file and not a folder",
    errno.ELOOP: "is a link that leads back to itself",
    errno.ENAMETOOLONG: "has too long a name",
    errno.EIO: "cannot be read, since its drive reports an error",
}
Identity = tuple[int, int] | str
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A model file, and what the place that has it knows of it."""

    path: Path
    size: int = 0  # bytes
    mtime_ns: int = 0
    identity: Identity = ""  # the same for all names of one file
    program: str = ""  # whose it is; "" for the person's or Hearth's own
    name: str = ""  # as the program calls it
    projector: Path | None = None  # that belongs to it
    source: Source | None = None
    licence: str = ""
    texts: tuple[tuple[str, Path], ...] = ()  # more about it: titles, and the files that hold it
    presence: Presence = Presence.HERE
    problem: str = ""  # why it cannot be used, where that needs no look into it
    is_shipped: bool = False
    other_names: tuple[str, ...] = ()  # that the program has for the same file

    @property
    def modified(self) -> float:
        """Seconds since the epoch."""
        return self.mtime_ns / 1e9


Claim = Callable[[], Iterator[StoreFile]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a folder of a program looks like, wherever it is."""

    program: str
    fits: Callable[[Collection[str]], bool]  # by what lies in it; folders have a slash
    read: Callable[[Look, Path], Iterator[StoreFile]]  # what only the program's own files tell
    is_whole: bool = False  # nothing else is to be found there


class Look:
    """One pass over the disk. No folder is looked into twice, however many ways lead to it."""

    def __init__(
        self,
        shapes: Sequence[Shape] = (),
        owner: Callable[[Path], str] = lambda _path: "",
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """`owner` says whose a path is by where it leads; `is_stopped` ends the pass early."""
        self.folders: dict[Path, int] = {}  # with the time of their last change, nanoseconds
        self.blocked: set[Path] = set()  # what could not be looked at, and may come back
        self.problems: list[StoreProblem] = []
        self.trash: list[Path] = []  # folders with what was deleted
        self.ways: dict[Path, Identity] = {}  # folders that may be on a drive of their own
        self.owner = owner
        self.is_stopped = is_stopped
        self._shapes = shapes
        self._seen: set[Identity] = set()
        self._claims: dict[Identity, Claim] = {}

    def enter(self, folder: Path) -> None:
        """Notes the beginning of a way that may lead onto another drive."""
        identity = identity_of(folder)
        if identity is not None:
            self.ways.setdefault(folder, identity)

    def check_ways(self) -> None:
        """Blocks those that ended meanwhile: what was not met there is away and not deleted."""
        self.blocked.update(
            folder for folder, before in self.ways.items() if identity_of(folder) != before
        )

    def is_blocked(self, path: Path) -> bool:
        """Whether something on the way to a path could not be looked at."""
        return bool(self.blocked) and not self.blocked.isdisjoint((path, *path.parents))

    def claim(self, folder: Path, reader: Claim) -> None:
        """Has `reader` read a folder, from wherever it is come upon."""
        identity = identity_of(folder)
        if identity is not None and identity not in self._seen:
            self._claims.setdefault(identity, reader)

    def claimed(self, folder: Path) -> Claim | None:
        """Who reads this folder, once."""
        identity = identity_of(folder) if self._claims else None
        return self._claims.pop(identity, None) if identity is not None else None

    def remaining_claims(self) -> Iterator[Claim]:
        """What was claimed and not come upon."""
        while self._claims:
            yield self._claims.pop(next(iter(self._claims)))

    def recognised(self, entries: Sequence[os.DirEntry[str]]) -> Shape | None:
        """The program whose folder this is, by what lies in it."""
        listed = {f"{entry.name}/" if is_folder(entry) else entry.name for entry in entries}
        return next((shape for shape in self._shapes if shape.fits(listed)), None)

    def entries(self, folder: Path, program: str = "") -> list[os.DirEntry[str]]:
        """What lies in a folder, by name; nothing where it was read before or cannot be."""
        if self.is_stopped():
            return []
        try:
            status = folder.stat()
            identity = _identity(status, folder)
            if identity in self._seen:
                return []
            self._seen.add(identity)
            if is_link(folder):
                self.ways.setdefault(folder, identity)
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except FileNotFoundError:
            if is_link(folder):  # what it leads to may be on a drive that is away
                self.blocked.add(folder)
            return []
        except OSError as error:
            self.blocked.add(folder)
            self.problems.append(StoreProblem(program, folder, why(folder, error)))
            return []
        # The time is from before the listing: what changes meanwhile is noticed the next time.
        self.folders[folder] = status.st_mtime_ns
        return entries

    def named(self, path: Path) -> StoreFile | None:
        """As `file`, for one that is known by its name: it may come back with its folder."""
        found = self.file(path)
        if found is None and not has_folder(path.parent):
            self.blocked.add(path)
        return found

    def file(self, path: Path) -> StoreFile | None:
        """A regular file's facts; None where there is none."""
        try:
            status = path.stat()
        except FileNotFoundError:
            if is_link(path):  # what it leads to may be on a drive that is away
                self.blocked.add(path)
            return None
        except (OSError, ValueError) as error:
            _LOG.info("%r is left out: %s", path, error)
            self.blocked.add(path)
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        away = is_in_cloud(status)
        return StoreFile(
            path=path,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            identity=_identity(status, path),
            presence=Presence.AWAY if away else Presence.HERE,
            problem=IN_CLOUD if away else "",
        )


def is_in_cloud(status: os.stat_result) -> bool:
    """Whether only the file's name is on this disk, as OneDrive and iCloud do it."""
    attributes = getattr(status, "st_file_attributes", 0)
    flags = getattr(status, "st_flags", 0)
    return bool(attributes & RECALLED_ATTRIBUTES or flags & DATALESS_FLAG)


def identity_of(path: Path) -> Identity | None:
    """What is the same for all ways to one file or folder; None where there is none."""
    try:
        return _identity(path.stat(), path)
    except (OSError, ValueError):
        return None


def time_of(path: Path) -> int | None:
    """When a file or folder changed last, in nanoseconds; None where that cannot be seen."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def _identity(status: os.stat_result, path: Path) -> Identity:
    if status.st_ino:
        return (status.st_dev, status.st_ino)
    return os.path.realpath(path)  # on file systems without such numbers


def why(folder: Path, error: OSError) -> str:
    """A sentence on a folder that cannot be read."""
    reason = REASONS.get(error.errno or 0)
    if reason is None:
        reason = f"cannot be read: {error.strerror or error}"
    return f"The folder {names.shown(folder)} {reason}."


def is_link(path: Path) -> bool:
    """Whether a path is a symbolic link, whatever it leads to."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def has_file(path: Path) -> bool:
    """Whether there is a file that can be seen."""
    try:
        return path.is_file()
    except OSError:
        return False


def has_folder(path: Path) -> bool:
    """Whether there is a folder that can be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or leads to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
