"""What the files of the fake Hub hold: bytes that were given, or as many as wanted from a seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cached_property

PERIOD = 1_048_573  # a prime: no two blocks of 1 MiB are alike
LAPS = 5  # of the pattern that are kept, so that big pieces can be sent without copying
PIECE = 1 << 20  # bytes


class Content:
    """The bytes of one file: `head`, and behind it a pattern made from `seed` up to `size`."""

    def __init__(self, size: int, seed: int = 0, head: bytes = b"") -> None:
        self.size = size
        self._head = memoryview(head)
        self._seed = seed

    @classmethod
    def of(cls, data: bytes) -> Content:
        """Exactly these bytes."""
        return cls(len(data), head=data)

    @cached_property
    def _pattern(self) -> memoryview:
        return memoryview(random.Random(self._seed).randbytes(PERIOD) * LAPS)

    @cached_property
    def sha256(self) -> str:
        """Of all bytes; the LFS hash."""
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()

    @cached_property
    def git_oid(self) -> str:
        """As git names the file where it is no large one."""
        digest = hashlib.sha1(b"blob %d\0" % self.size)
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self, start: int, end: int, size: int = PIECE) -> Iterator[memoryview]:
        """The bytes from `start` to before `end`, in pieces of at most `size`."""
        while start < end:
            piece = self._at(start, min(size, end - start))
            start += len(piece)
            yield piece

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`."""
        return b"".join(self.pieces(start, end))

    def _at(self, start: int, size: int) -> memoryview:
        if start < len(self._head):
            return self._head[start : start + size]
        at = (start - len(self._head)) % PERIOD
        return self._pattern[at : at + min(size, PERIOD * (LAPS - 1))]
