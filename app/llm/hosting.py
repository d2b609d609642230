"""The model servers that Hearth itself has started: started, told of, and stopped when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app import gguf
from app.errors import ApiError, HearthError
from app.llm.discovery import records
from app.llm.discovery.launch_commands import NO_SETTINGS, ServerSettings
from app.llm.discovery.server_process import ServerProcess
from app.llm.registry import Registry
from app.schema import Endpoint, InstalledServer, LoadPlan

MakePlan = Callable[[gguf.Header], LoadPlan | None]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HostedServer:
    """A server that Hearth has started, now or in an earlier run that ended badly."""

    name: str  # the provider's, or "" for one of an earlier run
    title: str
    url: str
    pid: int
    log: str  # the path of its log


class ServerHost:
    """Owns the processes; each is a provider while it runs."""

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        planned: MakePlan = lambda _header: None,
        has_card: Callable[[], bool] = lambda: False,
    ) -> None:
        """`folder` keeps the logs, and what is to be known after a crash.

        `planned` gives the plan for a model file, None where the server is to choose; it may raise
        ModelError. `has_card` tells whether the plan counts on a graphics card. Both may block.
        """
        self._folder = folder
        self._registry = registry
        self._planned = planned
        self._has_card = has_card
        self._servers: dict[str, ServerProcess] = {}
        self._on_crash: list[Callable[[HearthError], None]] = []
        self._clearing: set[asyncio.Task[None]] = set()  # up behind servers that crashed

    def on_crash(self, listener: Callable[[HearthError], None]) -> Callable[[], None]:
        """Calls `listener` when a server ends that nobody has stopped; returns what ends that."""
        self._on_crash.append(listener)
        return lambda: self._on_crash.remove(listener)

    async def start(self, installed: InstalledServer, model_path: str = "") -> str:
        """Starts a server, with the optimizer's plan for a model file; returns the provider's name.

        Raises:
            ProviderError: it could not be started; the details hold its log.
            ModelError: the model's file cannot be read, or does not fit.
        """
        wanted = await asyncio.to_thread(self._plan, model_path)
        # Nothing is awaited until the name is taken: another start may be under way.
        name = self._registry.free_name(installed.kind, self._servers)

        def crashed(code: int, lines: Sequence[str]) -> None:
            self._crashed(name, installed.name, code, lines)

        server = ServerProcess(installed, self._folder, crashed, name)
        self._servers[name] = server
        try:
            url = await server.start(model_path, wanted=wanted)
        except BaseException:
            self._servers.pop(name, None)
            raise
        await self._registry.add_started(Endpoint(name, installed.kind, url))
        if not server.is_running:  # any more
            await self._registry.remove_started(name)
        return name

    async def stop(self, name: str) -> None:
        """Stops one; one that runs no more is no error."""
        server = self._servers.get(name)
        await self._registry.remove_started(name)
        if server is None:
            return
        await server.stop()
        if self._servers.get(name) is server:  # kept until now, so that none is forgotten
            del self._servers[name]

    def is_own(self, name: str) -> bool:
        """Whether Hearth has started this provider's server, and it runs."""
        server = self._servers.get(name)
        return server is not None and server.is_running

    def log_of(self, name: str) -> Sequence[str]:
        """The last lines of a server's log."""
        server = self._servers.get(name)
        return server.log.lines if server is not None else ()

    def running(self) -> list[HostedServer]:
        """The servers of this run."""
        return [
            HostedServer(
                name, server.installed.name, server.url, server.pid or 0, str(server.log.file)
            )
            for name, server in self._servers.items()
            if server.is_running
        ]

    async def recorded(self) -> list[HostedServer]:
        """The servers that any Hearth on this data folder has started and that still run."""
        found = await asyncio.to_thread(records.running, self._folder)
        return [HostedServer("", one.name, one.url, one.pid, one.log) for one in found]

    async def left_behind(self) -> list[HostedServer]:
        """Servers that an earlier Hearth started and could not stop."""
        found = await asyncio.to_thread(records.stale, self._folder)
        return [HostedServer("", one.name, one.url, one.pid, one.log) for one in found]

    async def stop_left_behind(self) -> int:
        """Ends those; returns how many there were."""
        found = await asyncio.to_thread(records.stale, self._folder)
        for record in found:
            await records.end(self._folder, record)
        return len(found)

    async def aclose(self) -> None:
        """Stops all servers of this run."""
        await asyncio.gather(*(self.stop(name) for name in tuple(self._servers)), *self._clearing)

    def _plan(self, model_path: str) -> ServerSettings:
        """What a server is told."""
        if not model_path.lower().endswith(".gguf"):
            return NO_SETTINGS
        header = gguf.read(Path(model_path))
        made = self._planned(header)
        if made is None:
            return NO_SETTINGS
        # Without a card that Hearth can use, the server's own build may have one that it can.
        return settings_of(made, header, has_card=self._has_card())

    def _crashed(self, name: str, title: str, code: int, lines: Sequence[str]) -> None:
        self._servers.pop(name, None)
        clearing = asyncio.ensure_future(self._registry.remove_started(name))
        self._clearing.add(clearing)
        clearing.add_done_callback(self._clearing.discard)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with the exit code {code}"
        error = ApiError(
            f"{title}, which Hearth had started, {how}.",
            "Start it again, with a smaller model if its log speaks of memory.",
            "\n".join(lines[-40:]),
            provider=title,
        )
        _LOG.info("%s", error)
        for listener in tuple(self._on_crash):
            listener(error)


def settings_of(made: LoadPlan, header: gguf.Header, *, has_card: bool) -> ServerSettings:
    """What a plan says, in a server's terms.

    Whether weights are mapped or read is left to it: a file that changes under a map ends the
    server and not Hearth. Where there is no card, so are the layers on one.
    """
    layers = made.n_gpu_layers
    if layers < 0:  # all; a number is understood by every version
        layers = header.shape("block_count") + 1
    return ServerSettings(
        context=made.n_ctx,
        threads=made.n_threads,
        threads_batch=made.n_threads_batch,
        gpu_layers=layers if has_card else -1,
        tensor_split=made.tensor_split if has_card else (),
        cpu_expert_layers=made.cpu_expert_layers if has_card else 0,
        type_k=made.type_k,
        type_v=made.type_v,
        flash_attention=made.flash_attention,
        batch=made.n_batch,
        ubatch=made.n_ubatch,
        use_mlock=made.use_mlock,
        use_numa=made.use_numa,
    )
