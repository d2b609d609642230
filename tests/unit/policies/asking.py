"""What the tests of the policies share: policies around a fake, its failures, what was heard."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from app.errors import ApiError, HearthError, Misconfigured, ModelMissing, Unreachable
from app.llm.providers.policies import rate_limit
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.providers.policies.retry import Patience, Retrying
from app.schema import Chunk, Health, Message, ModelInfo, Request, Role
from tests.fakes.provider import FakeProvider

QUESTION = Request((Message(Role.USER, "four" * 5),))  # 10 tokens by the estimate
TOKENS = 10
BUSY = ApiError("It is busy.", status=503)
AWAY = Unreachable("It is away.")
WRONG_KEY = Misconfigured("The key is wrong.", status=401)
MISSING = ModelMissing("No such model.", status=404)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Unlucky(FakeProvider):
    """Its list and its health fail like its answers."""

    async def list_models(self) -> Sequence[ModelInfo]:
        if self.scripts and (error := self.scripts.popleft().error):
            raise error
        return self.models

    async def health(self) -> Health:
        return Health(works=not self.scripts)


def retrying(inner: Any, clock: Clock, jitter: float = 1.0, **patience: Any) -> Retrying:
    return Retrying(inner, Patience(**patience), clock.sleep, lambda: jitter)


def limited(inner: Any, clock: Clock, **limits: int) -> rate_limit.RateLimited:
    return rate_limit.RateLimited(inner, clock=clock, sleep=clock.sleep, **limits)


def broken(inner: Any, clock: Clock, failures: int = 3) -> CircuitBreaker:
    return CircuitBreaker(inner, failures, rest=20.0, clock=clock)


def fail(inner: FakeProvider, *errors: HearthError, after: Sequence[str] = ()) -> None:
    for error in errors:
        inner.enqueue(*after, error=error)


async def hear(stream: AsyncGenerator[Chunk, None], into: list[Chunk] | None = None) -> list[Chunk]:
    """All chunks, also those before an error."""
    heard = [] if into is None else into
    async with aclosing(stream):
        async for chunk in stream:
            heard.append(chunk)
    return heard


async def failing(stream: AsyncGenerator[Chunk, None]) -> tuple[str, HearthError]:
    """What was said before the error, and the error."""
    heard: list[Chunk] = []
    with pytest.raises(HearthError) as caught:
        await hear(stream, heard)
    return said(heard), caught.value


def said(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def notices(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.notice for chunk in chunks if chunk.notice]
