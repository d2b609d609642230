"""The bytes of an answer, read as fast as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.errors import StreamCut

if TYPE_CHECKING:
    import httpx


class Body:
    """A part of a file on its way; `start` is where in the file its first byte belongs."""

    def __init__(self, response: httpx.Response, name: str, start: int, length: int | None) -> None:
        """`length` is that of the body in bytes, where the answer says it."""
        self.start = start
        self._response = response
        self._name = name
        self._length = length
        self._raw: AsyncIterator[bytes] | None = None

    async def pieces(self, most: Callable[[], int]) -> AsyncGenerator[bytes, None]:
        """The pieces in their order; `most` tells how many bytes to ask for at once.

        Raises:
            StreamCut: the answer ends too early.
        """
        with self._translated():
            # Kept until the response is closed: httpcore's generators must not go before.
            self._raw = self._response.aiter_raw()
            if self._length is None:
                async for piece in self._raw:
                    yield piece
                return
            first = await anext(self._raw, b"")
            yield first
            left = self._length - len(first)
            # httpx hands out 64 KiB at a time, each through its parser. Of a body whose length is
            # known the rest can be taken from the connection itself, four times as fast. The
            # connection is closed behind it, since the parser does not know that the body ended.
            stream = self._response.extensions["network_stream"]
            while left > 0:
                piece = await stream.read(min(left, most()))
                if not piece:
                    raise self._cut(f"{left} bytes are missing")
                left -= len(piece)
                yield piece

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpcore
        import httpx

        try:
            yield
        except (
            httpx.TransportError,
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
        ) as error:
            raise self._cut(repr(error)) from error

    def _cut(self, details: str) -> StreamCut:
        return StreamCut(
            f"The connection to {self._name} broke.",
            "Check the connection to the internet.",
            details,
            provider=self._name,
        )
