"""Notices model servers that come and go while Hearth runs, for next to nothing.

A look is one connection attempt to each usual port. Only when other ports are open than before is
any server asked who it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from app.llm.discovery import service
from app.llm.discovery.addresses import Address
from app.lookout import Lookout
from app.schema import FoundServer

SECONDS = 15.0  # between two looks, while something is going on
SLOWEST_SECONDS = 60.0  # when nothing has changed for a while
# A server may open its port before it answers. An open port that stays unknown is asked again at
# so many of the next looks.
MORE_TRIES = 3

Find = Callable[[], Awaitable[list[FoundServer]]]
Scan = Callable[[], Awaitable[frozenset[Address]]]
OnChange = Callable[[Sequence[FoundServer], Sequence[FoundServer], Sequence[FoundServer]], None]


class Watcher:
    """Calls `on_change(came, went, now)` when the servers are others than before."""

    def __init__(
        self,
        find: Find,
        on_change: OnChange,
        seconds: float = SECONDS,
        *,
        scan: Scan = service.open_addresses,
    ) -> None:
        """`seconds` is the quickest pace; it slows down while nothing changes."""
        self._find = find
        self._scan = scan
        self._on_change = on_change
        self._seconds = self._pause = seconds
        self._open: frozenset[Address] | None = None
        self._now: Sequence[FoundServer] = ()
        self._tries = 0
        self._lookout = Lookout("watch for servers", self._take_look)

    def start(self) -> None:
        """Begins to watch; the first look is taken at once."""
        self._lookout.start()

    def hurry(self) -> None:
        """Asks every server at once, and looks at the quickest pace again."""
        self._lookout.hurry()

    async def aclose(self) -> None:
        """Ends the watch; raises what may have ended it before."""
        await self._lookout.aclose()

    async def _take_look(self, *, hurried: bool) -> float:
        """Returns the pause before the next one, in seconds."""
        changed = await self._look(asks=hurried)
        slower = min(2 * self._pause, SLOWEST_SECONDS)
        self._pause = self._seconds if changed or hurried else slower
        return self._pause

    async def _look(self, *, asks: bool) -> bool:
        """Returns whether other ports are open, or other servers there, than before."""
        opened = await self._scan()
        moved = opened != self._open
        if moved:
            self._tries = MORE_TRIES
        elif not asks:
            if not (self._tries and self._has_unknown(opened)):
                return False
            self._tries -= 1
        changed = self._tell(await self._find(), opened)
        self._open = opened
        return changed or moved

    def _has_unknown(self, opened: frozenset[Address]) -> bool:
        known = set(map(_port, self._now))
        return any(address.port not in known for address in opened)

    def _tell(self, found: Sequence[FoundServer], opened: frozenset[Address]) -> bool:
        """Hands the difference on; a server that only has another version neither came nor went."""
        before = self._now
        # One whose port is still open, and that did not answer in time, is busy and not away.
        answered = set(map(_port, found))
        ports = {address.port for address in opened} - answered
        self._now = (*found, *(server for server in before if _port(server) in ports))
        if set(before) == set(self._now):
            return False
        came = _without(self._now, before)
        went = _without(before, self._now)
        self._on_change(came, went, self._now)
        return True


def _port(server: FoundServer) -> int | None:
    return urlsplit(server.url).port


def _without(servers: Sequence[FoundServer], others: Sequence[FoundServer]) -> list[FoundServer]:
    known = {(other.kind, other.url) for other in others}
    return [server for server in servers if (server.kind, server.url) not in known]
