"""Brings bytes of one file here, however often the connection breaks on the way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from app import wording
from app.errors import ProviderError, StreamCut, TimedOut
from app.library.downloads.troubles import WrongSize, may_pass

if TYPE_CHECKING:
    from app.library.downloads.pace import SpeedLimit
    from app.library.downloads.patience import Patience
    from app.library.downloads.progress import Progress
    from app.library.downloads.source import Source

SILENCE = 14.0  # seconds without a byte: noticed before 15 are over
LOOK_SECONDS = 1.0  # between two looks at what may forbid to go on
CRAWL_SECONDS = 30.0  # in which at least so many bytes must come
CRAWL_BYTES = 30_000
WORTH = 1 << 16  # bytes that make a connection a success
SIZE_TRIES = 4  # until another size is believed to be no slip of one answer
_LOG = logging.getLogger(__name__)


class Sink(Protocol):
    """Where bytes go."""

    @property
    def at(self) -> int:
        """Where in the file the next byte belongs."""

    def take(self, piece: memoryview) -> None:
        """Keeps a piece. Raises OSError."""

    def ended(self) -> None:
        """No more comes over this connection. Raises OSError."""


class Transfer:
    """Fetches ranges of one file; what passes by itself is tried again without end."""

    def __init__(
        self,
        source: Source,
        progress: Progress,
        limit: SpeedLimit,
        look: Callable[[], None],
        patience: Patience,
        silence: float,
    ) -> None:
        """`look` raises Held where something forbids to go on."""
        self._source = source
        self._progress = progress
        self._limit = limit
        self._look = look
        self._patience = patience
        self._silence = silence
        self._wrong_sizes = 0

    async def fill(self, sink: Sink, end: int) -> None:
        """Fetches until the sink has everything before `end`.

        Raises:
            ProviderError: something that does not pass by itself.
            Held: it cannot go on now.
            OSError: the disk does not take it.
        """
        while sink.at < end:
            before = sink.at
            self._look()
            error: ProviderError | None = None
            try:
                await self._connect(sink, end)
            except ProviderError as problem:
                if not self._is_worth_a_try(problem):
                    raise
                error = problem
            gained = sink.at - before
            if gained >= WORTH:
                self._patience.succeeded()
            if sink.at < end and (error is not None or gained < WORTH):
                await self._pause(error or self._cut())

    def _is_worth_a_try(self, error: ProviderError) -> bool:
        self._wrong_sizes = self._wrong_sizes + 1 if isinstance(error, WrongSize) else 0
        return may_pass(error) and self._wrong_sizes < SIZE_TRIES

    async def _pause(self, error: ProviderError) -> None:
        seconds = self._patience.pause(error.retry_after)
        _LOG.info("tried again in %.1f s: %s %s", seconds, error.message, error.details)
        remedy = f"Hearth tries again by itself, next in {wording.duration(seconds)}."
        self._progress.stalled(error, remedy, seconds)
        await self._progress.poked(seconds)

    async def _connect(self, sink: Sink, end: int) -> None:
        """One connection, until it ends, breaks, or has been silent for too long."""
        try:
            async with asyncio.timeout(self._silence) as quiet:
                heard = _Reset(quiet, self._silence)
                async with (
                    self._source.open(sink.at, end, heard) as body,
                    aclosing(body.pieces(self._most)) as pieces,
                ):
                    await self._read(pieces, sink, end, sink.at - body.start, heard)
        except TimeoutError as error:
            raise TimedOut(
                f"{self._source.name} has sent nothing for {wording.seconds(self._silence)}.",
                "Check the connection to the internet.",
                provider=self._source.name,
            ) from error
        finally:
            sink.ended()

    async def _read(
        self, pieces: AsyncIterator[bytes], sink: Sink, end: int, skip: int, heard: _Reset
    ) -> None:
        """Takes the pieces, but for the first `skip` bytes, which are there already."""
        looked = began = time.monotonic()
        came = 0
        async for piece in pieces:
            came += len(piece)
            wanted = memoryview(piece)[skip : skip + end - sink.at]
            skip = max(0, skip - len(piece))
            if wanted:
                # Here and not in a thread: a piece goes into the system's cache sooner than a
                # thread wakes up, and the loop is there for nothing but downloads.
                sink.take(wanted)
                self._progress.came(len(wanted))
            if self._limit.owed(len(piece)):
                heard.hold()
                await self._limit.wait()
            heard()
            if sink.at >= end:
                return
            if (now := time.monotonic()) - looked > LOOK_SECONDS:
                looked = now
                self._look()
                if now - began > CRAWL_SECONDS:
                    self._check_crawl(came)
                    began, came = now, 0

    def _check_crawl(self, came: int) -> None:
        """A new connection is often fast again where one has become a trickle."""
        if came < CRAWL_BYTES and not self._limit.rate:
            raise TimedOut(
                f"Hardly anything comes from {self._source.name}.",
                "Check the connection to the internet.",
                provider=self._source.name,
            )

    def _most(self) -> int:
        return self._limit.piece

    def _cut(self) -> StreamCut:
        return StreamCut(
            f"{self._source.name} ends its answers too early.",
            "Check the connection to the internet.",
            provider=self._source.name,
        )


class _Reset:
    """Called for each sign of life, so that the time-out begins anew."""

    def __init__(self, quiet: asyncio.Timeout, seconds: float) -> None:
        self._quiet = quiet
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time

    def __call__(self) -> None:
        self._quiet.reschedule(self._clock() + self._seconds)

    def hold(self) -> None:
        """Time that is spent elsewhere does not count."""
        self._quiet.reschedule(None)
