"""The model servers of this computer that Hearth has not started: looked for, used, watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from app import net
from app.errors import Misconfigured, ProviderError, Unreachable
from app.llm.discovery import service
from app.llm.discovery.watch import Watcher
from app.llm.registry import Registry
from app.schema import FoundServer, ProviderKind

FindServers = Callable[[], Awaitable[list[FoundServer]]]


class Neighbours:
    """Has the registry use the servers that are found, for as long as they are there."""

    def __init__(self, registry: Registry, find: FindServers | None) -> None:
        """`find` looks for servers; without it there are none."""
        self._registry = registry
        self._find = find
        self._found: list[FoundServer] = []
        self._watcher: Watcher | None = None
        self._listener: Callable[[], None] = lambda: None

    @property
    def found(self) -> Sequence[FoundServer]:
        """The servers that were there when they were looked for last."""
        return self._found

    async def look(self, *, use: bool) -> list[FoundServer]:
        """The servers that run here now; with `use` they become providers."""
        found = await self._find() if self._find else []
        answered = set(map(_port, found))
        silent = [server for server in self._found if _port(server) not in answered]
        # A server that is busy with an answer may have no time for the question who it is.
        self._found = [*found, *await service.listening(silent)]
        if use:
            await self._registry.take_found(self._found)
        return self._found

    def watch(self, listener: Callable[[], None]) -> None:
        """Looks for servers from now on, and calls `listener` when some have come or gone."""
        self._listener = listener
        if self._watcher is None and self._find is not None:
            self._watcher = Watcher(lambda: self.look(use=True), lambda *_: self._listener())
            self._watcher.start()

    async def stop_watching(self) -> None:
        """Looks no more."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await watcher.aclose()


def absent(kind: ProviderKind) -> ProviderError:
    """Why there is no provider of a kind."""
    if kind.url and net.Link(kind.url).is_here:
        return Unreachable(
            f"{kind.title} does not run on this computer now.",
            "Start it and try again, or choose another model.",
            provider=kind.title,
        )
    return Misconfigured(
        f"{kind.title} is not set up yet.",
        "Add it to the servers and services, or choose another model.",
        provider=kind.title,
    )


def _port(server: FoundServer) -> int | None:
    return urlsplit(server.url).port
