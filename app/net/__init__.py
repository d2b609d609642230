"""The only maker of HTTP clients: time-outs, TLS, proxies, and the lock that keeps Hearth offline.

httpx is imported when the first client is made: it takes a tenth of a second, for which the window
must not wait.
"""

from app.net.connection import client
from app.net.link import Link, OfflineLock, checked_url, is_loopback, is_public
from app.net.silence import Silence
from app.net.translation import translated

__all__ = [
    "Link",
    "OfflineLock",
    "Silence",
    "checked_url",
    "client",
    "is_loopback",
    "is_public",
    "translated",
]
