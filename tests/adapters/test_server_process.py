"""Servers are started, awaited, watched and stopped: real processes that really listen."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.errors import Misconfigured, StorageError, TimedOut, Unreachable
from app.llm.discovery import records, server_log, server_process, service
from app.llm.discovery.launch_commands import COMMANDS, ServerSettings, command
from app.llm.discovery.server_process import ServerProcess
from app.schema import InstalledServer
from tests.adapters.asking import PATIENCE, until
from tests.adapters.server_scripts import ask, child_of, install, is_gone, started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers are scripts with #!")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "servers"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "models" / "tiny.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    return file


@pytest.mark.parametrize("kind", COMMANDS)
async def test_each_kind_starts_is_ready_and_stops(kind: str, folder: Path, model: Path) -> None:
    server = ServerProcess(install(folder, kind), folder)
    assert not server.is_running
    wanted = ServerSettings(context=2048, threads=2, type_k="q8_0", type_v="q8_0")
    async with started(server, str(model), wanted=wanted) as url:
        assert url == server.url == f"http://127.0.0.1:{server.port}"
        assert server.is_running
        assert [address.port for address in await service.open_addresses([server.port])] == [
            server.port
        ]
        first = json.loads(server.log.lines[0])
        expected, environment = command(server.installed, str(model), server.port, wanted)
        assert first["argv"] == expected[1:]
        assert first["host"] == environment.get("OLLAMA_HOST", "")
        assert first["cwd"] == str(Path.home())
        assert f"asked {server_process.HEALTH[kind]} 200" in server.log.lines
        pid = server.pid
        assert pid is not None
    assert not server.is_running
    assert server.pid is None
    assert is_gone(pid)
    assert await service.open_addresses([server.port]) == frozenset()


async def test_a_server_that_loads_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "slow")
    server = ServerProcess(install(folder), folder)
    async with started(server):
        asked = [line for line in server.log.lines if line.startswith("asked")]
    assert asked == ["asked /health 404", "asked /health 503", "asked /health 200"]


async def test_a_crash_at_the_start_is_told_with_the_last_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "crash at start")
    exits: list[int] = []
    server = ServerProcess(install(folder), folder, lambda code, _: exits.append(code))
    with pytest.raises(Unreachable, match="ended while it started") as caught:
        await server.start()
    lines = caught.value.details.splitlines()
    assert lines[-1] == "line 299"
    assert len(lines) == server_log.LINES
    assert caught.value.provider == "Llama-Server"
    assert exits == []  # the error tells it already
    assert not server.is_running
    monkeypatch.setenv("FAKE_MODE", "")
    async with started(server):  # it can be tried again
        assert server.is_running


async def test_a_crash_is_reported_with_the_log(folder: Path) -> None:
    exits: asyncio.Queue[tuple[int, Sequence[str]]] = asyncio.Queue()
    server = ServerProcess(
        install(folder), folder, lambda code, lines: exits.put_nowait((code, lines))
    )
    async with started(server) as url:
        await ask(url, "/crash")
        async with asyncio.timeout(PATIENCE):
            code, lines = await exits.get()
    assert code == -signal.SIGSEGV
    assert lines[-1] == "about to crash"
    assert "key: Bearer [redacted]" in lines
    assert not server.is_running
    assert records.stale(folder) == []
    assert exits.empty()


async def test_stopping_is_no_crash(folder: Path) -> None:
    exits: list[int] = []
    server = ServerProcess(install(folder), folder, lambda code, _: exits.append(code))
    await server.stop()  # before it ever ran
    async with started(server):
        assert len(list(folder.glob("*.json"))) == 1
    await server.stop()
    assert exits == []
    assert list(folder.glob("*.json")) == []


async def test_one_that_ignores_the_request_to_end_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "ignores")
    monkeypatch.setattr(server_process, "STOP_SECONDS", 0.2)
    server = ServerProcess(install(folder), folder)
    async with started(server):
        pid = server.pid
    assert pid is not None
    assert is_gone(pid)


@pytest.mark.parametrize("end", ["stop", "crash"])
async def test_children_of_the_server_end_with_it(
    end: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "child")
    ended = asyncio.Event()
    server = ServerProcess(install(folder), folder, lambda *_: ended.set())
    async with started(server) as url:
        child = child_of(server)
        assert not is_gone(child)
        if end == "crash":
            await ask(url, "/crash")
            async with asyncio.timeout(PATIENCE):
                await ended.wait()
    await until(lambda: is_gone(child))


async def test_one_that_is_never_ready_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "never ready")
    monkeypatch.setattr(server_process, "START_SECONDS", 0.5)
    server = ServerProcess(install(folder), folder)
    with pytest.raises(TimedOut, match="not ready within"):
        await server.start()
    assert not server.is_running
    assert list(folder.glob("*.json")) == []


async def endless_start(server: ServerProcess) -> asyncio.Task[str]:
    """A start whose process runs and is never ready."""
    starting = asyncio.create_task(server.start())
    await until(lambda: any("argv" in line for line in server.log.lines))
    return starting


async def test_cancelling_the_start_stops_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "never ready")
    server = ServerProcess(install(folder), folder)
    starting = await endless_start(server)
    pid = server.pid
    assert pid is not None
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert is_gone(pid)


async def test_stopping_during_the_start_ends_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "never ready")
    server = ServerProcess(install(folder), folder)
    starting = await endless_start(server)
    await server.stop()
    with pytest.raises(Unreachable):
        await starting


async def test_two_starts_are_one(folder: Path) -> None:
    server = ServerProcess(install(folder), folder)
    first, second = await asyncio.gather(server.start(), server.start())
    assert first == second
    assert len(list(folder.glob("*.json"))) == 1
    await server.stop()


async def test_what_cannot_be_started_says_so(folder: Path, tmp_path: Path, model: Path) -> None:
    gone = InstalledServer("llama-server", "llama.cpp server", str(tmp_path / "gone"))
    with pytest.raises(Misconfigured, match="cannot be started"):
        await ServerProcess(gone, folder).start()
    server = ServerProcess(install(folder), folder)
    with pytest.raises(Misconfigured, match="not there any more"):
        await server.start(str(model.with_name("gone.gguf")))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="listens on port"):
            await server.start(port=taken.getsockname()[1])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="log"):
        await ServerProcess(install(folder), tmp_path / "file" / "x").start()
    assert not server.is_running


async def test_a_chosen_port_is_taken(folder: Path) -> None:
    server = ServerProcess(install(folder), folder)
    port = server_process.free_port()
    async with started(server, port=port):
        assert server.port == port
    async with started(server, port=port):  # again at once, although connections linger
        assert server.port == port
