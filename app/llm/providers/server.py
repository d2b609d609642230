"""One HTTP server as the providers see it: JSON, streams, and errors in our own terms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import net
from app.errors import BadReply, HearthError, Misconfigured, TimedOut, Unreachable
from app.llm.providers import failures

if TYPE_CHECKING:
    import httpx

    from app.schema import Endpoint

LARGEST_ERROR = 64_000  # bytes of a reply that is only read for its message
LARGEST_REPLY = 256 * 1024 * 1024  # bytes of one that is no stream; more is no list and no vector


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply that comes piece by piece; `name` is the server's."""

    name: str
    content_type: str
    pieces: AsyncGenerator[bytes, None]

    def check(self) -> None:
        """Raises BadReply where it says that it is a web page."""
        if self.content_type == "text/html":
            raise failures.web_page(self.name)


class Server:
    """Sends requests; the connection is made at the first one."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        *,
        headers: Mapping[str, str] | None = None,
        lock: net.OfflineLock | None = None,
    ) -> None:
        """`name` stands in messages; `headers` are the dialect's, and the person's win."""
        self.name = name
        own = {name.lower() for name, _ in endpoint.headers}
        ours = {name: said for name, said in (headers or {}).items() if name.lower() not in own}
        self.link = net.Link(
            url=endpoint.url,
            headers={**ours, **dict(endpoint.headers)},
            verify=endpoint.verify,
            ca_file=endpoint.ca_file,
            proxy=endpoint.proxy,
            connect_seconds=endpoint.connect_seconds,
            reply_seconds=endpoint.reply_seconds,
            silence_seconds=endpoint.silence_seconds,
        )
        self._query = dict(endpoint.query)
        self._lock = lock
        self._client: httpx.AsyncClient | None = None
        self._is_closed = False
        self._sending: set[asyncio.Future[httpx.Response]] = set()  # until the head has come
        self._connecting = asyncio.Lock()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON of a GET. Raises HearthError."""
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Mapping[str, Any], seconds: float | None = None) -> Any:
        """The decoded JSON of a POST; `seconds` replaces the usual time-out. Raises HearthError."""
        return await self.call("POST", path, body, seconds=seconds)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Any:
        """The decoded JSON of a reply, None for an empty one, the text for what is no JSON."""
        limit = seconds or self.link.reply_seconds
        try:
            async with asyncio.timeout(limit), self._open(method, path, body, query) as response:
                content = await self._whole(response)
        except TimeoutError:
            raise TimedOut(
                f"{self.name} did not answer within {limit:g} seconds.",
                "See whether it is busy, then try again.",
                provider=self.name,
            ) from None
        return _decoded(content)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        body: Mapping[str, Any],
        method: str = "POST",
        query: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Stream, None]:
        """Opens a stream; leaving the block closes the connection, and so ends the request.

        Raises:
            HearthError: the request failed, also while the pieces are read.
        """
        async with self._open(method, path, body, query) as response:
            content_type = response.headers.get("content-type", "").partition(";")[0].strip()
            yield Stream(self.name, content_type.lower(), self._pieces(response))

    async def aclose(self) -> None:
        """Closes the connections."""
        async with self._connecting:  # a client that is being made is closed as well
            self._is_closed = True
            client, self._client = self._client, None
        # httpx forgets a connection that is still being made when it is closed.
        sending = tuple(self._sending)
        for request in sending:
            request.cancel()
        if sending:
            await asyncio.wait(sending)
        if client is not None:
            await client.aclose()

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        quiet = net.Silence(self.name, self.link.silence_seconds)
        source = response.aiter_bytes()
        try:
            with net.translated(self.name, self.link.url):  # once, not around each piece
                async with quiet.watching():
                    while True:
                        with quiet.reading():
                            piece = await anext(source, None)
                        if piece is None:
                            return
                        yield piece
        finally:
            await response.aclose()  # before `source` goes: httpcore's generators need it closed

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> AsyncGenerator[httpx.Response, None]:
        """A reply whose head has come and says that all is well."""
        client = await self._connected()
        with net.translated(self.name, self.link.url):
            request = client.build_request(
                method,
                path,
                json=body,
                params={**self._query, **(query or {})} or None,
            )
            response = await self._sent(client, request)
        try:
            if response.status_code >= 300:
                raise await self._refusal(response)
            yield response
        finally:
            await response.aclose()

    async def _sent(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """The head of the reply. Raises Unreachable where the provider is closed meanwhile."""
        sending = asyncio.ensure_future(client.send(request, stream=True))
        self._sending.add(sending)
        try:
            return await sending
        except asyncio.CancelledError:
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                await sending.result().aclose()  # it came together with the cancelling
            task = asyncio.current_task()
            if self._is_closed and task is not None and not task.cancelling():
                raise self._renewed() from None
            raise
        finally:
            self._sending.discard(sending)

    async def _whole(self, response: httpx.Response) -> bytes:
        """The body of a reply that is no stream. Raises HearthError."""
        content = bytearray()
        with net.translated(self.name, self.link.url):
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > LARGEST_REPLY:
                    raise BadReply(
                        f"{self.name} sent a reply that does not end.",
                        "Check its address in the settings: this is no answer of a model server.",
                        provider=self.name,
                    )
        return bytes(content)

    def _renewed(self) -> Unreachable:
        return Unreachable(f"{self.name} has been set up anew.", "Try again.", provider=self.name)

    async def _connected(self) -> httpx.AsyncClient:
        if self._lock is not None:
            self._lock.check(self.link)
        async with self._connecting:
            if self._is_closed:
                raise self._renewed()
            if self._client is None:
                self._client = await net.client(self.link, self._lock)
            return self._client

    async def _refusal(self, response: httpx.Response) -> HearthError:
        if response.status_code < 400:
            return Misconfigured(
                f"{self.name} sends Hearth on to another address, "
                f"{response.headers.get('location', 'which it does not name')}.",
                "If you trust that address, enter it in the settings; it was not followed, so that "
                "no key and no message goes where you did not send it.",
                provider=self.name,
                status=response.status_code,
            )
        content = b""
        with suppress(TimeoutError, HearthError):  # what has come of its message must do
            async with asyncio.timeout(self.link.reply_seconds):
                with net.translated(self.name, self.link.url):
                    async for piece in response.aiter_bytes():
                        content += piece
                        if len(content) > LARGEST_ERROR:
                            break
        headers = {key.lower(): value for key, value in response.headers.items()}
        return failures.failure(self.name, response.status_code, _decoded(content), headers)


def _decoded(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
