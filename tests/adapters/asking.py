"""What the tests of providers share: a question, the whole answer, and waiting for a server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.errors import HearthError, ProviderError
from app.llm.providers.interface import Provider
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.schema import Chunk, Endpoint, Finish, Message, Request, Role
from tests.fakes.servers.http import FakeServer, Reply, running
from tests.fakes.servers.openai import fill
from tests.fakes.servers.openai_events import HELLO

QUESTION = Request((Message(Role.USER, "Say hello."),))
CHAT = "/v1/chat/completions"
PATIENCE = 30.0  # seconds; only a test that fails waits for so long


@dataclass(frozen=True)
class Said:
    """A whole answer."""

    chunks: tuple[Chunk, ...]

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def reasoning(self) -> str:
        return "".join(chunk.reasoning for chunk in self.chunks)

    @property
    def finish(self) -> Finish:
        ends = [chunk.finish for chunk in self.chunks if chunk.finish is not None]
        assert len(ends) == 1, "an answer ends once"
        assert self.chunks[-1].finish is ends[0], "nothing follows the end"
        return ends[0]


async def ask(provider: Provider, request: Request = QUESTION, model: str = "tiny") -> Said:
    """The answer, with its stream closed."""
    async with aclosing(provider.stream(model, request)) as stream:
        return Said(tuple([chunk async for chunk in stream]))


def endpoint(url: str, **about: Any) -> Endpoint:
    """A place to ask, with patience for a slow machine."""
    return Endpoint(
        **{"name": "here", "kind": "test", "url": url, "connect_seconds": 20.0, **about}
    )


@asynccontextmanager
async def openai(
    server: FakeServer, kind: str = "openai-compatible", **about: Any
) -> AsyncIterator[OpenAIProvider]:
    """A provider of OpenAI's dialect for this server."""
    provider = OpenAIProvider(endpoint(server.url, **about), PROFILES[kind])
    try:
        yield provider
    finally:
        await provider.aclose()


async def refusal(server: FakeServer, *replies: Reply, **about: Any) -> ProviderError:
    """The error that a chat ends in."""
    server.enqueue(CHAT, *replies)
    async with openai(server, **about) as provider:
        with pytest.raises(HearthError) as caught:
            await ask(provider)
    error = caught.value
    assert isinstance(error, ProviderError)
    assert error.provider == "OpenAI-compatible server"
    assert error.message
    assert error.remedy
    return error


@asynccontextmanager
async def hello_server(
    kind: str = "openai-compatible", tls: ssl.SSLContext | None = None, **details: Any
) -> AsyncIterator[FakeServer]:
    """A server of one of OpenAI's imitators that says “Hello, world”."""
    async with running(FakeServer(), tls) as server:
        fill(server, kind, says=HELLO, **details)
        yield server


def asked(server: FakeServer) -> int:
    """How many answers the server was asked for."""
    return [request.path for request in server.received].count(CHAT)


async def until(condition: Callable[[], object]) -> None:
    """Waits for what the server or the loop is about to do."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def is_alone() -> bool:
    """Whether no task is left but the test's own and those of the servers."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return all("FakeServer" in repr(task.get_coro()) for task in others)
