"""Models that servers fetch when asked to, with the same progress as Hearth's own downloads."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

from app.errors import HearthError
from app.library.records import Download, HubFile, HubModel, Stage
from app.llm.server_models import ServerModels
from app.schema import PullProgress

SPEED_SECONDS = 5.0  # over which the speed is measured
Listener = Callable[[Sequence[Download]], None]


class Pulls:
    """Runs on the event loop of its caller; a pull that ends well or is cancelled is forgotten."""

    def __init__(self, servers: ServerModels) -> None:
        self._servers = servers
        self._items: dict[str, Download] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}  # what is wanted now
        self._alive: set[asyncio.Task[None]] = set()  # these, and what is still ending
        self._listeners: list[Listener] = []

    @property
    def items(self) -> tuple[Download, ...]:
        """What servers fetch now, and what they failed to."""
        return tuple(self._items.values())

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` at each change; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with suppress(ValueError):  # it was ended before
                self._listeners.remove(listener)

        return unsubscribe

    def add(self, server: str, title: str, model: str) -> str:
        """Has a server fetch a model; one that it fetches already is not doubled."""
        key = f"{server}:{model}"
        if key not in self._tasks:
            about = HubModel(repo=server, revision="", name=f"{model} on {title}", files=())
            self._items[key] = Download(key, about, Path(), Stage.WAITING)
            self.resume(key)
        return key

    def pause(self, key: str) -> None:
        """Has it fetch no more; what has come stays there where the server can go on."""
        self._stop(key)
        self._change(key, stage=Stage.PAUSED, speed=0.0, message="")

    def resume(self, key: str) -> None:
        """Goes on, or tries again."""
        if key in self._items and key not in self._tasks:
            self._change(key, stage=Stage.WAITING, message="", remedy="", details="")
            before = [task for task in self._alive if task.get_name() == _name(key)]
            task = asyncio.create_task(self._run(key, before), name=_name(key))
            self._tasks[key] = task
            self._alive.add(task)
            task.add_done_callback(self._alive.discard)

    def cancel(self, key: str) -> None:
        """Has it fetch no more, and forgets it."""
        self._stop(key)
        if self._items.pop(key, None) is not None:
            self._tell()

    async def aclose(self) -> None:
        """Ends all."""
        for key in tuple(self._tasks):
            self._stop(key)
        if self._alive:
            await asyncio.wait(self._alive)

    def _stop(self, key: str) -> None:
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    async def _run(self, key: str, before: Sequence[asyncio.Task[None]]) -> None:
        """Fetches, when what was `before` has told the server to stop."""
        if before:
            await asyncio.wait(before)
        server, _, model = key.partition(":")
        self._change(key, stage=Stage.FETCHING)
        seen: deque[tuple[float, int]] = deque()
        try:
            async with aclosing(self._servers.pull(server, model)) as states:
                async for state in states:
                    self._take(key, state, seen)
        except HearthError as error:
            self._ended(key, error)
        else:
            self._ended(key, None)

    def _ended(self, key: str, error: HearthError | None) -> None:
        if self._tasks.get(key) is not asyncio.current_task():  # it was not wanted any more
            return
        del self._tasks[key]
        if error is None:
            self._change(key, stage=Stage.DONE, speed=0.0, message="")
            self._items.pop(key, None)
        else:
            self._change(
                key,
                stage=Stage.FAILED,
                speed=0.0,
                message=error.message,
                remedy=error.remedy,
                details=error.details,
            )

    def _take(self, key: str, state: PullProgress, seen: deque[tuple[float, int]]) -> None:
        now = time.monotonic()
        seen.append((now, state.done))
        while now - seen[0][0] > SPEED_SECONDS:
            seen.popleft()
        (began, first), (end, last) = seen[0], seen[-1]
        speed = max(0.0, (last - first) / (end - began)) if end > began else 0.0
        known = self._items.get(key)
        if known is not None:
            model = known.model
            if state.total and state.total != known.total:
                model = replace(model, files=(HubFile(model.name, state.total),))
            is_whole = 0 < state.total <= state.done
            self._change(
                key,
                model=model,
                stage=Stage.CHECKING if is_whole else Stage.FETCHING,
                done=state.done,
                speed=speed,
                message="" if state.total else state.status,  # its own words, while they say more
            )

    def _change(self, key: str, **changes: object) -> None:
        known = self._items.get(key)
        if known is not None:
            self._items[key] = replace(known, **changes)  # type: ignore[arg-type]
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener(self.items)


def _name(key: str) -> str:
    """Of the tasks of a pull."""
    return f"pull {key}"
