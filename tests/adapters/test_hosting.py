"""The servers that Hearth starts, as providers: two at once, after a crash, and when it ends."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import HearthError
from app.llm.discovery import server_process
from app.llm.discovery.server_process import ServerProcess
from app.llm.hosting import ServerHost
from app.llm.registry import Registry
from tests.adapters.asking import until
from tests.adapters.server_scripts import ask, install, is_gone

NAME, SECOND = "llama-server", "llama-server-2"


@pytest.fixture
def registry() -> Registry:
    return Registry({})


@pytest.fixture
async def host(tmp_path: Path, registry: Registry) -> AsyncIterator[ServerHost]:
    made = ServerHost(tmp_path / "servers", registry)
    yield made
    await made.aclose()


@contextmanager
def listening() -> Iterator[int]:
    """A port that another program holds; it never says anything."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_two_that_are_started_at_once_are_two_providers(
    host: ServerHost, registry: Registry, tmp_path: Path
) -> None:
    program = install(tmp_path / "bin")
    names = await asyncio.gather(host.start(program), host.start(program))
    assert sorted(names) == [NAME, SECOND]
    assert sorted(registry.endpoints) == [NAME, SECOND]
    pids = [server.pid for server in host.running()]
    assert len(pids) == 2
    await host.aclose()
    assert all(map(is_gone, pids))


async def test_one_that_crashed_is_no_provider_and_gives_its_name_to_the_next(
    host: ServerHost, registry: Registry, tmp_path: Path
) -> None:
    errors: list[HearthError] = []
    host.on_crash(errors.append)
    program = install(tmp_path / "bin")
    await host.start(program)
    await ask(registry.endpoints[NAME].url, "/crash")
    await until(lambda: errors)
    await until(lambda: NAME not in registry.endpoints)
    assert await host.start(program) == NAME


async def test_another_port_is_tried_where_somebody_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as taken:
        free = server_process.free_port()
        ports = iter((taken, free))
        monkeypatch.setattr(server_process, "free_port", lambda: next(ports))
        monkeypatch.setattr(server_process, "REPLY_SECONDS", 0.2)
        server = ServerProcess(install(tmp_path / "bin"), tmp_path / "servers")
        try:
            assert await server.start() == f"http://127.0.0.1:{free}"
        finally:
            await server.stop()
