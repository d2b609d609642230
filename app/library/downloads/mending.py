"""Finds what is damaged in a file whose hash is wrong, and fetches only that anew."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from app.library.downloads.threads import to_its_end
from app.library.downloads.troubles import Damaged

if TYPE_CHECKING:
    from app.library.downloads.part_file import PartFile
    from app.library.downloads.transfer import Transfer

ROUNDS = 2  # comparisons of the whole file with its source
CALM = 16  # good blocks behind a bad one, after which the hash is asked again
_LOG = logging.getLogger(__name__)


class Mender:
    """Compares the blocks on the disk with their checksums, then with the source."""

    def __init__(
        self, part: PartFile, transfer: Transfer, is_right: Callable[[], Awaitable[bool]]
    ) -> None:
        """`is_right` tells whether the hash of the whole is right now."""
        self._part = part
        self._transfer = transfer
        self._is_right = is_right
        self._sink: Comparison | None = None

    async def mend(self) -> None:
        """Returns when the file is right.

        Raises:
            Damaged: it cannot be made right.
            ProviderError, Held, OSError: as of a transfer.
        """
        bad = await self._bad_on_disk()
        if bad:
            _LOG.info("%d blocks changed on the disk: %s", len(bad), self._part.data)
            await self._compare(bad)
            if await self._is_right():
                return
        for _ in range(ROUNDS):
            if await self._compared_with_source():
                return
        raise self._damaged(f"{ROUNDS} comparisons did not help")

    async def _bad_on_disk(self) -> Sequence[int]:
        stopped = False

        def look() -> Sequence[int]:
            return list(self._part.bad_blocks(lambda: stopped))

        def stop() -> None:
            nonlocal stopped
            stopped = True

        return await to_its_end(look, stop=stop)

    async def _compared_with_source(self) -> bool:
        """One round over all blocks, the likely ones first; whether the file is right then."""
        is_changed = bool(await self._compare(self._part.seams()))
        if is_changed and await self._is_right():
            return True
        start = 0
        while start < self._part.blocks:
            sink = Comparison(self._part, start, CALM)
            await self._fill(sink, self._part.end)
            start = sink.block
            is_changed = is_changed or bool(sink.changed)
            if sink.changed and await self._is_right():
                return True
        if not is_changed:
            raise self._damaged("the source sends the same again")
        return False

    async def _compare(self, blocks: Sequence[int]) -> int:
        """Fetches these blocks again and keeps what came now; how many were different."""
        changed = 0
        start = 0
        while start < len(blocks):
            run = _neighbours(blocks, start)
            start += len(run)
            sink = Comparison(self._part, run[0])
            await self._fill(sink, self._part.block(run[-1])[1])
            changed += sink.changed
        return changed

    async def _fill(self, sink: Comparison, end: int) -> None:
        self._sink = sink
        await self._transfer.fill(sink, end)

    @property
    def at(self) -> int:
        """Bytes of the file that have been compared."""
        return min(self._sink.at, self._part.end) if self._sink else 0

    def _damaged(self, details: str) -> Damaged:
        return Damaged(
            "The file came whole, but it is not what its hash on the Hub says.",
            "Try another quantisation or another repository, or resume later to have it compared "
            "with its source once more.",
            f"{self._part.data.name}: {details}",
        )


class Comparison:
    """Takes blocks a second time, and rewrites those that differ from the first."""

    def __init__(self, part: PartFile, block: int, calm: int = 0) -> None:
        """Begins with `block`; ends early when `calm` good ones have followed a bad one."""
        self.block = block
        self.changed = 0
        self._part = part
        self._calm = calm
        self._good = 0  # in a row
        self._came = bytearray()

    @property
    def at(self) -> int:
        """Where in the file the next byte belongs; behind its end when enough has come."""
        is_enough = self._calm and self.changed and self._good >= self._calm
        if is_enough or self.block >= self._part.blocks:
            return self._part.end
        return self._part.block(self.block)[0] + len(self._came)

    def take(self, piece: memoryview) -> None:
        """Compares what has become whole. Raises OSError."""
        while piece and self.at < self._part.end:
            start, end = self._part.block(self.block)
            count = end - start - len(self._came)
            self._came += piece[:count]
            piece = piece[count:]
            if len(self._came) == end - start:
                self._finish()

    def ended(self) -> None:
        """The rest of a block may come over the next connection."""

    def _finish(self) -> None:
        # The second look is for a disk that has lost what was written to it.
        is_good = self._part.is_same(self.block, self._came) and self._part.is_good(self.block)
        if not is_good:
            self._part.rewrite(self.block, self._came)
            self.changed += 1
        self._good = self._good + 1 if is_good else 0
        self.block += 1
        self._came.clear()


def _neighbours(order: Sequence[int], start: int) -> Sequence[int]:
    """The blocks from `start` on that one request can bring."""
    end = start + 1
    while end < len(order) and order[end] == order[end - 1] + 1:
        end += 1
    return order[start:end]
