"""A file of a repository, of which parts are read without fetching it whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin, urlsplit

from app import net
from app.errors import BadReply, StreamCut
from app.library.hub import failures
from app.library.hub.asking import MAX_REDIRECTS, REDIRECTS, refused
from app.library.hub.failures import Question

if TYPE_CHECKING:
    import httpx

    from app.library.hub.access import Access

SPAN = re.compile(r"bytes (\d+)-\d+/(\d+)")  # RFC 9110, 14.4
WHOLE, PART = 200, 206


class RemoteFile:
    """Reads ranges of bytes; the server may keep the file on another host, which gets no token.

    To be used as a context manager, which closes the connections.
    """

    def __init__(self, access: Access, repo: str, revision: str, file: str) -> None:
        self._access = access
        self._address = access.file_address(repo, revision, file)
        self._question = Question(access.name, repo, file)
        self._clients: dict[str, tuple[net.Link, httpx.AsyncClient]] = {}  # by scheme and host
        self._opened = AsyncExitStack()
        self.size = 0  # bytes of the whole file; known after the first read

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def read(self, start: int, count: int) -> bytes:
        """The bytes from `start` on; fewer than `count` only where the file ends.

        Raises:
            ProviderError: they cannot be fetched.
        """
        if self.size and start >= self.size:
            return b""
        for _ in range(MAX_REDIRECTS + 1):
            link, client = await self._client()
            quiet = net.Silence(self._question.name, link.reply_seconds, link.reply_seconds)
            with failures.translated(self._question.name, link):
                async with quiet.watching():
                    data = await self._ask(client, quiet, start, count)
            if data is not None:
                return data
        raise self._strange()

    async def _client(self) -> tuple[net.Link, httpx.AsyncClient]:
        """For the host that the address leads to now."""
        parts = urlsplit(self._address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._clients:
            link = await self._access.link(origin)
            client = await self._opened.enter_async_context(await self._access.client(link))
            self._clients[origin] = link, client
        return self._clients[origin]

    async def _ask(
        self, client: httpx.AsyncClient, quiet: net.Silence, start: int, count: int
    ) -> bytes | None:
        """The bytes, or None where the file turns out to be elsewhere."""
        headers = {"Range": f"bytes={start}-{start + count - 1}", "Accept-Encoding": "identity"}
        request = client.build_request("GET", self._address, headers=headers)
        with quiet.reading():
            response = await client.send(request, stream=True)
        pieces = response.aiter_raw()  # must outlive the response: httpcore's generators need it
        try:
            target = response.headers.get("location", "")
            if response.status_code in REDIRECTS and target:
                self._go_to(target)
                return None
            if response.status_code not in (WHOLE, PART):
                with quiet.reading():
                    with_token = "authorization" in request.headers
                    raise await refused(response, self._question, with_token=with_token)
            skip = self._measured(response, start)
            return await self._taken(pieces, quiet, skip, min(count, self.size - start))
        finally:
            await response.aclose()

    def _go_to(self, target: str) -> None:
        try:
            address = urljoin(self._address, target)
            old, new = urlsplit(self._address).scheme, urlsplit(address).scheme
            _ = urlsplit(address).port
        except ValueError as error:
            raise self._strange(target) from error
        if new != "https" and (new != "http" or old == "https"):  # never to weaker encryption
            raise self._strange(address)
        self._address = address

    async def _taken(
        self, pieces: AsyncIterator[bytes], quiet: net.Silence, skip: int, wanted: int
    ) -> bytes:
        """So many bytes, after those that are passed by."""
        data = bytearray()
        while len(data) < wanted:
            with quiet.reading():
                piece = await anext(pieces, b"")
            if not piece:
                raise StreamCut(
                    f"The connection to {self._question.name} broke.",
                    "Try again in a moment.",
                    f"{len(data)} of {wanted} bytes came",
                    provider=self._question.name,
                )
            data += piece[skip:]
            skip = max(0, skip - len(piece))
        return bytes(data[:wanted])

    def _measured(self, response: httpx.Response, start: int) -> int:
        """Notes the size of the file; the number of bytes that come before those at `start`."""
        told = response.headers
        if response.status_code == PART:
            match = SPAN.fullmatch(told.get("content-range", ""))
            if match is None or int(match[1]) != start:
                raise failures.damaged_reply(self._question.name, told.get("content-range", ""))
            self.size = int(match[2])
            return 0
        if "html" in told.get("content-type", "") or not told.get("content-length", "").isdigit():
            raise self._strange()
        self.size = int(told["content-length"])
        return start

    def _strange(self, address: str = "") -> BadReply:
        return failures.strange_page(self._question.name, f"at {address or self._address}")
