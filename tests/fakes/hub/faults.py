"""What can go wrong with an answer of the fake Hub, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes.hub.wire import Request


@dataclass(frozen=True)
class Fault:
    """How one answer differs from a good one; what is not set stays good."""

    status: int = 0  # answered in place of what was asked for
    code: str = ""  # X-Error-Code beside it
    headers: Mapping[str, str] = field(default_factory=dict)  # added, or in place of the right ones
    without: tuple[str, ...] = ()  # headers that are left out, named as they are sent
    wait: float = 0.0  # seconds before the head
    rate: int = 0  # bytes per second; 0: as fast as it goes
    stall_after: int | None = None  # bytes of the body, then silence until the client goes
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    reset: bool = False  # where it is cut: at once, so that bytes on their way are lost
    corrupt: tuple[int, ...] = ()  # these bytes of the file are wrong
    ignore_range: bool = False  # the whole file, with 200
    lie: int = 0  # added to every size in the headers
    body_lie: int = 0  # added to the length of the body that is really sent, not to the headers


@dataclass
class Rule:
    """A fault and the requests that it strikes: of a side, a method, a part of the path."""

    fault: Fault
    side: str = ""
    method: str = ""
    path: str = ""
    times: int | None = 1  # None: always
    after: int = 0  # so many such requests are spared first

    def strikes(self, request: Request) -> bool:
        """Whether it is this request's turn; counts."""
        fits = (
            self.times != 0
            and self.side in ("", request.side)
            and self.method in ("", request.method)
            and self.path in request.path
        )
        if not fits:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True
