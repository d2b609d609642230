"""What the tests of the servers on this computer share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, TypeVar

from app import net
from app.llm.providers.openai import OpenAIProvider
from app.schema import Chunk, Endpoint, Finish, Message, Request, Role
from tests.fakes.servers.http import FakeServer, running

REQUEST = Request((Message(Role.USER, "Say hello."),))
RAW = Request(raw="Once upon a time")
Fake = TypeVar("Fake")
Made_co = TypeVar("Made_co", bound=OpenAIProvider, covariant=True)


class Maker(Protocol[Made_co]):
    """The class of a provider."""

    def __call__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> Made_co: ...


class Streams(Protocol):
    """What answers."""

    def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]: ...


@asynccontextmanager
async def connected(
    fake: Callable[[FakeServer], Fake], maker: Maker[Made_co], **settings: Any
) -> AsyncIterator[tuple[Fake, Made_co]]:
    """A running server and a provider that knows it; `settings` are fields of its endpoint."""
    async with running(FakeServer()) as server:
        made = fake(server)
        provider = maker(Endpoint("here", "", server.url, **settings))
        try:
            yield made, provider
        finally:
            await provider.aclose()


async def answer(provider: Streams, model: str, request: Request = REQUEST) -> list[Chunk]:
    """All chunks of an answer."""
    chunks: list[Chunk] = []
    await heard(provider, model, chunks, request)
    return chunks


async def heard(
    provider: Streams, model: str, chunks: list[Chunk], request: Request = REQUEST
) -> None:
    """Puts the chunks of an answer into a list, which keeps them if it breaks off."""
    async with aclosing(provider.stream(model, request)) as answer:
        async for chunk in answer:
            chunks.append(chunk)  # noqa: PERF401 - one by one, as a test looks at them


def text(chunks: list[Chunk]) -> str:
    """The answer without its reasoning."""
    return "".join(chunk.text for chunk in chunks)


def thought(chunks: list[Chunk]) -> str:
    """The reasoning without the answer."""
    return "".join(chunk.reasoning for chunk in chunks)


def finish(chunks: list[Chunk]) -> Finish:
    """The end of an answer."""
    last = chunks[-1].finish
    assert last is not None
    return last
