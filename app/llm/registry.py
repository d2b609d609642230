"""The providers in use: those that are part of Hearth, those configured, and those found."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from app.errors import NoModel
from app.llm.discovery import addresses
from app.llm.discovery.addresses import Address
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.interface import Provider
from app.llm.providers.kinds import with_defaults
from app.schema import Endpoint, FoundServer

_LOG = logging.getLogger(__name__)
ReadKey = Callable[[str], Awaitable[str]]


async def _no_key(_name: str) -> str:
    return ""


class Registry:
    """Name -> provider. A provider is made when it is first asked for, with its key."""

    def __init__(
        self,
        fixed: Mapping[str, Provider],
        factory: ProviderFactory | None = None,
        read_key: ReadKey = _no_key,
    ) -> None:
        """`fixed` are always there; `read_key` gives a provider's key by its name."""
        self._fixed = dict(fixed)
        self._factory = factory or ProviderFactory({})
        self._read_key = read_key
        self._configured: dict[str, Endpoint] = {}
        self._disabled: list[Endpoint] = []  # by the person; they are not found again
        self._servers: Sequence[FoundServer] = ()  # that were found last
        self._found: dict[str, Endpoint] = {}  # those of them that are providers
        self._started: dict[str, Endpoint] = {}  # servers that Hearth itself has started
        self._made: dict[str, Provider] = {}
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # each once

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The servers by name; what the person configured goes before what was found."""
        return {**self._found, **self._started, **self._configured}

    @property
    def disabled(self) -> Sequence[Endpoint]:
        """What the person has set up and switched off."""
        return tuple(self._disabled)

    def names(self) -> list[str]:
        """All providers, those of Hearth first."""
        return [*self._fixed, *self.endpoints]

    def is_found(self, name: str) -> bool:
        """Whether a provider is there only because its server was found."""
        return name in {**self._found, **self._started} and name not in self._configured

    def found_elsewhere(self, endpoint: Endpoint) -> set[str]:
        """The names of what was found or started here, other than the server at this endpoint."""
        here = set(_addresses(endpoint))
        found = {**self._found, **self._started}
        return {name for name, one in found.items() if here.isdisjoint(_addresses(one))}

    def free_name(self, kind: str, others: Collection[str] = ()) -> str:
        """The kind's own name, with a number where it or one of `others` is called so."""
        return _free_name(kind, {*self._fixed, *self.endpoints, *others})

    def fixed(self, name: str) -> Provider | None:
        """A provider that is part of Hearth."""
        return self._fixed.get(name)

    @property
    def made(self) -> dict[str, Provider]:
        """The providers that exist now: those of Hearth, and those that were asked for."""
        return {**self._fixed, **self._made}

    async def get(self, name: str) -> Provider:
        """The provider of that name.

        Raises:
            NoModel: there is none.
            HearthError: it is configured in a way that cannot work.
        """
        if name in self._fixed:
            return self._fixed[name]
        self._endpoint(name)
        async with self._making[name]:
            while name not in self._made:
                endpoint = self._endpoint(name)
                # What was only found is given no key: any program may listen on that port.
                key = await self._read_key(name) if name in self._configured else ""
                if self.endpoints.get(name) == endpoint:  # it may have changed in the meantime
                    self._made[name] = self._factory.make(replace(endpoint, key=key))
            return self._made[name]

    async def configure(self, endpoints: Sequence[Endpoint]) -> None:
        """Takes what the person configured; a provider that changed is made anew."""
        await self._replace(lambda: self._set_configured(endpoints))

    def configure_now(self, endpoints: Sequence[Endpoint]) -> None:
        """The same at the start, when none has been made yet."""
        self._set_configured(endpoints)

    async def take_found(self, servers: Sequence[FoundServer]) -> None:
        """Takes the servers that run here now; one that is configured already is not doubled."""
        await self._replace(lambda: self._set_found(servers))

    async def add_started(self, endpoint: Endpoint) -> None:
        """Takes a server that Hearth has started."""
        await self._replace(lambda: self._started.update({endpoint.name: endpoint}))

    async def remove_started(self, name: str) -> None:
        """Lets go of a server that Hearth stops."""
        await self._replace(lambda: self._started.pop(name, None))

    async def forget(self, name: str) -> None:
        """Has a provider made anew, as after a change of its key."""
        async with self._making[name]:
            made = self._made.pop(name, None)
        if made is not None:
            await made.aclose()

    async def aclose(self) -> None:
        """Closes all providers."""
        for provider in (*self._fixed.values(), *self._made.values()):
            await provider.aclose()
        self._made.clear()

    def _endpoint(self, name: str) -> Endpoint:
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            known = ", ".join(self.names())
            raise NoModel(f"There is no provider called “{name}”.", f"Known are: {known}.")
        return endpoint

    def _set_configured(self, endpoints: Sequence[Endpoint]) -> None:
        own = [one for one in endpoints if one.name not in self._fixed]
        self._configured = {one.name: one for one in own if one.is_enabled}
        self._disabled = [one for one in own if not one.is_enabled]
        self._set_found(self._servers)  # one of them may be what was configured

    def _set_found(self, servers: Sequence[FoundServer]) -> None:
        """Names the servers; one that was there before keeps its name, by which chats know it."""
        self._servers = tuple(servers)
        known = (*self._configured.values(), *self._disabled, *self._started.values())
        taken = {at for endpoint in known for at in _addresses(endpoint)}
        taken_names = {*self._fixed, *(endpoint.name for endpoint in known)}
        before = {(one.kind, one.url): one.name for one in self._found.values()}
        wanted = [
            server
            for server in self._servers
            if server.kind and taken.isdisjoint(addresses.parse(server.url, 80))
        ]
        names = {
            server: name
            for server in wanted
            if (name := before.get((server.kind, server.url))) and name not in taken_names
        }
        for server in wanted:
            if server not in names:
                names[server] = _free_name(server.kind, {*taken_names, *names.values()})
        self._found = {
            names[server]: Endpoint(names[server], server.kind, server.url) for server in wanted
        }

    async def _replace(self, change: Callable[[], object]) -> None:
        before = self.endpoints
        change()
        after = self.endpoints
        for name in tuple(self._made):
            if before.get(name) != after.get(name):
                _LOG.info("provider %s changed", name)
                await self.forget(name)


def _addresses(endpoint: Endpoint) -> Sequence[Address]:
    """Where a configured server listens on this computer; none for another computer's."""
    usual = urlsplit(with_defaults(replace(endpoint, url="")).url).port or 80
    return addresses.parse(with_defaults(endpoint).url, usual)


def _free_name(kind: str, taken: set[str]) -> str:
    """The kind's own name, with a number where there is another one of it."""
    name, number = kind, 2
    while name in taken:
        name, number = f"{kind}-{number}", number + 1
    return name
