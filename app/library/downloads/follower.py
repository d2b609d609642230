"""Takes the hash of a file in a thread of its own, right behind the bytes that come."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

PIECE = 1 << 18  # bytes; small enough to stay in a processor's cache
LOOK_SECONDS = 0.5  # after which it looks for more bytes, if nobody tells of them
EXCERPT = 1 << 20


class Follower:
    """Reads what is on the disk, also what a former run has left there, and hashes it in order.

    To be used as a context manager, which ends the thread.
    """

    def __init__(self, path: Path, size: int, end: Callable[[], int]) -> None:
        """`size` is that of the whole file; `end` tells how much of it there is by now."""
        self.at = 0  # bytes hashed
        self._path = path
        self._size = size
        self._end = end
        self._digest = hashlib.sha256()
        self._more = threading.Event()
        self._stopped = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="hash", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_about: object) -> None:
        self._stopped = True
        self._more.set()
        self._thread.join()

    def wake(self) -> None:
        """There are more bytes."""
        self._more.set()

    async def result(self) -> str:
        """The hash in hexadecimal digits, once all bytes are there. Raises OSError."""
        self._more.set()
        await asyncio.to_thread(self._thread.join)
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def _run(self) -> None:
        try:
            with self._path.open("rb", buffering=0) as file:
                self._follow(file.readinto)
        except OSError as error:
            self._error = error

    def _follow(self, read: Callable[[memoryview], int | None]) -> None:
        buffer = memoryview(bytearray(PIECE))
        while self.at < self._size and not self._stopped:
            ready = min(PIECE, self._end() - self.at)
            count = (read(buffer[:ready]) or 0) if ready > 0 else 0
            if count:
                self._digest.update(buffer[:count])
                self.at += count
            else:
                self._more.wait(LOOK_SECONDS)
                self._more.clear()


def git_digest(size: int) -> hashlib._Hash:
    """Begins the name that git gives to a content of `size` bytes, as the Hub's ETag has it."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


async def git_name(path: Path, size: int) -> str:
    """The name that git gives to the content of a small file. Raises OSError."""
    return await asyncio.to_thread(_git_name, path, size)


def _git_name(path: Path, size: int) -> str:
    digest = git_digest(size)
    with path.open("rb") as file:
        while piece := file.read(EXCERPT):
            digest.update(piece)
    return digest.hexdigest()
