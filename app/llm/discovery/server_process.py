"""A model server that Hearth starts, watches and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from app import net, processes
from app.errors import Misconfigured, ProviderError, TimedOut, Unreachable
from app.llm.discovery import launcher, process_group, records
from app.llm.discovery.launch_commands import HOST, NO_SETTINGS, ServerSettings, command
from app.llm.discovery.server_log import ServerLog
from app.schema import InstalledServer

START_SECONDS = 600.0  # until it must be ready: a large model is read from a slow disk
LOOK_SECONDS = 0.2  # between two questions whether it is ready
REPLY_SECONDS = 2.0  # for one of them
STOP_SECONDS = records.STOP_SECONDS  # until one that was asked to end is killed
SETTLE_SECONDS = 0.2  # in which one ends whose port was taken by whoever answers there
TRIM_SECONDS = 60.0  # between two looks at the size of its log
HEALTH: Mapping[str, str] = {  # answers 200 when the server is ready
    "ollama": "/",
    "llama-server": "/health",
    "localai": "/readyz",
    "mistral-rs": "/health",
}
# What Linux sends a server when Hearth ends without having stopped it. Ollama and LocalAI have
# children of their own, which only they can end.
DEATH_SIGNALS: Mapping[str, signal.Signals] = {
    "ollama": signal.SIGTERM,
    "localai": signal.SIGTERM,
}

OnExit = Callable[[int, Sequence[str]], None]


class ServerProcess:
    """One program, started at most once at a time."""

    def __init__(
        self,
        installed: InstalledServer,
        folder: Path,
        on_exit: OnExit | None = None,
        name: str = "",
    ) -> None:
        """`folder` keeps logs and records; `on_exit` hears of an end that nobody asked for.

        It gets the exit code, which is negative for a signal, and the last lines of the log.
        `name` is that of the log, which two servers of one kind must not share.
        """
        self.installed = installed
        self.url = ""
        self.port = 0
        self.log = ServerLog(folder / f"{name or installed.kind}.log")
        self._folder = folder
        self._on_exit = on_exit
        self._starting = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._end: asyncio.Task[int] | None = None
        self._record: records.Record | None = None
        self._is_ready = False
        self._is_wanted = False

    @property
    def pid(self) -> int | None:
        """The number of the process, while it runs."""
        return self._child.pid if self._child is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether the process is there, ready or not."""
        return self._end is not None and not self._end.done()

    async def start(
        self,
        model_path: str = "",
        *,
        port: int = 0,
        wanted: ServerSettings = NO_SETTINGS,
    ) -> str:
        """Starts it and waits until it is ready; returns its address. Cancelling stops it again.

        It must be called in a thread that lives as long as the program, such as the main one:
        Linux takes the end of the thread that starts a process for the end of its parent.

        Args:
            model_path: the model to serve, as in `command`.
            port: 0 takes a free one.
            wanted: how the model is to be loaded, as far as the server has options for it.

        Raises:
            Misconfigured: the program, the model or the port cannot be used.
            StorageError: the log cannot be written.
            Unreachable: it ended while it started; its log is in the details.
            TimedOut: it was not ready in time.
        """
        async with self._starting:
            if not self.is_running:
                await self._start(model_path, port, wanted)
        return self.url

    async def stop(self) -> None:
        """Ends it, kindly at first; one that has ended, or never ran, is no error."""
        self._is_wanted = False
        child, end = self._child, self._end
        if child is None or end is None:
            return
        if not end.done():
            process_group.terminate(child.pid)
            await asyncio.wait([end], timeout=STOP_SECONDS)
        if not end.done():
            process_group.kill(child.pid)
            await asyncio.wait([end], timeout=STOP_SECONDS)

    async def _start(self, model_path: str, port: int, wanted: ServerSettings) -> None:
        if port and not _is_free(port):
            raise Misconfigured(
                f"Another program listens on port {port} already.",
                "Use that one, or choose another port.",
                provider=self.installed.name,
            )
        try:
            await self._run(model_path, port or free_port(), wanted)
        except Unreachable:
            if port or _is_free(self.port):
                raise
            # Another program took the port before the server could.
            await self._run(model_path, free_port(), wanted)

    async def _run(self, model_path: str, port: int, wanted: ServerSettings) -> None:
        self.port = port
        self.url = f"http://{HOST}:{self.port}"
        argv, environment = command(self.installed, model_path, self.port, wanted)
        self._check(model_path)
        self._is_ready, self._is_wanted = False, True
        try:
            self._child = await self._spawn(argv, environment)
        except OSError as error:
            self._refuse(repr(error))
        self._end = asyncio.create_task(self._follow(self._child), name="server process")
        try:
            self._remember(self._child.pid, argv)
            await self._until_ready(self._end)
        except BaseException:
            await self.stop()
            raise
        self._is_ready = True

    def _check(self, model_path: str) -> None:
        if not os.access(self.installed.path, os.X_OK):
            self._refuse(self.installed.path)
        if model_path and not Path(model_path).exists():
            raise Misconfigured(
                f"The model “{Path(model_path).name}” is not there any more.",
                "Check whether it was moved or its drive unplugged, or choose another model.",
                model_path,
                provider=self.installed.name,
            )

    def _refuse(self, details: str) -> NoReturn:
        raise Misconfigured(
            f"{self.installed.name} cannot be started.",
            "See whether it is still installed and whether you may run it.",
            details,
            provider=self.installed.name,
        )

    async def _spawn(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        home: str | None = str(Path.home())  # where a person would start it
        if sys.platform == "linux":
            death = DEATH_SIGNALS.get(self.installed.kind, signal.SIGKILL)
            argv, home = launcher.command(argv, death, str(Path.home())), None
        with self.log.begin(self.installed.name) as output:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env={**processes.foreign_environment(), **environment},
                cwd=home,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def _remember(self, pid: int, argv: Sequence[str]) -> None:
        self._record = records.Record(
            kind=self.installed.kind,
            name=self.installed.name,
            url=self.url,
            pid=pid,
            created=records.start_time(pid),
            owner=os.getpid(),
            owner_created=records.start_time(os.getpid()),
            argv=tuple(argv),
            log=str(self.log.file),
        )
        records.write(self._folder, self._record)

    async def _follow(self, child: asyncio.subprocess.Process) -> int:
        """Waits for the end of the process, and clears up behind it; returns the exit code."""
        waiting = asyncio.ensure_future(child.wait())
        while not waiting.done():
            await asyncio.wait([waiting], timeout=TRIM_SECONDS)
            self.log.trim()
        code = waiting.result()
        process_group.kill(child.pid)  # what it may have left behind
        if self._record is not None:
            records.remove(self._folder, self._record)
        if self._is_ready and self._is_wanted and self._on_exit is not None:
            self._on_exit(code, self.log.lines)
        return code

    async def _until_ready(self, end: asyncio.Task[int]) -> None:
        loop = asyncio.get_running_loop()
        patience = loop.time() + START_SECONDS
        async with await net.client(net.Link(self.url)) as client:
            import httpx

            while not end.done():
                try:
                    reply = await client.get(HEALTH[self.installed.kind], timeout=REPLY_SECONDS)
                except httpx.HTTPError:
                    pass  # it is not listening yet, or busy
                else:
                    if reply.status_code == 200:
                        await asyncio.wait([end], timeout=SETTLE_SECONDS)
                        break
                if loop.time() > patience:
                    raise self._failure(TimedOut, f"was not ready within {START_SECONDS:g} seconds")
                await asyncio.wait([end], timeout=LOOK_SECONDS)
        if end.done():
            raise self._failure(Unreachable, "ended while it started")

    def _failure(self, kind: type[ProviderError], what: str) -> ProviderError:
        return kind(
            f"{self.installed.name} {what}.",
            "Its log says why; another model, or a smaller context, may work.",
            "\n".join(self.log.lines),
            provider=self.installed.name,
        )


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # where it would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
