"""Many streams of a server in a row: whole ones, stopped ones, and ones that the server cuts."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from contextlib import aclosing
from dataclasses import dataclass

import psutil
import pytest
from PySide6.QtCore import QAbstractEventDispatcher

from app.errors import StreamCut
from app.event_loop import EventLoop
from app.llm.providers.interface import Provider
from tests.adapters.asking import QUESTION, ask, is_alone, until
from tests.adapters.provider_cases import CASES, Case
from tests.fakes.servers.http import FakeServer, running
from tests.ui.conftest import Run

pytestmark = pytest.mark.soak

STREAMS = 10 * int(os.environ.get("HEARTH_SOAK_ROUNDS", "100"))
WARM_UP = 60
GROWTH = 2e6  # bytes that the streams may leave behind: caches of allocator and libraries
KINDS = [case for case in CASES if case.kind in ("openai-compatible", "ollama")]
by_kind = pytest.mark.parametrize("case", KINDS, ids=lambda case: case.kind)


@dataclass(frozen=True)
class Held:
    """What the process holds now."""

    sockets: int
    files: int  # handles on Windows; sockets are among them
    threads: int  # but for those of asyncio's executor, which keeps them for the next call
    timers: int
    memory: int  # bytes

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        process = psutil.Process()
        kept = sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())
        return cls(
            sockets=len(process.net_connections("all")),
            files=_files(process),
            threads=process.num_threads() - kept,
            timers=_timers(asyncio.get_running_loop()),
            memory=process.memory_info().rss,
        )


def _files(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def _timers(loop: asyncio.AbstractEventLoop) -> int:
    """The timers of the event loop that are still to come; of Qt's loop, those that Qt has."""
    if not isinstance(loop, EventLoop):
        return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]
    dispatcher = QAbstractEventDispatcher.instance()
    assert dispatcher is not None
    return sum(len(dispatcher.registeredTimers(owner)) for owner in (loop._timer, loop._timers))


@by_kind
async def test_streams_leave_nothing_behind(case: Case) -> None:
    await _soak(case)


@by_kind
def test_streams_leave_nothing_behind_on_the_loop_of_the_window(case: Case, run: Run) -> None:
    run(_soak(case))


async def _soak(case: Case) -> None:
    await _streams(case, WARM_UP)
    before = Held.now()
    await _streams(case, STREAMS)
    after = Held.now()
    assert after.sockets == before.sockets
    assert after.files == before.files
    assert after.threads == before.threads
    assert after.timers <= 1  # Qt has one for the very step of the task that counts them
    assert after.memory - before.memory < GROWTH


async def _streams(case: Case, count: int) -> None:
    """So many with one server and one provider; no task may be left."""
    others = asyncio.all_tasks()
    async with running(FakeServer()) as server:
        case.fill(server)
        async with case.provider(server.url) as provider:
            for number in range(count):
                await _one(number, case, server, provider)
            await until(is_alone)
        await until(lambda: server.open_connections == 0)
    assert asyncio.all_tasks() == others


async def _one(number: int, case: Case, server: FakeServer, provider: Provider) -> None:
    """A third is stopped, a tenth is cut, the others end."""
    server.received.clear()
    server.disconnects.clear()
    server.changes.clear()
    if number % 3 == 1:
        await _stopped(case, server, provider)
    elif number % 30 in (0, 9, 18):
        case.halfway(server, cut=True)
        with pytest.raises(StreamCut):
            await ask(provider, model=case.model)
    else:
        assert (await ask(provider, model=case.model)).text == "Hello, world"


async def _stopped(case: Case, server: FakeServer, provider: Provider) -> None:
    """Closed while the server holds the rest back."""
    case.halfway(server, hold=asyncio.Event())
    async with aclosing(provider.stream(case.model, QUESTION)) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    await until(lambda: server.disconnects)
