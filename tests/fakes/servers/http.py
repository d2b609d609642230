"""An HTTP/1.1 server on loopback with control over every byte that it sends."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 302: "Found", 401: "Unauthorized", 404: "Not Found", 503: "Unavailable"}


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What is sent back: `body`, or `pieces` one after the other with `pause` seconds between."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    pause: float = 0.0
    wait: asyncio.Event | None = None  # awaited before the head
    late: asyncio.Event | None = None  # awaited between the head and the pieces
    hold: asyncio.Event | None = None  # awaited before the end
    cut: bool = False  # the connection breaks instead of ending as it should


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A reply in JSON."""
    return Reply(json.dumps(value).encode(), status, headers=headers)


def sse(*events: Any, done: bool = True, **how: Any) -> Reply:
    """A stream of server-sent events: objects as JSON, strings as they are."""
    pieces = [
        f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()
        for event in events
    ]
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Reply(content_type="text/event-stream", pieces=pieces, **how)


def events(*pieces: bytes, **how: Any) -> Reply:
    """A stream of server-sent events in pieces as they are."""
    return Reply(content_type="text/event-stream", pieces=pieces, **how)


def ndjson(*lines: Any, **how: Any) -> Reply:
    """A stream of lines in JSON."""
    pieces = [(json.dumps(line) + "\n").encode() for line in lines]
    return Reply(content_type="application/x-ndjson", pieces=pieces, **how)


Handler = Callable[[Received], Reply | Awaitable[Reply]]


class FakeServer:
    """Answers by its routes; replies that were enqueued for a path come first."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Handler] = {}
        self.otherwise: Handler | None = None  # for paths without a route, in place of the 404
        self.received: list[Received] = []
        self.disconnects: list[float] = []  # time.monotonic of connections that broke in a stream
        self.recut: int | None = None  # streams are sent in pieces of so many bytes
        self.cut_at: int | None = None  # streams end in the proper way after so many bytes
        self.streamed = 0  # bytes of the newest stream
        self.changes: dict[str, Callable[[Reply], Reply]] = {}  # of the replies to a path
        self.open_connections = 0
        self._next: dict[str, deque[Reply]] = {}
        self._server: asyncio.Server | None = None
        self._scheme = "http"
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def route(self, method: str, path: str, handler: Handler | Any) -> None:
        """Answers a path by a function, or always with the same JSON."""
        self.routes[method, path] = handler if callable(handler) else lambda _: as_json(handler)

    def enqueue(self, path: str, *replies: Reply) -> None:
        """The next replies to a path, before its route is asked."""
        self._next.setdefault(path, deque()).extend(replies)

    def last(self, path: str) -> Received:
        """The newest request to a path."""
        return [request for request in self.received if request.path == path][-1]

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._scheme = "https" if tls else "http"
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the server stops
        finally:
            self.open_connections -= 1
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)  # until here `stop` waits for it

    async def _answer(
        self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Sends the reply; returns whether the connection stays."""
        waiting = self._next.get(request.path)
        handler = self.routes.get((request.method, request.path), self.otherwise)
        if waiting:
            reply = waiting.popleft()
        elif handler is not None:
            made = handler(request)
            reply = made if isinstance(made, Reply) else await made
        else:
            reply = as_json({"error": {"message": "no such path", "code": 404}}, 404)
        if request.path in self.changes:
            reply = self.changes[request.path](reply)
        if reply.wait is not None and not await self._held(reply.wait, reader):
            return False
        writer.write(_head(reply))
        if reply.late is not None and not await self._held(reply.late, reader):
            return False
        if reply.pieces is not None:
            return await self._stream(reply, reader, writer)
        writer.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        await writer.drain()
        return not reply.cut

    async def _stream(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        self.streamed = 0
        gone = asyncio.ensure_future(self._watch(reader))
        try:
            for piece in self._recut(reply.pieces or ()):
                if gone.done():
                    return False
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
                self.streamed += len(piece)
                if reply.pause:
                    await asyncio.wait([gone], timeout=reply.pause)
            if reply.hold is not None:
                await _first(gone, reply.hold)
            if gone.done():
                return False
        except ConnectionError:
            self.disconnects.append(time.monotonic())
            return False
        finally:
            await _ended(gone)
        if not reply.cut:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return not reply.cut

    async def _held(self, event: asyncio.Event, reader: asyncio.StreamReader) -> bool:
        """Waits for the event; returns whether the client is still there."""
        gone = asyncio.ensure_future(self._watch(reader))
        try:
            await _first(gone, event)
            return not gone.done()
        finally:
            await _ended(gone)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        """Ends when the client has closed the connection."""
        while not reader.at_eof():
            with suppress(ConnectionError):
                if not reader._buffer and not reader._eof:  # type: ignore[attr-defined]
                    await reader._wait_for_data("watch")  # type: ignore[attr-defined]
                elif not reader._eof:  # type: ignore[attr-defined]
                    return
                continue
            break
        self.disconnects.append(time.monotonic())

    def _recut(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        if self.recut is None and self.cut_at is None:
            yield from pieces
            return
        whole = b"".join(pieces)[: self.cut_at]
        size = self.recut or len(whole) or 1
        for at in range(0, len(whole), size):
            yield whole[at : at + size]


def _head(reply: Reply) -> bytes:
    fields = {"Content-Type": reply.content_type, "Connection": "keep-alive", **reply.headers}
    if reply.pieces is not None:
        fields["Transfer-Encoding"] = "chunked"
    else:
        fields["Content-Length"] = str(len(reply.body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}\r\n{lines}\r\n".encode()


async def _first(gone: asyncio.Future[None], event: asyncio.Event) -> None:
    """Waits for the event, or for the client to go."""
    held = asyncio.ensure_future(event.wait())
    either: list[asyncio.Future[Any]] = [gone, held]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        held.cancel()


async def _ended(watch: asyncio.Future[None]) -> None:
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in rest if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Received(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


@asynccontextmanager
async def running(
    server: FakeServer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FakeServer]:
    """The server, for the length of a block."""
    await server.start(tls=tls)
    try:
        yield server
    finally:
        await server.stop()
