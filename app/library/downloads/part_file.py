"""What has come of a file, with a checksum for each block, so that a restart can trust it."""

from __future__ import annotations

import logging
import os
import struct
import time
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20  # bytes of the largest block: the most that a sudden end can cost
SEAL_SECONDS = 1.0  # a block that grows slowly is ended after this time
TAIL = 16  # blocks at the end that are looked at before more is written behind them
RECORD = struct.Struct("<II")  # length and CRC-32 of a block, in the order of the file
_LOG = logging.getLogger(__name__)


class PartFile:
    """A file that grows at its end, and beside it a file of records, one for each whole block.

    All methods block; those that do more than a piece's work belong into a thread. They raise
    OSError.
    """

    def __init__(self, data: Path, records: Path, size: int) -> None:
        """`size` is that of the whole file."""
        self.data = data
        self.size = size
        self.end = 0  # bytes that have come
        self._records = records
        self._starts = array("Q")  # of the blocks
        self._sums = array("I")
        self._sealed = 0  # where the open block begins
        self._sum = 0  # of the open block so far
        self._since = 0.0  # when the open block began
        self._file: BinaryIO
        self._log: BinaryIO
        self._is_open = False

    def open(self) -> None:
        """Reads what there is, and lets go of all that its checksums do not confirm."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._file = _opened(self.data)
        try:
            self._log = _opened(self._records)
        except OSError:
            self._file.close()
            raise
        self._is_open = True
        self._read_records(self._log.read())
        self._verify_tail()
        self._cut(len(self._starts))

    def close(self) -> None:
        """Ends the open block and closes the files."""
        if not self._is_open:
            return
        self._is_open = False
        self.seal_if_possible()
        self._file.close()
        self._log.close()

    @property
    def is_whole(self) -> bool:
        """Whether all bytes have come."""
        return self.end >= self.size

    @property
    def blocks(self) -> int:
        """How many there are, without the open one."""
        return len(self._starts)

    def block(self, number: int) -> tuple[int, int]:
        """Where a block begins and ends."""
        after = number + 1
        return self._starts[number], (
            self._starts[after] if after < len(self._starts) else self._sealed
        )

    def append(self, piece: bytes | memoryview) -> None:
        """Writes a piece at the end."""
        view = memoryview(piece)
        if self._sealed == self.end:
            self._since = time.monotonic()
        while view:
            count = self._file.write(view[: self._sealed + BLOCK - self.end])
            self._sum = zlib.crc32(view[:count], self._sum)
            self.end += count
            view = view[count:]
            if self.end - self._sealed == BLOCK:
                self.seal()
        if time.monotonic() - self._since > SEAL_SECONDS:
            self.seal()

    def seal(self) -> None:
        """Ends the open block, so that a restart keeps it."""
        length = self.end - self._sealed
        if not length:
            return
        self._log.seek(self.blocks * RECORD.size)  # one before it may not have come whole
        self._log.write(RECORD.pack(length, self._sum))
        self._starts.append(self._sealed)
        self._sums.append(self._sum)
        self._sealed, self._sum, self._since = self.end, 0, time.monotonic()

    def seal_if_possible(self) -> None:
        """Ends the open block; where the disk is full, it stays open, and a restart loses it."""
        try:
            self.seal()
        except OSError as error:
            _LOG.info("a block was not sealed: %r", error)

    def is_good(self, number: int) -> bool:
        """Whether a block on the disk is what its checksum says."""
        start, end = self.block(number)
        return self.is_same(number, self._read(start, end))

    def is_same(self, number: int, data: bytes | bytearray) -> bool:
        """Whether these are the bytes of a block."""
        return zlib.crc32(data) == self._sums[number]

    def bad_blocks(self, stop: Callable[[], bool]) -> Iterator[int]:
        """The blocks that have changed on the disk since they came."""
        for number in range(self.blocks):
            if stop():
                return
            if not self.is_good(number):
                yield number

    def rewrite(self, number: int, data: bytes | bytearray) -> None:
        """Puts other bytes in the place of a block."""
        start, end = self.block(number)
        self._file.seek(start)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._file.seek(self.end)
        self._sums[number] = zlib.crc32(data)
        self._log.seek(number * RECORD.size)
        self._log.write(RECORD.pack(end - start, self._sums[number]))

    def seams(self) -> Sequence[int]:
        """The blocks where one connection ended and the next began: damage is likely there."""
        short = [
            number
            for number in range(self.blocks - 1)
            if self.block(number)[1] - self.block(number)[0] < BLOCK
        ]
        return sorted({*short, *(number + 1 for number in short)})

    def sync(self) -> None:
        """Has the disk hold what has been written; may be called from another thread."""
        for file in (self._file, self._log):
            if not file.closed:
                os.fsync(file.fileno())

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        found = bytearray()
        while len(found) < end - start and (piece := self._file.read(end - start - len(found))):
            found += piece
        self._file.seek(self.end)
        return bytes(found)

    def _read_records(self, text: bytes) -> None:
        there = min(self.size, os.fstat(self._file.fileno()).st_size)
        del self._starts[:], self._sums[:]
        at = 0
        for length, checksum in RECORD.iter_unpack(text[: len(text) // RECORD.size * RECORD.size]):
            if not 0 < length <= BLOCK or at + length > there:
                break
            self._starts.append(at)
            self._sums.append(checksum)
            at += length
        self._sealed = at

    def _verify_tail(self) -> None:
        while self.blocks:
            first = max(0, self.blocks - TAIL)
            bad = next((one for one in range(first, self.blocks) if not self.is_good(one)), None)
            if bad is None:
                return
            self._sealed = self._starts[bad]
            del self._starts[bad:], self._sums[bad:]

    def _cut(self, blocks: int) -> None:
        """Keeps so many blocks and nothing behind them."""
        self._sealed = self.block(blocks - 1)[1] if blocks else 0
        del self._starts[blocks:], self._sums[blocks:]
        self.end, self._sum = self._sealed, 0
        for file, length in ((self._log, blocks * RECORD.size), (self._file, self.end)):
            file.truncate(length)
            file.seek(length)


def _opened(path: Path) -> BinaryIO:
    """For reading and writing, made where it is not there, without a buffer."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o644), "r+b", buffering=0)
