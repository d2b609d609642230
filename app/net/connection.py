"""Makes the HTTP clients: time-outs, TLS, proxies, headers."""

from __future__ import annotations

import asyncio
import importlib
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.errors import Misconfigured
from app.net.link import Link, OfflineLock

if TYPE_CHECKING:
    import httpx

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


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
    secure = urlsplit(link.url).scheme == "https"  # however it is written
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
