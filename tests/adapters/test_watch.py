"""The watch over real ports: servers come, answer late, go, and are asked no more than needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from app.llm.discovery import service, watch
from app.llm.discovery.addresses import Address
from app.llm.discovery.watch import Watcher
from app.schema import FoundServer
from tests.fakes.servers.http import FakeServer, Received, Reply, running

PATIENCE = 20  # seconds after which a test that waits for an event has failed


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SLOWEST_SECONDS", 0.02)


class Log:
    """What the watcher told, and a way to wait for it."""

    def __init__(self, *ports: int) -> None:
        self.ports = ports
        self.told: asyncio.Queue[tuple[list[str], list[str], list[str]]] = asyncio.Queue()
        self.searches = 0
        self.looks = 0
        self.looked = asyncio.Condition()

    async def find(self) -> list[FoundServer]:
        self.searches += 1
        return await service.find(self.ports)

    async def scan(self) -> frozenset[Address]:
        found = await service.open_addresses(self.ports)
        async with self.looked:
            self.looks += 1
            self.looked.notify_all()
        return found

    def tell(
        self,
        came: Sequence[FoundServer],
        went: Sequence[FoundServer],
        now: Sequence[FoundServer],
    ) -> None:
        names = [[server.kind for server in servers] for servers in (came, went, now)]
        self.told.put_nowait((names[0], names[1], names[2]))

    async def next(self) -> tuple[list[str], list[str], list[str]]:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()

    async def more_looks(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE), self.looked:
            goal = self.looks + count
            await self.looked.wait_for(lambda: self.looks >= goal)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[Watcher]:
        watcher = Watcher(self.find, self.tell, 0.01, scan=self.scan)
        watcher.start()
        try:
            yield watcher
        finally:
            await watcher.aclose()


def ollama() -> FakeServer:
    server = FakeServer()
    server.route("GET", "/", lambda _: Reply(b"Ollama is running", content_type="text/plain"))
    return server


async def test_a_server_comes_and_goes() -> None:
    server = ollama()
    await server.start()
    port = server.port
    log = Log(port)
    async with log.watching():
        assert await log.next() == (["ollama"], [], ["ollama"])
        await server.stop()
        assert await log.next() == ([], ["ollama"], [])
        again = ollama()
        await again.start(port=port)
        assert await log.next() == (["ollama"], [], ["ollama"])
        await again.stop()
    assert log.told.empty() or await log.next() == ([], ["ollama"], [])


async def test_servers_are_asked_only_when_other_ports_are_open() -> None:
    async with running(ollama()) as server:
        log = Log(server.port)
        async with log.watching() as watcher:
            await log.next()
            asked = len(server.received)
            await log.more_looks(8)
            assert (log.searches, len(server.received)) == (1, asked)
            watcher.hurry()
            await log.more_looks(3)
            assert log.searches == 2
        assert log.told.empty()


async def test_a_server_that_answers_late_is_asked_again() -> None:
    server = FakeServer()  # its port is open already
    async with running(server):
        log = Log(server.port)
        async with log.watching():
            await log.more_looks(2)
            server.route("GET", "/", lambda _: Reply(b"Ollama is running"))
            assert await log.next() == (["ollama"], [], ["ollama"])


async def test_a_port_that_stays_unknown_is_left_alone() -> None:
    async with running(FakeServer()) as server:
        log = Log(server.port)
        async with log.watching():
            await log.more_looks(12)
            assert log.searches == 1 + watch.MORE_TRIES
        assert log.told.empty()


async def test_a_busy_server_has_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = asyncio.Event()
    server = FakeServer()

    async def answer(_: Received) -> Reply:
        if busy.is_set():
            await asyncio.Event().wait()
        return Reply(b"Ollama is running")

    server.route("GET", "/", answer)
    async with running(server), running(ollama()) as other:
        log = Log(server.port, other.port)
        async with log.watching():
            while (await log.next())[2] != ["ollama", "ollama"]:
                pass
            monkeypatch.setattr(service, "DEADLINE_SECONDS", 0.3)
            busy.set()
            await other.stop()
            assert await log.next() == ([], ["ollama"], ["ollama"])


async def test_a_new_version_neither_comes_nor_goes() -> None:
    server = ollama()
    server.route("GET", "/api/version", {"version": "1"})
    async with running(server):
        log = Log(server.port)
        async with log.watching() as watcher:
            await log.next()
            server.route("GET", "/api/version", {"version": "2"})
            watcher.hurry()
            assert await log.next() == ([], [], ["ollama"])


async def test_it_can_be_closed_twice_and_before_it_began() -> None:
    log = Log(1)
    watcher = Watcher(log.find, log.tell, scan=log.scan)
    await watcher.aclose()
    watcher.start()
    watcher.start()
    await log.more_looks(1)
    await watcher.aclose()
    await watcher.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "watch for servers"]


async def test_an_error_of_ours_is_not_swallowed() -> None:
    log = Log(1)

    async def broken() -> list[FoundServer]:
        raise ValueError("a bug")

    watcher = Watcher(broken, log.tell, scan=log.scan)
    watcher.start()
    await log.more_looks(1)
    while [task for task in asyncio.all_tasks() if task.get_name() == "watch for servers"]:
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="a bug"):
        await watcher.aclose()
