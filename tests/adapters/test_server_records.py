"""No server outlives its Hearth, or it is found by its record and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.llm.discovery import records, server_log, service
from tests.adapters.asking import PATIENCE, until
from tests.adapters.server_scripts import install, is_gone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers are scripts with #!")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "servers"


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
