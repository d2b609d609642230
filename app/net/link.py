"""Where a server is and how it is reached, and the lock that keeps Hearth on this computer."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.errors import Misconfigured

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 30.0  # for a whole answer that is no stream
PRIVATE_NAMES = (".local", ".internal", ".lan", ".home", ".home.arpa", ".localdomain")
SILENCE_SECONDS = 300.0  # between two pieces of a stream, once it has begun


@dataclass(frozen=True, slots=True)
class Link:
    """How one server is reached; everything but the address has a default that works."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    verify: bool = True  # TLS certificates
    ca_file: str = ""  # certificates to trust beside the system's
    proxy: str = ""  # else the system's, and never one for this computer
    connect_seconds: float = CONNECT_SECONDS
    reply_seconds: float = REPLY_SECONDS
    silence_seconds: float = SILENCE_SECONDS

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this computer."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def is_public(self) -> bool:
        """Whether the server is on the internet, and not here or in the person's own network."""
        return is_public(urlsplit(self.url).hostname or "")

    @property
    def proxy_is_here(self) -> bool:
        """Whether the proxy, if one is given, runs on this computer."""
        return not self.proxy or is_loopback(urlsplit(self.proxy).hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this computer."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_public(host: str) -> bool:
    """Whether a host name or address can mean a computer on the internet."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." in name and not name.endswith(PRIVATE_NAMES) and not is_loopback(name)


class OfflineLock:
    """While it is closed, no client reaches another computer."""

    def __init__(self) -> None:
        self.closed = False

    def check(self, link: Link) -> None:
        """Raises Misconfigured where the link leads off this computer and the lock is closed."""
        if self.closed and not (link.is_here and link.proxy_is_here):
            raise Misconfigured(
                "Hearth is set to stay offline, and this server is another computer.",
                "Allow connections in the settings, or choose a model on this computer.",
            )


def checked_url(text: str) -> str:
    """An address as a person writes it, made whole: a scheme in front, no slash behind.

    Raises:
        Misconfigured: it is no http or https address.
    """
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        valid = False
    if not valid or any(sign.isspace() for sign in text):
        raise Misconfigured(
            f"“{text}” is no address of a server.",
            "Write it as http://127.0.0.1:8080 or https://example.org/v1, parameters apart.",
        )
    return text.rstrip("/")
