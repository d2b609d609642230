"""The only maker of HTTP clients: time-outs, TLS, proxies, and the lock that keeps Hearth offline.

httpx is imported when the first client is made: it takes a tenth of a second, for which the window
must not wait.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import re
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.errors import BadReply, Misconfigured, ProviderError, StreamCut, TimedOut, Unreachable

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 30.0  # for a whole answer that is no stream
SILENCE_SECONDS = 300.0  # between two pieces of a stream, once it has begun
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


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


async def client(link: Link, lock: OfflineLock | None = None) -> httpx.AsyncClient:
    """A client for one server; it follows no redirects, so that no key goes to another host.

    Raises:
        Misconfigured: the proxy, the certificate file or a header is not usable, or Hearth is kept
            offline.
    """
    if lock is not None:
        lock.check(link)
    await asyncio.to_thread(importlib.import_module, "httpx")
    import httpx

    # Time-outs of the parts of a stream are kept by `Silence`, so that not every chunk begins and
    # ends a timer of the event loop.
    timeout = httpx.Timeout(
        connect=link.connect_seconds, read=None, write=link.reply_seconds, pool=link.reply_seconds
    )
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=30)
    secure = link.url.startswith("https:")
    try:
        verify = await asyncio.to_thread(_verification, link) if secure else False
        return httpx.AsyncClient(
            base_url=link.url,
            headers=_checked_headers(link.headers),
            verify=verify,
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            proxy=link.proxy or None,
            trust_env=not link.is_here and not link.proxy,
        )
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        raise Misconfigured(
            f"The connection to {link.url} cannot be set up: {error}.",
            "Check the proxy and the certificate file in the provider's settings.",
            repr(error),
        ) from error


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without the spaces that come with pasting; no message quotes a value."""
    made = {name: value.strip() for name, value in headers.items()}
    for name, value in made.items():
        sendable = value.isascii() and value.isprintable()
        if not sendable or not _TOKEN.fullmatch(name):
            raise Misconfigured(
                f"The header “{name}” has characters that cannot be sent.",
                "Enter the key, or the header, once more in the provider's settings.",
            )
    return made


def _verification(link: Link) -> ssl.SSLContext | bool:
    if not link.verify:
        return False
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:  # this Python does not find the system's
        import certifi

        context.load_verify_locations(certifi.where())
    if link.ca_file:
        context.load_verify_locations(Path(link.ca_file).expanduser())
    return context


@contextmanager
def translated(name: str, url: str) -> Iterator[None]:
    """Turns what httpx raises inside the block into our errors; `name` is the server's."""
    import httpx

    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(
            f"{name} did not answer in time.",
            "Check that it is running and not busy with something else, then try again.",
            repr(error),
            provider=name,
        ) from error
    except (httpx.ReadError, httpx.RemoteProtocolError) as error:
        raise StreamCut(
            f"The connection to {name} broke.",
            "See whether it is still running, then try again.",
            repr(error),
            provider=name,
        ) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise Misconfigured(
            f"{name} cannot be asked at {url}: {error}.",
            "Check the address and the key in its settings.",
            repr(error),
            provider=name,
        ) from error
    except httpx.ProxyError as error:
        raise Unreachable(
            f"The proxy did not let Hearth through to {name}.",
            "Check the proxy in its settings.",
            repr(error),
            provider=name,
        ) from error
    except httpx.TransportError as error:
        raise _unreachable(name, url, error) from error
    except httpx.DecodingError as error:
        raise BadReply(
            f"{name} sent something that Hearth cannot unpack.",
            "Update the server, or look at the proxy before it.",
            repr(error),
            provider=name,
        ) from error


def _unreachable(name: str, url: str, error: Exception) -> ProviderError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Misconfigured(
            f"The certificate of {name} is not trusted.",
            "Give its CA file in the provider's settings.",
            text,
            provider=name,
        )
    return Unreachable(
        f"{name} does not answer at {url}.",
        "Start it, or correct its address in the settings.",
        repr(error),
        provider=name,
    )


class Silence:
    """Ends the reading of a stream that has been silent for too long; one timer for the whole."""

    def __init__(self, name: str, seconds: float, first_seconds: float | None = None) -> None:
        """`name` is the server's; `first_seconds` limits the time to the first piece."""
        self._name = name
        self._seconds = seconds
        self._first_seconds = first_seconds
        self._began = asyncio.get_running_loop().time()
        self._heard: float | None = None  # by the loop's clock; None: nothing came yet
        self._reader: asyncio.Task[object] | None = None
        self._expired = False

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[Silence, None]:
        """Watches for as long as the block runs."""
        watcher = asyncio.create_task(self._watch(), name="silence")
        try:
            yield self
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])  # nothing is left behind

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around each wait for the next piece. Raises TimedOut."""
        loop = asyncio.get_running_loop()
        if self._heard is not None:
            self._heard = loop.time()  # the time that the reader spent elsewhere is no silence
        self._reader = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._expired and self._reader is not None and self._reader.uncancel() == 0:
                raise self._error() from None
            raise
        finally:
            self._reader = None
        self._heard = loop.time()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._expired:
            due = self._due(loop.time())
            if due <= 0 and self._reader is not None:
                self._expired = True
                self._reader.cancel()
                return
            await asyncio.sleep(min(max(due, 0.05), self._seconds))

    def _due(self, now: float) -> float:
        """Seconds until it has been silent for too long."""
        if self._heard is not None:
            return self._heard + self._seconds - now
        if self._first_seconds is None:
            return self._seconds
        return self._began + self._first_seconds - now

    def _error(self) -> TimedOut:
        if self._heard is None:
            return TimedOut(
                f"{self._name} has not begun to answer within {self._first_seconds:g} seconds.",
                "Try again when it is less busy.",
                provider=self._name,
            )
        return TimedOut(
            f"{self._name} has been silent for {self._seconds:g} seconds.",
            "Try again; if it happens often, look at the log.",
            provider=self._name,
        )
