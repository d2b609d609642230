"""Servers are started, awaited, watched and stopped: real processes that really listen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from app import processes
from app.errors import Misconfigured, StorageError, TimedOut, Unreachable
from app.llm.discovery import launcher, records, server_log, server_process, service
from app.llm.discovery.launch_commands import COMMANDS, command
from app.llm.discovery.server_process import ServerProcess
from app.schema import InstalledServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers are scripts with #!")
PATIENCE = 30  # seconds after which a test that waits for an event has failed

# A server that finds its port where its kind has it, and behaves as FAKE_MODE says.
SERVER = """
import http.server, json, os, signal, sys, time

mode = os.environ.get("FAKE_MODE", "")
print(json.dumps({"argv": sys.argv[1:], "host": os.environ.get("OLLAMA_HOST", ""),
                  "cwd": os.getcwd()}), flush=True)
print("\\x1b[31mkey\\x1b[0m: Bearer 0123456789abcdef", file=sys.stderr, flush=True)
if mode == "crash at start":
    for number in range(300):
        print("line", number, flush=True)
    sys.exit(3)
if mode == "never ready":
    time.sleep(600)
if "ignores" in mode:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" in mode:
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    print("child", child, flush=True)
address = os.environ.get("OLLAMA_HOST", "")
for name in ("--port", "--address"):
    if name in sys.argv:
        address = sys.argv[sys.argv.index(name) + 1]
waits = [503, 404] if "slow" in mode else []

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("about to crash", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        status = waits.pop() if waits else 200
        print("asked", self.path, status, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(address.rpartition(":")[2])), Handler).serve_forever()
"""
NAMES = {
    "ollama": "ollama",
    "llama-server": "llama-server",
    "localai": "local-ai",
    "mistral-rs": "mistralrs",
}


def install(folder: Path, kind: str = "llama-server") -> InstalledServer:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / NAMES[kind]
    file.write_text(f"#!{sys.executable} -I\n{SERVER}")
    file.chmod(0o755)
    return InstalledServer(kind, kind.title(), str(file), "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "servers"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "models" / "tiny.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    return file


@contextlib.asynccontextmanager
async def started(server: ServerProcess, *args: Any, **options: Any) -> AsyncIterator[str]:
    url = await server.start(*args, **options)
    try:
        yield url
    finally:
        await server.stop()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has collected yet counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another process does, of which there is no event."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def child_of(server: ServerProcess) -> int:
    (line,) = [line for line in server.log.lines if line.startswith("child ")]
    return int(line.removeprefix("child "))


async def ask(url: str, path: str) -> None:
    """A request whose answer does not matter."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with contextlib.suppress(ConnectionError):
        await reader.read(100)
    writer.close()


@pytest.mark.parametrize("kind", COMMANDS)
async def test_each_kind_starts_is_ready_and_stops(kind: str, folder: Path, model: Path) -> None:
    server = ServerProcess(install(folder, kind), folder)
    assert not server.is_running
    async with started(server, str(model), context=2048, threads=2) as url:
        assert url == server.url == f"http://127.0.0.1:{server.port}"
        assert server.is_running
        assert [address.port for address in await service.open_addresses([server.port])] == [
            server.port
        ]
        first = json.loads(server.log.lines[0])
        expected, environment = command(server.installed, str(model), server.port, 2048, 2)
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


OLLAMA = InstalledServer("ollama", "Ollama", "/bin/ollama")
LLAMA_SERVER = InstalledServer("llama-server", "llama.cpp server", "/bin/llama-server")
LLAMA = InstalledServer("llama-server", "llama.cpp server", "/bin/llama")
LOCALAI = InstalledServer("localai", "LocalAI", "/bin/local-ai")
MISTRAL_RS = InstalledServer("mistral-rs", "mistral.rs", "/bin/mistralrs")
AT = "--host 127.0.0.1 --port 5"


@pytest.mark.parametrize(
    ("installed", "model", "wishes", "argv", "environment"),
    [
        (
            OLLAMA,
            "",
            (4096, 4, 3),
            "ollama serve",
            {"OLLAMA_HOST": "127.0.0.1:5", "OLLAMA_CONTEXT_LENGTH": "4096"},
        ),
        (OLLAMA, "", (), "ollama serve", {"OLLAMA_HOST": "127.0.0.1:5"}),
        (
            LLAMA_SERVER,
            "/m/a.gguf",
            (4096, 4, 0),
            f"llama-server {AT} --model /m/a.gguf --ctx-size 4096 --threads 4 --n-gpu-layers 0",
            {},
        ),
        (LLAMA_SERVER, "", (), f"llama-server {AT}", {}),
        (LLAMA, "/m/a.gguf", (), f"llama serve {AT} --model /m/a.gguf", {}),
        (
            LOCALAI,
            "/m/a.gguf",
            (4096, 4),
            "local-ai run --address 127.0.0.1:5 --models-path /m --context-size 4096 --threads 4",
            {},
        ),
        (LOCALAI, "", (), "local-ai run --address 127.0.0.1:5", {}),
        (
            MISTRAL_RS,
            "/m/a.gguf",
            (4096, 4, 0),
            f"mistralrs serve {AT} --model-id /m --format gguf --quantized-file a.gguf "
            "--max-seq-len 4096 --cpu",
            {"RAYON_NUM_THREADS": "4"},
        ),
        (MISTRAL_RS, "/m/folder", (), f"mistralrs serve {AT} --model-id /m/folder", {}),
    ],
)
def test_commands(
    installed: InstalledServer,
    model: str,
    wishes: tuple[int, ...],
    argv: str,
    environment: dict[str, str],
) -> None:
    assert command(installed, model, 5, *wishes) == (f"/bin/{argv}".split(), environment)


def test_what_has_no_command_says_so() -> None:
    with pytest.raises(Misconfigured, match="none was chosen"):
        command(MISTRAL_RS, "", 5)
    with pytest.raises(Misconfigured, match="cannot start Jan"):
        command(InstalledServer("jan", "Jan", "/bin/jan"), "", 5)


def test_every_kind_that_can_be_started_has_a_way_to_tell_that_it_is_ready() -> None:
    assert set(server_process.HEALTH) == set(COMMANDS)


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


async def test_cancelling_the_start_stops_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "never ready")
    server = ServerProcess(install(folder), folder)
    starting = asyncio.create_task(server.start())
    await until(lambda: any("argv" in line for line in server.log.lines))
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
    starting = asyncio.create_task(server.start())
    await until(lambda: any("argv" in line for line in server.log.lines))
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


def test_a_log_that_grows_too_long_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_log, "LARGEST", 100)
    log = server_log.ServerLog(tmp_path / "x.log")
    assert log.lines == []
    log.trim()  # there is none yet
    with log.begin("X") as output:
        output.write(b"a" * 100)
        output.flush()
        log.trim()
        assert log.lines == ["a" * 100]
        output.write(b"b\n")
        output.flush()
        log.trim()
        assert log.lines == []
        output.write("ü\udcff\n".encode("utf-8", "surrogateescape"))
        output.flush()
        assert log.lines == ["ü\ufffd"]
        assert log.file.stat().st_size == 4


# A Hearth that starts a server, says so, and waits to be killed.
PARENT = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from app.llm.discovery import server_process
    from app.schema import InstalledServer

    async def main(kind, path, folder, signals):
        if signals == "without":
            server_process.launcher.command = lambda argv, death, folder: list(argv)
        server = server_process.ServerProcess(InstalledServer(kind, kind, path), Path(folder))
        await server.start()
        print(server.pid, server.port, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main(*sys.argv[1:]))
    """
)


@contextlib.asynccontextmanager
async def hearth(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, int]]:
    """The process, and the number and port of the server that it started."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        async with asyncio.timeout(PATIENCE):
            pid, port = map(int, (await parent.stdout.readline()).split())
        yield parent, pid, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()
        await parent.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
@pytest.mark.parametrize(
    ("kind", "mode"), [("ollama", ""), ("localai", ""), ("llama-server", "ignores")]
)
async def test_no_server_outlives_a_hearth_that_is_killed(
    kind: str, mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)
    installed = install(folder, kind)
    async with hearth(kind, installed.path, str(folder), "with") as (parent, pid, port):
        assert not is_gone(pid)
        assert records.stale(folder) == []  # its Hearth runs
        parent.kill()
        await parent.wait()
        await until(lambda: is_gone(pid))
        assert await service.open_addresses([port]) == frozenset()
    assert len(list(folder.glob("*.json"))) == 1  # nobody was left to remove it
    assert records.stale(folder) == []
    assert list(folder.glob("*.json")) == []


@pytest.mark.parametrize("mode", ["", "ignores", "child"])
async def test_a_server_that_was_left_behind_is_recognised_and_ended(
    mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "STOP_SECONDS", 0.5)
    monkeypatch.setenv("FAKE_MODE", mode)
    installed = install(folder)
    async with hearth("llama-server", installed.path, str(folder), "without") as (
        parent,
        pid,
        port,
    ):
        parent.kill()
        await parent.wait()
        assert not is_gone(pid)
        (left,) = records.stale(folder)
        assert (left.kind, left.pid, left.url) == (
            "llama-server",
            pid,
            f"http://127.0.0.1:{port}",
        )
        assert left.argv[0] == installed.path
        lines = server_log.ServerLog(Path(left.log)).lines
        pids = [pid, *(int(line.split()[1]) for line in lines if line.startswith("child "))]
        assert len(pids) == (2 if mode == "child" else 1)
        await records.end(folder, left)
        await until(lambda: all(map(is_gone, pids)))
    assert records.stale(folder) == []
    assert list(folder.glob("*.json")) == []
    await records.end(folder, left)  # it is gone: no error


def record(folder: Path, **changes: Any) -> records.Record:
    mine = os.getpid()
    facts: dict[str, Any] = {
        "kind": "ollama",
        "name": "Ollama",
        "url": "http://127.0.0.1:1",
        "pid": mine,
        "created": records.start_time(mine),
        "owner": mine,
        "owner_created": 0.0,
        "argv": ("ollama", "serve"),
        "log": "",
    }
    made = records.Record(**{**facts, **changes})
    records.write(folder, made)
    return made


async def test_only_the_process_of_the_record_is_taken_for_it(folder: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    created = records.start_time(other.pid)
    record(folder, pid=other.pid, created=created - 3600)  # the number was used again
    assert records.stale(folder) == []
    sound = record(folder, pid=other.pid, created=created)
    assert records.stale(folder) == [sound]
    wrong = record(folder, pid=other.pid, created=created - 3600)
    await records.end(folder, wrong)
    assert other.poll() is None
    other.communicate(b"\n")
    assert records.stale(folder) == []


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"argv": 3}', "\udcff", '{"kind": "x", "argv": []}']
)
def test_records_that_make_no_sense_are_removed(content: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "x.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert records.stale(folder) == []
    assert list(folder.iterdir()) == []


def test_records_cannot_name_hearth_itself_or_init(folder: Path) -> None:
    record(folder)
    record(folder, pid=1, created=records.start_time(1))
    record(folder, pid="x")
    assert records.stale(folder) == []


def test_a_record_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = record(tmp_path / "file")
    records.remove(tmp_path / "file", made)
    assert records.stale(tmp_path / "file") == []


@pytest.mark.skipif(sys.platform != "linux", reason="the launcher is Linux's")
def test_the_launcher_starts_nothing_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    argv = [sys.executable, "-c", f"open({str(trace)!r}, 'w')"]
    own = launcher.command(argv, signal.SIGKILL, str(tmp_path))
    assert subprocess.run(own).returncode == 0
    assert trace.exists()
    trace.unlink()
    own[own.index(str(os.getpid()))] = "1"  # as if it had another parent before
    assert subprocess.run(own).returncode == launcher.FAILED
    assert not trace.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the launcher is Linux's")
def test_the_launcher_says_what_it_could_not_start(tmp_path: Path) -> None:
    own = launcher.command([str(tmp_path / "gone")], signal.SIGKILL, str(tmp_path))
    done = subprocess.run(own, capture_output=True, text=True)
    assert done.returncode == launcher.FAILED
    assert "could not be started" in done.stderr


def test_a_bundles_own_variables_stay_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/before")
    monkeypatch.setenv("DYLD_LIBRARY_PATH", "/bundle")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/bundle/hearth")
    assert processes.foreign_environment()["LD_LIBRARY_PATH"] == "/bundle"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    clean = processes.foreign_environment()
    assert clean["LD_LIBRARY_PATH"] == "/before"
    assert not {"LD_LIBRARY_PATH_ORIG", "DYLD_LIBRARY_PATH", "_PYI_ARCHIVE_FILE"} & set(clean)
    assert clean["PATH"] == os.environ["PATH"]
