"""What the tests of the dialects that are not OpenAI's share: asking, and what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from app.errors import HearthError, Misconfigured
from app.llm.providers.interface import Provider
from app.schema import Chunk, Finish, Message, Request, Role
from tests.fakes.servers.http import FakeServer

Item = TypeVar("Item")
PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": PARAMETERS,
    },
}

TURNS = (
    Message(Role.SYSTEM, "Be brief. "),
    Message(Role.USER, "One"),
    Message(Role.USER, "Two"),
    Message(Role.ASSISTANT, ""),  # stopped before it said anything
    Message(Role.USER, "Three"),
    Message(Role.ASSISTANT, "Four"),
    Message(Role.SYSTEM, "Be kind."),
)


def ask(text: str = "Hi", **changes: Any) -> Request:
    return Request((Message(Role.USER, text),), **changes)


@dataclass(frozen=True)
class Asking:
    """Asks a model, unless another is named."""

    model: str

    async def answer(
        self, provider: Provider, request: Request | None = None, model: str = ""
    ) -> list[Chunk]:
        """The whole answer."""
        async with aclosing(provider.stream(model or self.model, request or ask())) as chunks:
            return [chunk async for chunk in chunks]

    async def broken(
        self, provider: Provider, error: type[HearthError], request: Request | None = None
    ) -> tuple[str, Any]:
        """What came before the error, and the error."""
        chunks: list[Chunk] = []
        with pytest.raises(error) as caught:
            await gather(provider.stream(self.model, request or ask()), chunks)
        return text(chunks), caught.value


async def asks_for_a_key(
    provider: Provider, model: str, *attempts: Callable[[], Awaitable[object]]
) -> None:
    """Whatever would ask the server says that it needs a key, and where to give one."""
    for attempt in attempts:
        with pytest.raises(Misconfigured, match="needs a key") as caught:
            await attempt()
        assert "settings" in caught.value.remedy
    health = await provider.health()
    assert not health.works
    assert "needs a key" in health.message
    assert (await provider.count_tokens(model, ask())).method


async def gather(stream: AsyncGenerator[Item, None], into: list[Item]) -> None:
    """Keeps what comes, also what comes before an error."""
    async with aclosing(stream):
        async for item in stream:
            into.append(item)  # noqa: PERF401


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def reasoning(chunks: list[Chunk]) -> str:
    return "".join(chunk.reasoning for chunk in chunks)


def notices(chunks: list[Chunk]) -> list[str]:
    return [chunk.notice for chunk in chunks if chunk.notice]


def finish(chunks: list[Chunk]) -> Finish:
    *before, last = chunks
    assert last.finish is not None
    assert not any(chunk.finish for chunk in before)
    return last.finish


async def disconnected(server: FakeServer) -> None:
    """Waits until the server has seen that a client is gone."""
    async with asyncio.timeout(5):
        while not server.disconnects:
            await asyncio.sleep(0.005)
