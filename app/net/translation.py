"""Turns what httpx raises into our errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from app.errors import BadReply, Misconfigured, ProviderError, StreamCut, TimedOut, Unreachable


class _Sentence(NamedTuple):
    """One of our errors; the message has places for `name`, `url` and `error`."""

    kind: type[ProviderError]
    message: str
    remedy: str


TIMED_OUT = _Sentence(
    TimedOut,
    "{name} did not answer in time.",
    "Check that it is running and not busy with something else, then try again.",
)
CUT = _Sentence(
    StreamCut,
    "The connection to {name} broke.",
    "See whether it is still running, then try again.",
)
NO_ADDRESS = _Sentence(
    Misconfigured,
    "{name} cannot be asked at {url}: {error}.",
    "Check the address and the key in its settings.",
)
PROXY = _Sentence(
    Unreachable,
    "The proxy did not let Hearth through to {name}.",
    "Check the proxy in its settings.",
)
UNTRUSTED = _Sentence(
    Misconfigured,
    "The certificate of {name} is not trusted.",
    "Give its CA file in the provider's settings.",
)
AWAY = _Sentence(
    Unreachable,
    "{name} does not answer at {url}.",
    "Start it, or correct its address in the settings.",
)
PACKED = _Sentence(
    BadReply,
    "{name} sent something that Hearth cannot unpack.",
    "Update the server, or look at the proxy before it.",
)


@contextmanager
def translated(name: str, url: str) -> Iterator[None]:
    """Turns what httpx raises inside the block into our errors; `name` is the server's."""
    sentences = _sentences()
    try:
        yield
    except tuple(sentences) as error:
        said = next(said for kind, said in sentences.items() if isinstance(error, kind))
        if said is AWAY and "CERTIFICATE_VERIFY_FAILED" in str(error):
            said = UNTRUSTED
        message = said.message.format(name=name, url=url, error=error)
        raise said.kind(message, said.remedy, repr(error), provider=name) from error


@cache
def _sentences() -> Mapping[type[Exception], _Sentence]:
    """What httpx raises, the special before the general."""
    import httpx  # late: it takes a tenth of a second

    return {
        httpx.TimeoutException: TIMED_OUT,
        httpx.ReadError: CUT,
        httpx.RemoteProtocolError: CUT,
        httpx.UnsupportedProtocol: NO_ADDRESS,
        httpx.InvalidURL: NO_ADDRESS,
        httpx.LocalProtocolError: NO_ADDRESS,
        httpx.ProxyError: PROXY,
        httpx.TransportError: AWAY,
        httpx.DecodingError: PACKED,
    }
