"""The real window in a process of its own, measured from inside; prints one line of JSON.

python -m tests.bench.window idle|ready|stream [--model FILE] [--probe NAME] --home DIR
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.effort import RESTING, SECONDS, SETTLING

if TYPE_CHECKING:
    from app.conversation.exchange import Exchange
    from app.ui.controllers import Controllers

MARK = "measured "  # before the JSON on standard output
WARM_UP = 2.0
RATE = 50  # tokens per second of the paced model
Scenario = Callable[[object, argparse.Namespace], Awaitable[None]]
TICK = 1  # milliseconds between beats of the event loop


def say(**figures: object) -> None:
    """Hands the figures to the parent."""
    sys.stdout.write(MARK + json.dumps(figures) + "\n")
    sys.stdout.flush()


def run(options: argparse.Namespace) -> int:
    """Runs the program with the measurement in it."""
    from app.__main__ import main as hearth

    arguments = ["--home", options.home, *([options.model] if options.model else [])]
    scenarios: dict[str, Scenario] = {"idle": idle, "ready": ready, "stream": stream}
    if options.bare:
        _select_nothing(Path(options.home))
    _install(lambda window: scenarios[options.what](window, options))
    if options.what == "stream" and not options.model:
        _pace()
    return hearth(arguments)


def _select_nothing(home: Path) -> None:
    """Selects a model that is loaded when it is asked, and so not at all: the starter stays out."""
    from app.settings import SettingsFile

    settings = SettingsFile(home / "settings.json")
    settings.settings.models.selected = "local:/nowhere.gguf"
    settings.save()


def _install(scenario: Callable[[object], Awaitable[None]]) -> None:
    """Runs the scenario as soon as the window is complete, then closes it."""
    from app.ui.controllers import Controllers

    start = Controllers.start

    async def start_and_measure(self: Controllers, file: str | None) -> None:
        await start(self, file)

        async def measure() -> None:
            await scenario(self)
            self._window.close()

        self._services.tasks.spawn(self, measure())

    Controllers.start = start_and_measure  # type: ignore[method-assign]


async def _until_ready(controllers: object) -> None:
    """Waits for the starter, which is loaded by itself."""
    from app.llm.state import Phase
    from app.ui.controllers import Controllers

    assert isinstance(controllers, Controllers)
    while controllers._services.manager.state.phase is not Phase.READY:
        await asyncio.sleep(0.001)


async def ready(controllers: object, _options: argparse.Namespace) -> None:
    """The time.monotonic() at which a message can be answered: the starter is loaded."""
    await _until_ready(controllers)
    say(ready=time.monotonic())


async def idle(controllers: object, options: argparse.Namespace) -> None:
    """The memory of the window at rest, in bytes: PSS, which shares what is shared."""
    import psutil

    if not options.bare:
        await _until_ready(controllers)

    await asyncio.sleep(SETTLING)
    process = psutil.Process()
    before = process.cpu_times()
    await asyncio.sleep(RESTING)
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    say(
        memory=getattr(process.memory_full_info(), "pss", process.memory_info().rss),
        share=spent / RESTING,
    )


async def stream(controllers: object, options: argparse.Namespace) -> None:
    """The event loop's gaps, or the processor's share, while an answer streams."""
    from app.llm.state import Phase
    from app.ui.controllers import Controllers

    assert isinstance(controllers, Controllers)
    manager = controllers._services.manager
    if manager.state.phase is Phase.IDLE and manager.state.ref is not None:
        await manager.load(manager.state.ref)
    while manager.state.phase is not Phase.READY:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    started: list[Exchange] = []
    controllers._services.conversations.on_started(started.append)
    controllers._chat.send("Tell me about hearths, at length.")
    while not started or not (started[0].text or started[0].ending):
        await asyncio.sleep(0.05)
    exchange = started[0]
    await asyncio.sleep(WARM_UP)
    database = Path(options.home) / "hearth.db"
    probes: dict[str, Callable[[], Awaitable[dict[str, object]]]] = {
        "gaps": _gaps,
        "processor": _processor,
        "journal": lambda: _journal(database, lambda: len(_shown(controllers))),
    }
    said = exchange._seen.tokens
    began = time.perf_counter()
    figures = await probes[options.probe]()
    spent = time.perf_counter() - began
    say(**figures, rate=(exchange._seen.tokens - said) / spent)
    controllers._chat.stop()


async def _gaps() -> dict[str, object]:
    """The milliseconds between beats of a timer that asks for one each millisecond."""
    from PySide6.QtCore import QElapsedTimer, Qt, QTimer

    beats: list[float] = []
    clock, timer = QElapsedTimer(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(TICK)
    timer.timeout.connect(lambda: beats.append(clock.nsecsElapsed() / 1e6))
    clock.start()
    timer.start()
    await asyncio.sleep(SECONDS)
    timer.stop()
    return {"gaps": [later - earlier for earlier, later in pairwise(beats)]}


def _shown(controllers: Controllers) -> str:
    """The text of the answer that is on the screen."""
    return controllers._window.shell.transcript.views[-1].text()


async def _journal(database: Path, shown: Callable[[], int]) -> dict[str, object]:
    """How many seconds the history on the disk is behind the screen, as another process sees it."""
    import sqlite3

    lags: list[float] = []
    waiting: deque[tuple[float, int]] = deque()  # when a length of text was first on the screen
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    end = time.perf_counter() + SECONDS
    while (now := time.perf_counter()) < end:
        length = shown()
        if not waiting or waiting[-1][1] < length:
            waiting.append((now, length))
        (written,) = connection.execute("SELECT total(length(text)) FROM journal").fetchone()
        while waiting and waiting[0][1] <= written:
            waiting.popleft()
        lags.append(now - waiting[0][0] if waiting else 0.0)
        await asyncio.sleep(0.005)
    connection.close()
    return {"lag": max(lags)}


async def _processor() -> dict[str, object]:
    """The share of one core that the whole process uses."""
    began, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(SECONDS)
    return {"share": (time.process_time() - used) / (time.perf_counter() - began)}


def _pace() -> None:
    """Puts an engine behind the real runner that computes nothing and says RATE tokens a second."""
    from app import core as cores
    from app.llm.manager import LLMManager
    from app.llm.registry import Registry
    from app.llm.runner.abort_flag import AbortFlag
    from app.llm.runner.queued import QueuedRunner
    from app.llm.runner.worker import Worker
    from app.paths import Paths
    from app.schema import Chunk, Request
    from tests.fakes.provider import INFO, FakeProvider

    class PacedEngine:
        def __init__(self, abort: AbortFlag) -> None:
            self._abort = abort

        def generate(self, _request: Request) -> Iterator[Chunk]:
            began = time.perf_counter()
            for number, token in enumerate(tokens()):
                if self._abort.is_set():
                    break
                time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
                yield Chunk(text=token, tokens=1)

        def unload(self) -> None:
            """Nothing is held."""

    worker = Worker(PacedEngine)  # type: ignore[arg-type]

    class PacedProvider(FakeProvider):
        async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
            async with aclosing(QueuedRunner(worker).generate(request)) as chunks:
                async for chunk in chunks:
                    yield chunk

    build = cores.build

    def build_paced(paths: Paths) -> cores.Core:
        core = build(paths)
        core.settings.settings.models.selected = str(INFO.ref)
        manager = LLMManager(Registry({"fake": PacedProvider(context=8192)}))
        return dataclasses.replace(core, worker=worker, manager=manager, starter=None)

    cores.build = build_paced


def tokens() -> list[str]:
    """An answer as models write them, in tokens of about four characters."""
    section = (
        "## Of hearths, part {n}\n\nA **hearth** is the floor of a fireplace, and by extension the "
        "*home* around it. It held the fire that cooked the meal, warmed the room and lit the "
        "evening, and people gathered where it burned; see [the word](https://example.org/{n}).\n\n"
        "- brick, which stores the heat\n- stone, which lasts\n- iron, which `conducts` it\n\n"
        "```python\ndef glow(wood: list[str], hours: int = {n}) -> float:\n"
        '    """How long the embers last."""\n'
        "    return sum(len(log) for log in wood) * 0.5 / hours  # a guess\n```\n\n"
        "| fuel | heat | smoke |\n| --- | ---: | --- |\n| oak | {n}.5 | little |\n"
        "| pine | 3.2 | much |\n\n> Where there is smoke, there is fire, and where there is fire "
        "there is somebody who ought to keep an eye on it.\n\n"
    )
    text = "".join(section.replace("{n}", str(number)) for number in range(1, 13))
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["idle", "ready", "stream"])
    parser.add_argument("--home", required=True)
    parser.add_argument("--model")
    parser.add_argument(
        "--bare", action="store_true", help="with no model loaded, not even the starter"
    )
    parser.add_argument("--probe", choices=["gaps", "processor", "journal"], default="gaps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(run(_options()))
