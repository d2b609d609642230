"""Asking again what may pass, before the first token."""

from collections.abc import AsyncGenerator

import pytest

from app.errors import (
    ApiError,
    HearthError,
    NoModel,
    ProviderError,
    RateLimited,
    StreamCut,
    TimedOut,
)
from app.llm.providers.policies.retry import Patience, Retrying
from app.schema import Chunk, Request, ToolCall
from tests.fakes.provider import FakeProvider
from tests.unit.policies.asking import (
    AWAY,
    BUSY,
    MISSING,
    QUESTION,
    WRONG_KEY,
    Clock,
    fail,
    failing,
    hear,
    notices,
    retrying,
    said,
)


async def test_what_works_is_asked_once(inner: FakeProvider, clock: Clock) -> None:
    inner.enqueue("Hello", " there")
    heard = await hear(retrying(inner, clock).stream("m", QUESTION))
    assert (said(heard), notices(heard)) == ("Hello there", [])
    assert (len(inner.requests), clock.slept) == (1, [])


@pytest.mark.parametrize(
    "error",
    [BUSY, AWAY, TimedOut("Too long."), StreamCut("It broke."), RateLimited("Wait.", status=429)],
    ids=lambda error: type(error).__name__,
)
async def test_what_may_pass_is_asked_again_before_the_first_token(
    inner: FakeProvider, clock: Clock, error: ProviderError
) -> None:
    fail(inner, error, error)
    inner.enqueue("Hello")
    heard = await hear(retrying(inner, clock).stream("m", QUESTION))
    assert said(heard) == "Hello"
    spoken = [chunk.notice or chunk.text for chunk in heard if chunk.notice or chunk.text]
    assert spoken == [f"Asked 3 times. At first: {error.message}", "Hello"]
    assert inner.requests == [QUESTION] * 3
    assert inner.closed_streams == 3


async def test_the_pauses_double_up_to_a_limit_and_chance_shortens_them_by_half_at_most(
    inner: FakeProvider, clock: Clock
) -> None:
    patience = {"attempts": 6, "first_pause": 1.0, "longest_pause": 5.0}
    for jitter, pauses in ((1.0, [1, 2, 4, 5, 5]), (0.0, [0.5, 1, 2, 2.5, 2.5])):
        fail(inner, *[BUSY] * 6)
        clock.slept.clear()
        _, error = await failing(retrying(inner, clock, jitter, **patience).stream("m", QUESTION))
        assert (error, clock.slept) == (BUSY, pauses)


async def test_chance_is_drawn_anew_for_each_pause(inner: FakeProvider, clock: Clock) -> None:
    drawn = iter([0.0, 0.5, 1.0])
    fail(inner, *[BUSY] * 4)
    provider = Retrying(inner, Patience(first_pause=1.0), clock.sleep, lambda: next(drawn))
    assert (await failing(provider.stream("m", QUESTION)))[1] is BUSY
    assert clock.slept == [0.5, 1.5, 4.0]


async def test_the_last_error_is_told(inner: FakeProvider, clock: Clock) -> None:
    fail(inner, AWAY, BUSY)
    assert (await failing(retrying(inner, clock, attempts=2).stream("m", QUESTION)))[1] is BUSY


@pytest.mark.parametrize(("asked", "pauses"), [(7.0, [7.0]), (30.0, [30.0]), (0.0, [0.0])])
async def test_a_pause_that_the_server_asks_for_is_kept(
    inner: FakeProvider, clock: Clock, asked: float, pauses: list[float]
) -> None:
    fail(inner, RateLimited("Wait.", status=429, retry_after=asked))
    assert said(await hear(retrying(inner, clock).stream("m", QUESTION))) == "ok"
    assert clock.slept == pauses


async def test_a_pause_that_is_too_long_is_told_at_once(inner: FakeProvider, clock: Clock) -> None:
    error = RateLimited("Come back in an hour.", status=429, retry_after=30.1)
    fail(inner, error)
    assert (await failing(retrying(inner, clock).stream("m", QUESTION)))[1] is error
    assert (len(inner.requests), clock.slept) == (1, [])


@pytest.mark.parametrize("error", [BUSY, StreamCut("It broke.")])
async def test_nothing_is_asked_twice_after_the_first_token(
    inner: FakeProvider, clock: Clock, error: ProviderError
) -> None:
    fail(inner, error, after=["Half an", " answer"])
    told = await failing(retrying(inner, clock).stream("m", QUESTION))
    assert told == ("Half an answer", error)
    assert (len(inner.requests), clock.slept) == (1, [])


@pytest.mark.parametrize(
    "chunk", [Chunk(reasoning="Let me see"), Chunk(tool_calls=(ToolCall("1", "look", "{}"),))]
)
async def test_a_thought_or_a_tool_call_is_a_beginning_too(clock: Clock, chunk: Chunk) -> None:
    class Thinker(FakeProvider):
        async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
            self.requests.append(request)
            yield chunk
            raise BUSY

    inner = Thinker()
    assert (await failing(retrying(inner, clock).stream("m", QUESTION)))[1] is BUSY
    assert len(inner.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        WRONG_KEY,
        MISSING,
        ApiError("The prompt is bad.", status=400),
        NoModel("Nothing is loaded."),
    ],
    ids=lambda error: error.message,
)
async def test_what_cannot_pass_is_told_at_once(
    inner: FakeProvider, clock: Clock, error: HearthError
) -> None:
    fail(inner, error)
    assert (await failing(retrying(inner, clock).stream("m", QUESTION)))[1] is error
    assert (len(inner.requests), clock.slept) == (1, [])


async def test_a_server_of_this_computer_that_is_away_is_told_at_once(
    inner: FakeProvider, clock: Clock
) -> None:
    provider = retrying(inner, clock, waits_for_server=False)
    fail(inner, AWAY)
    assert (await failing(provider.stream("m", QUESTION)))[1] is AWAY
    assert clock.slept == []
    fail(inner, BUSY)  # it is there, and only busy
    assert said(await hear(provider.stream("m", QUESTION))) == "ok"
    assert len(clock.slept) == 1
