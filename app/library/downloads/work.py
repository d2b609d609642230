"""The folder of one download that has not come whole: what is in it, and whose it is now."""

from __future__ import annotations

import hashlib
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from app import storage
from app.library.downloads import names
from app.library.downloads.part_file import PartFile
from app.library.records import HubModel

if TYPE_CHECKING:
    from filelock import FileLock

VERSION = 1
JOB, LOCK = "job.json", "lock"
DIGITS = 16
_LOG = logging.getLogger(__name__)


class Notes(BaseModel):
    """What has been done so far, as it is written into the folder."""

    model_config = ConfigDict(extra="ignore")

    version: int = VERSION
    model: HubModel
    etags: dict[int, str] = {}  # by the number of the file, where the Hub lists no hash for it
    other_etags: dict[int, str] = {}  # the same of servers that have names of their own
    verified: list[int] = []  # files that are whole and on the disk
    placed: list[str] = []  # where the files go, once they are being moved


def key_of(model: HubModel) -> str:
    """The same for the same files of the same version."""
    files = "\0".join(f"{file.path}\0{file.size}\0{file.sha256}" for file in model.files)
    text = f"{model.repo}\0{model.revision}\0{files}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:DIGITS]


class WorkFolder:
    """Holds the parts; a lock keeps two programs from working on the same model.

    All methods block and may raise OSError.
    """

    def __init__(self, folder: Path, model: HubModel) -> None:
        self.path = folder / names.WORK_FOLDER / key_of(model)
        self.notes = Notes(model=model)
        self._lock: FileLock | None = None

    def part(self, number: int) -> PartFile:
        """One of the files."""
        size = self.notes.model.files[number].size
        return PartFile(self.data(number), self.path / f"{number}.blocks", size)

    def data(self, number: int) -> Path:
        """Where the bytes of a file are."""
        return self.path / f"{number}.part"

    def take(self) -> bool:
        """Makes the folder and locks it; False where another program works in it."""
        from filelock import FileLock, Timeout

        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return False
        except NotImplementedError:  # a disk of the network that knows no locks
            _LOG.info("no locks on %s", self.path)
        self._lock = lock
        self._read()
        return True

    def give_back(self) -> None:
        """Lets another program work in it."""
        if self._lock is not None:
            self._lock.release(force=True)
            self._lock = None

    def write(self) -> None:
        """Keeps the notes."""
        storage.write_atomically(self.path / JOB, self.notes.model_dump_json(indent=1))

    def is_verified(self, number: int) -> bool:
        """Whether a file is whole, right, and held by the disk."""
        size = self.notes.model.files[number].size
        return number in self.notes.verified and _size(self.data(number)) == size

    def came(self) -> int:
        """Bytes that lie here."""
        return sum(_size(self.data(number)) for number in range(len(self.notes.model.files)))

    def _read(self) -> None:
        """Takes up what a former run has noted; what cannot be read counts as nothing."""
        try:
            text = (self.path / JOB).read_text(encoding="utf-8")
            known = Notes.model_validate_json(text)
        except FileNotFoundError:
            return
        except (ValueError, ValidationError) as error:
            _LOG.info("damaged notes in %s: %s", self.path, error)
            return
        if known.version == VERSION and key_of(known.model) == key_of(self.notes.model):
            self.notes = known


def remove(path: Path) -> bool:
    """Takes the folder of a download away, and the one around it where that is empty then.

    Blocks. Returns whether nothing is left of it: its drive may be away, or another program may
    work in it.
    """
    from filelock import FileLock, Timeout

    if not path.parent.parent.is_dir():
        return False
    if path.is_dir():
        try:
            with FileLock(path / LOCK, timeout=0, thread_local=False):
                pass
        except Timeout:
            return True  # it belongs to that program now
        except (OSError, NotImplementedError) as error:
            _LOG.info("no lock in %s: %r", path, error)
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.parent.rmdir()
    return not path.exists()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
