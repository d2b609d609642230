"""One request to the Hub and its whole answer, through Hearth's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from app.library.hub import failures
from app.library.hub.access import same_origin

if TYPE_CHECKING:
    import httpx

    from app import net
    from app.errors import ProviderError
    from app.library.hub.failures import Question

LARGEST = 64 << 20  # bytes of an answer
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; the address is absolute."""

    method: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are in lower case, and the body is unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(
    client: httpx.AsyncClient, link: net.Link, question: Question, request: Request
) -> Reply:
    """The answer; redirects within the same server are followed, as for a renamed repository.

    Raises:
        ProviderError: there was none, it is an error, or no data.
    """
    try:
        async with asyncio.timeout(link.reply_seconds):
            with failures.translated(question.name, link):
                reply = await _follow(client, link, question, request)
    except TimeoutError:
        raise failures.too_slow(question.name, link.reply_seconds) from None
    if reply.status >= 400:
        raise failures.refusal(question, reply.status, reply.headers, _words(reply.body))
    if "html" in reply.headers.get("content-type", ""):
        raise failures.strange_page(question.name, reply.body[:300].decode("utf-8", "replace"))
    return reply


async def _follow(
    client: httpx.AsyncClient, link: net.Link, question: Question, request: Request
) -> Reply:
    address = request.address
    for _ in range(MAX_REDIRECTS + 1):
        if not same_origin(address, link.url):
            raise failures.strange_page(question.name, f"sent on to {address}")
        made = client.build_request(
            request.method, address, headers=dict(request.headers), content=request.body or None
        )
        response = await client.send(made, stream=True)
        try:
            if response.status_code in REDIRECTS and response.headers.get("location"):
                address = urljoin(address, response.headers["location"])
                continue
            return await _whole(response, question.name)
        finally:
            await response.aclose()
    raise failures.strange_page(question.name, f"sent on again and again, at last to {address}")


async def refused(
    response: httpx.Response, question: Question, *, with_token: bool
) -> ProviderError:
    """The error that the answer to a request for a file stands for; its body is read."""
    reply = await _whole(response, question.name)
    asked = replace(question, with_token=with_token)
    return failures.refusal(asked, reply.status, reply.headers, _words(reply.body))


async def _whole(response: httpx.Response, name: str) -> Reply:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LARGEST:
            raise failures.damaged_reply(name, f"more than {LARGEST} bytes")
    headers = {key.lower(): value for key, value in response.headers.items()}
    return Reply(response.status_code, headers, bytes(body))


def _words(body: bytes) -> str:
    """What a refusal says of itself; of a web page nothing."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    words = said.get("error") if isinstance(said, dict) else ""
    return words if isinstance(words, str) else ""
