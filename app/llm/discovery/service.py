"""Looks on this computer's ports for model servers; no other computer is ever asked."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from app import net
from app.llm.discovery import addresses, probes
from app.llm.discovery.addresses import Address
from app.schema import FoundServer

DEADLINE_SECONDS = 1.7  # for everything; what is known by then counts
# A closed port refuses at once, except on Windows, which tries again for two seconds.
CONNECT_SECONDS = 0.2 if sys.platform == "win32" else 0.5
LARGEST_REPLY = 256_000  # bytes; the rest is not read
WEBUI_CHILD = 5  # text-generation-webui runs a llama-server so many ports above its own
_T = TypeVar("_T")


async def find(ports: Iterable[int] | None = None) -> list[FoundServer]:
    """The model servers on these ports, else on the usual ones; takes two seconds at most."""
    wanted = await _addresses(ports)
    found: dict[Address, FoundServer] = {}
    await _until_deadline([_look(address, found) for address in wanted])
    return _each_once([(address, found[address]) for address in wanted if address in found])


async def open_addresses(ports: Iterable[int] | None = None) -> frozenset[Address]:
    """On which of these ports, else of the usual ones, anything listens; nothing is asked of it."""
    wanted = await _addresses(ports)
    answers = await _until_deadline([_is_open(address) for address in wanted])
    return frozenset(address for address, is_open in zip(wanted, answers, strict=True) if is_open)


async def listening(servers: Sequence[FoundServer]) -> list[FoundServer]:
    """Those of these servers whose ports are open still; nothing is asked of them."""
    known = [addresses.parse(server.url, 80) for server in servers]
    answers = await _until_deadline([_any_open(found) for found in known])
    return [server for server, is_open in zip(servers, answers, strict=True) if is_open]


async def _addresses(ports: Iterable[int] | None) -> list[Address]:
    if ports is not None:
        return addresses.on_ports(ports)
    return await asyncio.to_thread(addresses.usual)  # reads files


async def _until_deadline(work: Sequence[Coroutine[Any, Any, _T]]) -> list[_T | None]:
    """Runs all of it at once; the results, with None for what was not done in time."""
    tasks = [asyncio.create_task(coroutine, name="discovery") for coroutine in work]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, timeout=DEADLINE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [None if task.cancelled() else task.result() for task in tasks]


async def _look(address: Address, found: dict[Address, FoundServer]) -> None:
    """Puts the server at this address into `found`, and again when more is known of it."""
    if not await _is_open(address):
        return
    # Whoever answers is not known yet: no proxy, no redirect, no key, nothing compressed.
    link = net.Link(address.url, headers={"Accept-Encoding": "identity"})
    async with await net.client(link) as client:
        import httpx

        async def get(path: str) -> probes.Reply:
            body = b""
            try:
                async with client.stream("GET", path) as response:
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > LARGEST_REPLY:
                            break
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
                return probes.NOTHING
            text = body.decode("utf-8", "replace")
            return probes.Reply(text, dict(response.headers), response.status_code)

        def say(known: probes.Identity) -> None:
            found[address] = FoundServer(
                probes.NAMES[known.kind], address.url, known.kind, known.version, known.needs_key
            )

        await probes.identify(get, say)


async def _any_open(found: Sequence[Address]) -> bool:
    return any([await _is_open(address) for address in found])


async def _is_open(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, address)
    except OSError:  # refused, no IPv6, or the time-out
        return False
    return True


def _each_once(found: Sequence[tuple[Address, FoundServer]]) -> list[FoundServer]:
    """Without those that answer on IPv4 and IPv6, and without text-generation-webui's own child."""
    children = {
        address.port + WEBUI_CHILD
        for address, server in found
        if server.kind == "text-generation-webui"
    }
    kept: dict[tuple[int, str], FoundServer] = {}
    for address, server in found:
        if not (server.kind == "llama-server" and address.port in children):
            kept.setdefault((address.port, server.kind), server)
    return list(kept.values())
