"""Asking another model, and all policies together around one provider."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from app.errors import NoModel, StreamCut
from app.llm.providers.interface import Embeds, LoadsModels, Pulls, ability
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.providers.policies.fallback import Candidate, first_answer
from app.llm.providers.policies.retry import Retrying
from app.llm.providers.policies.wrapper import Wrapper
from app.schema import Chunk, Request
from tests.fakes.provider import FakeProvider
from tests.unit.policies.asking import (
    AWAY,
    BUSY,
    MISSING,
    QUESTION,
    Clock,
    broken,
    fail,
    failing,
    hear,
    limited,
    notices,
    retrying,
    said,
)


def chain(*candidates: tuple[str, FakeProvider]) -> AsyncGenerator[Chunk, None]:
    return first_answer(
        [Candidate(name, partial(fake.stream, "m", QUESTION)) for name, fake in candidates]
    )


async def test_the_first_that_answers_is_not_announced(inner: FakeProvider) -> None:
    other = FakeProvider()
    heard = await hear(chain(("one", inner), ("two", other)))
    assert (said(heard), notices(heard), other.requests) == ("ok", [], [])


async def test_the_notice_says_who_answers_and_why(inner: FakeProvider) -> None:
    second, third = FakeProvider(), FakeProvider()
    fail(inner, AWAY)
    fail(second, MISSING)
    third.enqueue("Hello", " there")
    heard = await hear(chain(("one", inner), ("ollama:two", second), ("three", third)))
    [notice] = notices(heard)
    assert notice == (
        "three answers. one could not: It is away. ollama:two could not: No such model."
    )
    spoken = [chunk for chunk in heard if chunk.notice or chunk.text]
    assert [chunk.notice or chunk.text for chunk in spoken] == [notice, "Hello", " there"]
    assert heard[-1].finish is not None


async def test_an_empty_answer_is_announced_too(inner: FakeProvider) -> None:
    class Mute(FakeProvider):
        async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
            async with aclosing(super().stream(model, request)) as chunks:
                async for chunk in chunks:
                    if chunk.finish is not None:
                        yield chunk

    fail(inner, AWAY)
    heard = await hear(chain(("one", inner), ("two", Mute())))
    assert notices(heard) == ["two answers. one could not: It is away."]


async def test_after_the_first_token_nobody_else_is_asked(inner: FakeProvider) -> None:
    other = FakeProvider()
    cut = StreamCut("It broke.")
    fail(inner, cut, after=["Half"])
    assert await failing(chain(("one", inner), ("two", other))) == ("Half", cut)
    assert other.requests == []


async def test_the_last_ones_error_is_told(inner: FakeProvider) -> None:
    other = FakeProvider()
    fail(inner, AWAY)
    fail(other, MISSING)
    assert (await failing(chain(("one", inner), ("two", other))))[1] is MISSING


async def test_a_bug_is_no_reason_to_ask_another(inner: FakeProvider) -> None:
    other = FakeProvider()
    inner.enqueue(error=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await hear(chain(("one", inner), ("two", other)))
    assert other.requests == []


async def test_no_candidate_is_an_error() -> None:
    with pytest.raises(NoModel, match="no model to ask"):
        await hear(first_answer([]))


# All of them together


def dressed(inner: Any, clock: Clock) -> CircuitBreaker:
    return broken(retrying(limited(Wrapper(inner), clock, requests=100), clock), clock)


async def test_abilities_are_found_through_wrappers(inner: FakeProvider, clock: Clock) -> None:
    outer = dressed(inner, clock)
    assert ability(outer, LoadsModels) is inner  # type: ignore[type-abstract]
    assert ability(outer, CircuitBreaker) is outer
    retries = ability(outer, Retrying)
    assert retries is outer.inner
    for missing in (Embeds, Pulls):
        assert ability(outer, missing) is None


async def test_wrappers_hand_everything_on(inner: FakeProvider, clock: Clock) -> None:
    outer = dressed(inner, clock)
    inner.loaded = "m"
    assert outer.title == "Fake"
    assert await outer.list_models() == inner.models
    assert (await outer.count_tokens("m", QUESTION)).tokens == 20  # the fake's letters
    assert (await outer.health()).works
    inner.enqueue("Hello")
    assert said(await hear(outer.stream("m", QUESTION))) == "Hello"
    await outer.aclose()
    assert inner.loaded is None, "closed"


async def test_several_attempts_are_one_failure_of_the_breaker(
    inner: FakeProvider, clock: Clock
) -> None:
    outer = dressed(inner, clock)
    fail(inner, *[BUSY] * 8)
    for _ in range(2):
        assert (await failing(outer.stream("m", QUESTION)))[1] is BUSY
    assert not outer.is_open
    assert said(await hear(outer.stream("m", QUESTION))) == "ok"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner, clock: Wrapper(inner).stream("m", QUESTION),
        lambda inner, clock: retrying(inner, clock).stream("m", QUESTION),
        lambda inner, clock: limited(inner, clock, requests=1).stream("m", QUESTION),
        lambda inner, clock: broken(inner, clock).stream("m", QUESTION),
        lambda inner, clock: chain(("one", inner)),
        lambda inner, clock: dressed(inner, clock).stream("m", QUESTION),
    ],
    ids=["wrapper", "retry", "limit", "breaker", "fallback", "all"],
)
async def test_closing_the_outer_generator_closes_the_inner_one(
    inner: FakeProvider,
    clock: Clock,
    wrap: Callable[[FakeProvider, Clock], AsyncGenerator[Chunk, None]],
) -> None:
    inner.enqueue("Hello", " there")
    async with aclosing(wrap(inner, clock)) as stream:
        while not (await anext(stream)).text:
            assert inner.closed_streams == 0
    assert inner.closed_streams == 1
    assert (len(inner.requests), clock.slept) == (1, [])
