"""Model servers in a process of their own, so that the client's figures are the client's alone.

python -m tests.bench.stream_server prints their ports in one line of JSON and serves until its
standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import chain, repeat

from tests.adapters.asking import ask
from tests.adapters.provider_cases import CASES, Case
from tests.bench.effort import CHUNKS
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, running

RATE = 2000  # chunks per second of the paced streams
PAUSE = 0.005  # seconds between the chunks of the endless ones
KINDS = ("openai-compatible", "ollama", "anthropic", "gemini")
LISTED = ("openai-compatible", "ollama", "llama-server", "lm-studio", "localai", "mistral-rs")
GONE = "/gone"  # tells when clients went, in seconds of time.monotonic


def case_of(kind: str) -> Case:
    """The kind, and the fake that answers it."""
    return next(case for case in CASES if case.kind == kind)


class Streams:
    """One stream of each sort, made of what a fake answers: one of its chunks, many times."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        pieces = list(reply.pieces or ())
        said = [b"Hello" in piece for piece in pieces].index(True)
        self._head, self._chunk, self._tail = pieces[:said], pieces[said], pieces[said + 1 :]

    def fast(self) -> Reply:
        """As fast as the client reads."""
        return replace(self._reply, pieces=self._whole())

    def paced(self) -> Reply:
        """At RATE chunks per second."""
        return replace(self._reply, pieces=_paced(self._whole()))

    def endless(self) -> Reply:
        """Until the client goes."""
        pieces = chain(self._head, repeat(self._chunk))
        return replace(self._reply, pieces=pieces, pause=PAUSE)

    def _whole(self) -> Iterable[bytes]:
        return chain(self._head, repeat(self._chunk, CHUNKS), self._tail)


def _paced(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Sleeps in this whole process: it has nothing else to do, and the event loop is less exact."""
    began = time.perf_counter()
    for number, piece in enumerate(pieces):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        yield piece


async def _learnt(case: Case, server: FakeServer) -> Streams:
    """What the fake answers to a real question."""
    heard: list[Reply] = []

    def keep(reply: Reply) -> Reply:
        heard.append(reply)
        return reply

    server.changes[case.path] = keep
    async with case.provider(server.url) as provider:
        await ask(provider, model=case.model)
    del server.changes[case.path]
    return Streams(heard[0])


def _answer(make: Callable[[], Reply], _request: Received) -> Reply:
    return make()


def _gone(server: FakeServer, _request: Received) -> Reply:
    return as_json(server.disconnects)


async def main() -> None:
    """Serves until the standard input ends."""
    ports: dict[str, int] = {}
    async with AsyncExitStack() as stack:

        async def begin(name: str, kind: str) -> FakeServer:
            server = await stack.enter_async_context(running(FakeServer()))
            case_of(kind).fill(server)
            ports[name] = server.port
            return server

        for kind in KINDS:
            case = case_of(kind)
            for sort in ("fast", "paced", "endless"):
                server = await begin(f"{kind} {sort}", kind)
                streams = await _learnt(case, server)
                server.route("POST", case.path, partial(_answer, getattr(streams, sort)))
                server.route("GET", GONE, partial(_gone, server))
        for kind in LISTED:
            await begin(f"{kind} listed", kind)
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
