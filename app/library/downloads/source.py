"""Opens a file of the Hub at any byte: redirects, refusals, and what the headers promise."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from app.errors import ApiError, Misconfigured, ProviderError
from app.library.downloads.body import Body
from app.library.downloads.troubles import SourceChanged, WrongSize
from app.library.hub import failures
from app.library.hub.access import same_origin
from app.library.hub.asking import MAX_REDIRECTS, REDIRECTS, refused
from app.library.hub.failures import Question

if TYPE_CHECKING:
    import httpx

    from app.library.hub.access import Access
    from app.library.records import HubFile, HubModel

SPAN = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")  # RFC 9110, 14.4
SIZE = re.compile(r"bytes \*/([0-9]{1,18})")
LENGTH = re.compile(r"[0-9]{1,18}")
SHA256, GIT_NAME = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
WHOLE, PART, NOT_THERE = 200, 206, 416


@dataclass(frozen=True, slots=True)
class Identity:
    """What the source calls the content: a SHA-256, git's name for it, or anything else."""

    etag: str = ""
    is_of_hub: bool = False  # else of a server that may have names of its own

    @property
    def sha256(self) -> str:
        """Where it is one."""
        return self.etag if self.is_of_hub and SHA256.fullmatch(self.etag) else ""

    @property
    def git_name(self) -> str:
        """Where it is one."""
        return self.etag if self.is_of_hub and GIT_NAME.fullmatch(self.etag) else ""


class Source:
    """One file at the Hub or at a mirror."""

    def __init__(self, access: Access, model: HubModel, file: HubFile) -> None:
        self._access = access
        self._model = model
        self._file = file
        self.identity = Identity()  # known after the first answer

    @property
    def name(self) -> str:
        """What messages call the server. Raises Misconfigured."""
        return self._access.name

    @asynccontextmanager
    async def open(self, start: int, end: int, heard: Callable[[], None]) -> AsyncIterator[Body]:
        """The bytes from `start` on, at most to before `end`; `heard` is told of signs of life.

        Raises:
            ProviderError: they are not to be had, or not now (`troubles.may_pass`).
            SourceChanged: it is another file by now.
        """
        model, file = self._model, self._file
        question = Question(self.name, model.repo, file.path)
        address = self._access.file_address(model.repo, model.revision, file.path)
        identity = Identity()
        for _ in range(MAX_REDIRECTS + 1):
            async with AsyncExitStack() as opened:
                link = await self._access.link(_origin(address))
                client = await opened.enter_async_context(await self._access.client(link))
                with failures.translated(question.name, link):
                    response = await _send(client, address, self._range(start, end))
                    opened.push_async_callback(response.aclose)
                    heard()
                    identity = _identity(response.headers, identity)
                    target = response.headers.get("location", "")
                    if response.status_code in REDIRECTS and target:
                        if identity.is_of_hub and identity.etag:
                            self._take(identity, question)  # the Hub itself tells of a change
                        address = _checked_target(address, target, question)
                        continue
                    if response.status_code not in (WHOLE, PART):
                        raise await self._refused(response, question, address)
                self._take(identity, question)
                yield self._body(response, question, start, identity)
                return
        raise failures.strange_page(question.name, f"sent on again and again, to {address}")

    def _range(self, start: int, end: int) -> Mapping[str, str]:
        """The header that asks for these bytes; none for the whole file."""
        if end < self._file.size:
            return {"Range": f"bytes={start}-{end - 1}"}
        return {"Range": f"bytes={start}-"} if start else {}

    async def _refused(
        self, response: httpx.Response, question: Question, address: str
    ) -> ProviderError:
        if response.status_code == NOT_THERE:
            total = SIZE.fullmatch(response.headers.get("content-range", ""))
            if total is not None and int(total[1]) != self._file.size:
                return self._other_size(question, int(total[1]))
            return failures.damaged_reply(question.name, "416")
        with_token = "authorization" in response.request.headers
        error = await refused(response, question, with_token=with_token)
        if same_origin(address, self._access.endpoint) or error.status in (None, 429):
            return error
        if error.status < 500:
            # The Hub's links to the second host last for minutes; the next try is given a new one.
            return ApiError(
                f"The server that keeps the file for {question.name} does not give it out now "
                f"({error.status}).",
                "Hearth asks again by itself.",
                error.details,
                provider=question.name,
                status=503,
                retry_after=error.retry_after,
            )
        return error

    def _take(self, identity: Identity, question: Question) -> None:
        """Compares what the source calls its content with what it was asked for."""
        wanted = self._file.content
        told = identity.sha256 if self._file.sha256 else identity.git_name
        if wanted and told and told != wanted:
            raise self._changed(question, f"{told} in place of {wanted}")
        known, self.identity = self.identity, identity
        if not wanted and known.etag != "" and identity != known:
            raise self._changed(question, f"{identity.etag} in place of {known.etag}")

    def _changed(self, question: Question, details: str) -> SourceChanged:
        return SourceChanged(
            f"“{self._file.path}” has changed at {question.name} since it was chosen.",
            "Cancel this download, look at the model's files again, and fetch the new one.",
            details,
            provider=question.name,
        )

    def _other_size(self, question: Question, size: int) -> ProviderError:
        return WrongSize(
            f"{question.name} lists “{self._file.path}” with {self._file.size:,} bytes, and sends "
            f"{size:,}.",
            "Cancel this download, and look at the model's files again.",
            provider=question.name,
        )

    def _body(
        self, response: httpx.Response, question: Question, start: int, identity: Identity
    ) -> Body:
        told = response.headers
        if told.get("content-encoding", "identity") != "identity":
            raise failures.strange_page(question.name, "packed, though that was not asked for")
        said = told.get("content-length", "")
        length = int(said) if LENGTH.fullmatch(said) else None
        total: int | None
        if response.status_code == PART:
            match = SPAN.fullmatch(told.get("content-range", ""))
            if match is None or int(match[1]) != start or int(match[2]) < start:
                raise failures.damaged_reply(question.name, told.get("content-range", ""))
            total = int(match[3]) if match[3] != "*" else None
            first = start
            if length != int(match[2]) + 1 - start:
                length = None  # then the end of the answer tells
        else:
            first, total = 0, length
            if "html" in told.get("content-type", "") and not identity.is_of_hub:
                raise failures.strange_page(question.name, "a web page")
        if total is not None and total != self._file.size:
            raise self._other_size(question, total)
        if "transfer-encoding" in told:
            length = None
        return Body(response, question.name, first, length)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def _send(
    client: httpx.AsyncClient, address: str, ranged: Mapping[str, str]
) -> httpx.Response:
    headers = {"Accept-Encoding": "identity", **ranged}
    return await client.send(client.build_request("GET", address, headers=headers), stream=True)


def _identity(headers: Mapping[str, str], before: Identity) -> Identity:
    """The Hub's own word counts, also where its redirect leads to another server."""
    is_of_hub = "x-repo-commit" in headers or "x-linked-etag" in headers
    etag = headers.get("x-linked-etag") or headers.get("etag") or ""
    if before.is_of_hub and not is_of_hub:
        return before
    return Identity(etag.removeprefix("W/").strip('"').lower(), is_of_hub)


def _checked_target(address: str, target: str, question: Question) -> str:
    """Where a redirect leads: http or https, and never from https to http."""
    try:
        made = urljoin(address, target)
        old, new = urlsplit(address).scheme, urlsplit(made).scheme
        _ = urlsplit(made).port
    except ValueError as error:
        raise failures.strange_page(question.name, f"sent on to {target}") from error
    if new != "https" and (new != "http" or old == "https"):
        raise Misconfigured(
            f"{question.name} sends Hearth on to a place that is not protected.",
            "Check the address of Hugging Face in the settings.",
            f"{urlsplit(made).scheme}://{urlsplit(made).netloc}",
            provider=question.name,
        )
    return made
