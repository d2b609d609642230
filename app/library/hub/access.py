"""Where Hugging Face is and how it is reached: the person's settings, else the environment's."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import app
from app import net
from app.errors import Misconfigured
from app.library.hub import environment
from app.library.hub.failures import HOME, IS_OFFLINE, LOCAL_WORKS, SETTINGS

if TYPE_CHECKING:
    import httpx

    from app.settings import Hub as HubSettings

TOKEN_KEY = "huggingface"  # the token's name among the credentials  # noqa: S105
CONNECT_SECONDS = 6.0
REPLY_SECONDS = 20.0
DEFAULT_PORTS = {"http": 80, "https": 443}


class Access:
    """The way to the Hub as it is now; settings and token are asked for anew at each use."""

    def __init__(
        self,
        settings: Callable[[], HubSettings],
        read_token: Callable[[], Awaitable[str]],
        lock: net.OfflineLock | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`read_token` gives the person's token from the keyring, or ""."""
        self._settings = settings
        self._read_token = read_token
        self._lock = lock
        self._environ = os.environ if environ is None else environ

    @property
    def endpoint(self) -> str:
        """The address of the Hub or of its mirror, without a slash behind. Raises Misconfigured."""
        text = self._settings().endpoint.strip() or environment.endpoint(self._environ) or HOME
        return net.checked_url(whole(text))

    @property
    def name(self) -> str:
        """What messages call it: a mirror by its host."""
        address = self.endpoint
        return "Hugging Face" if address == HOME else urlsplit(address).netloc.rpartition("@")[2]

    @property
    def offered_token(self) -> str:
        """A token that the environment holds, to be offered to a person who has none here."""
        return environment.offered_token(self._environ)

    def page(self, repo: str) -> str:
        """The web page of a repository; that of the Hub itself, which has the terms to accept."""
        return f"{HOME}/{quote(repo)}"

    def file_address(self, repo: str, revision: str, file: str) -> str:
        """From where a file is fetched."""
        return f"{self.endpoint}/{quote(repo)}/resolve/{quote(revision, safe='')}/{quote(file)}"

    async def link(self, address: str = "") -> net.Link:
        """How to reach the endpoint; or another host, which is never given the token."""
        endpoint = self.endpoint
        target = address or endpoint
        headers = {"User-Agent": f"hearth/{app.__version__}"}
        if same_origin(target, endpoint) and may_carry(endpoint):
            token = (await self._read_token()).strip()
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
        settings = self._settings()
        return net.Link(
            url=target,
            headers=headers,
            ca_file=settings.ca_file or environment.ca_file(self._environ),
            proxy=settings.proxy,
            connect_seconds=CONNECT_SECONDS,
            reply_seconds=REPLY_SECONDS,
        )

    async def client(self, link: net.Link) -> httpx.AsyncClient:
        """A client for that link; the caller closes it.

        Raises:
            Misconfigured: Hearth is to stay offline (`failures.is_offline`), or the endpoint, the
                proxy, the certificate file or the token cannot be used.
        """
        if environment.is_offline(self._environ):
            raise Misconfigured(
                f"The variable {environment.OFFLINE} is set, so Hugging Face is not asked.",
                f"{LOCAL_WORKS} To search, start Hearth without that variable.",
                code=IS_OFFLINE,
            )
        try:
            if self._lock is not None:
                self._lock.check(link)
        except Misconfigured as error:
            raise Misconfigured(
                "Hearth is set to stay offline, so Hugging Face is not asked.",
                f"{LOCAL_WORKS} To search, allow connections in the settings.",
                code=IS_OFFLINE,
            ) from error
        try:
            return await net.client(link, self._lock)
        except Misconfigured as error:
            raise Misconfigured(error.message, SETTINGS, error.details) from error


def whole(text: str) -> str:
    """An address with a scheme in front, where the person has left that out."""
    if "://" in text:
        return text
    try:
        host = urlsplit(f"//{text}").hostname or ""
    except ValueError:  # brackets that do not close: no address at all
        host = ""
    return f"http://{text}" if net.is_loopback(host) else f"https://{text}"


def may_carry(address: str) -> bool:
    """Whether a token may go there: encrypted, or within this computer."""
    parts = urlsplit(address)
    return parts.scheme == "https" or net.is_loopback(parts.hostname or "")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses lead to the same server."""
    return _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
