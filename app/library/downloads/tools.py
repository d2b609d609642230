"""What all downloads share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.library.downloads.pace import SpeedLimit
    from app.library.hub.access import Access


@dataclass(frozen=True, slots=True)
class Tools:
    """The way to the Hub, the speed limit, the queue's file, and the patience with silence."""

    access: Access
    limit: SpeedLimit
    save: Callable[[], Awaitable[None]]  # keeps the queue on the disk
    check_online: Callable[[], None]  # raises Misconfigured where Hearth is to stay offline
    silence: float  # seconds without a byte until a connection counts as stalled
    first_pause: float  # seconds until the first new try
