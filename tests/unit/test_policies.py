"""Asking again, keeping to limits, and leaving a broken server alone."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from app.errors import (
    ApiError,
    HearthError,
    Misconfigured,
    ModelMissing,
    NoModel,
    ProviderError,
    RateLimited,
    StreamCut,
    TimedOut,
    Unreachable,
)
from app.llm.providers.policies import rate_limit
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.providers.policies.retry import Patience, Retrying
from app.schema import Chunk, Health, Message, ModelInfo, Request, Role, ToolCall
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


@pytest.fixture
def inner() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def retrying(inner: Any, clock: Clock, jitter: float = 1.0, **patience: Any) -> Retrying:
    return Retrying(inner, Patience(**patience), clock.sleep, lambda: jitter)


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


# Asking again


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


# Limits


def limited(inner: Any, clock: Clock, **limits: int) -> rate_limit.RateLimited:
    return rate_limit.RateLimited(inner, clock=clock, sleep=clock.sleep, **limits)


async def test_requests_beyond_the_limit_wait_for_the_minute_to_pass(
    inner: FakeProvider, clock: Clock
) -> None:
    provider = limited(inner, clock, requests=2)
    for _ in range(2):
        assert not any(chunk.waiting for chunk in await hear(provider.stream("m", QUESTION)))
        clock.now += 10
    heard = await hear(provider.stream("m", QUESTION))
    assert heard[0] == Chunk(waiting=1), "it says that it waits"
    assert said(heard) == "ok"
    assert clock.slept == [40.0]  # the first was 20 seconds ago
    await hear(provider.stream("m", QUESTION))
    assert clock.slept == [40.0, 10.0]  # the second one's minute


async def test_a_minute_without_requests_forgets_them(inner: FakeProvider, clock: Clock) -> None:
    provider = limited(inner, clock, requests=1)
    for _ in range(3):
        await hear(provider.stream("m", QUESTION))
        clock.now += rate_limit.MINUTE
    assert (len(inner.requests), clock.slept) == (3, [])


async def test_tokens_count_as_the_server_counted_them(inner: FakeProvider, clock: Clock) -> None:
    provider = limited(inner, clock, tokens=40)
    inner.enqueue(*"abcdefghijklmnopqrst")  # 10 of the prompt and 20 of the answer
    await hear(provider.stream("m", QUESTION))
    await hear(provider.stream("m", QUESTION))  # 10 and 1: there was room for its prompt
    assert clock.slept == []
    await hear(provider.stream("m", QUESTION))
    assert clock.slept == [60.0]


async def test_a_prompt_above_the_whole_limit_is_let_through_alone(
    inner: FakeProvider, clock: Clock
) -> None:
    provider = limited(inner, clock, tokens=TOKENS - 1)
    await hear(provider.stream("m", QUESTION))
    assert clock.slept == []
    await hear(provider.stream("m", QUESTION))
    assert clock.slept == [60.0]


async def test_no_limit_never_waits(inner: FakeProvider, clock: Clock) -> None:
    provider = limited(inner, clock)
    for _ in range(50):
        await hear(provider.stream("m", QUESTION))
    assert clock.slept == []


async def test_who_leaves_while_waiting_has_not_asked(inner: FakeProvider, clock: Clock) -> None:
    provider = limited(inner, clock, requests=1)
    await hear(provider.stream("m", QUESTION))
    async with aclosing(provider.stream("m", QUESTION)) as stream:
        assert await anext(stream) == Chunk(waiting=1)
    assert len(inner.requests) == 1
    clock.now += rate_limit.MINUTE
    await hear(provider.stream("m", QUESTION))  # nobody holds the turn
    assert (len(inner.requests), clock.slept) == (2, [])


async def test_each_attempt_counts_as_a_request(inner: FakeProvider, clock: Clock) -> None:
    provider = retrying(limited(inner, clock, requests=1), clock, first_pause=1.0)
    fail(inner, BUSY)
    heard = await hear(provider.stream("m", QUESTION))
    assert (said(heard), clock.slept) == ("ok", [1.0, 59.0])


# The breaker


def broken(inner: Any, clock: Clock, failures: int = 3) -> CircuitBreaker:
    return CircuitBreaker(inner, failures, rest=20.0, clock=clock)


async def trip(breaker: CircuitBreaker, inner: FakeProvider, error: HearthError = AWAY) -> None:
    fail(inner, *[error] * 3)
    for _ in range(3):
        assert (await failing(breaker.stream("m", QUESTION)))[1] is error


@pytest.mark.parametrize("error", [AWAY, BUSY, StreamCut("It broke."), TimedOut("Too long.")])
async def test_three_failures_in_a_row_open_it(
    inner: FakeProvider, clock: Clock, error: ProviderError
) -> None:
    breaker = broken(inner, clock)
    await trip(breaker, inner, error)
    assert breaker.is_open
    clock.now += 5
    _, refusal = await failing(breaker.stream("m", QUESTION))
    assert isinstance(refusal, Unreachable)
    assert refusal.message == "Fake has failed 3 times in a row."
    assert "15 seconds" in refusal.remedy
    assert refusal.provider == "Fake"
    with pytest.raises(Unreachable, match="3 times in a row"):
        await breaker.list_models()
    assert len(inner.requests) == 3, "the server was left alone"


async def test_an_answer_in_between_starts_the_count_anew(
    inner: FakeProvider, clock: Clock
) -> None:
    breaker = broken(inner, clock)
    for _ in range(3):
        fail(inner, BUSY, BUSY)
        for _ in range(2):
            await failing(breaker.stream("m", QUESTION))
        assert said(await hear(breaker.stream("m", QUESTION))) == "ok"
    assert not breaker.is_open


@pytest.mark.parametrize("error", [WRONG_KEY, MISSING, NoModel("Nothing is loaded.")])
async def test_what_is_not_the_servers_trouble_does_not_count(
    inner: FakeProvider, clock: Clock, error: HearthError
) -> None:
    breaker = broken(inner, clock, failures=1)
    fail(inner, *[error] * 5)
    for _ in range(5):
        assert (await failing(breaker.stream("m", QUESTION)))[1] is error
    assert not breaker.is_open


async def test_after_the_rest_one_trial_decides(inner: FakeProvider, clock: Clock) -> None:
    breaker = broken(inner, clock)
    await trip(breaker, inner)
    clock.now += 20.0
    assert not breaker.is_open
    fail(inner, AWAY)
    assert (await failing(breaker.stream("m", QUESTION)))[1] is AWAY
    assert breaker.is_open, "the trial failed, and it rests once more"
    clock.now += 20.0
    assert said(await hear(breaker.stream("m", QUESTION))) == "ok"
    fail(inner, AWAY, AWAY)
    for _ in range(2):
        await failing(breaker.stream("m", QUESTION))
    assert not breaker.is_open, "the trial's success has wiped the slate"


async def test_a_failing_list_counts_like_a_failing_answer(clock: Clock) -> None:
    inner = Unlucky()
    breaker = broken(inner, clock)
    fail(inner, *[AWAY] * 3)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await breaker.list_models()
    assert breaker.is_open
    clock.now += 20.0
    assert await breaker.list_models() == inner.models
    assert not breaker.is_open
    assert len(inner.scripts) == 0


async def test_reset_lets_the_next_request_through(inner: FakeProvider, clock: Clock) -> None:
    breaker = broken(inner, clock)
    await trip(breaker, inner)
    breaker.reset()
    assert said(await hear(breaker.stream("m", QUESTION))) == "ok"


async def test_a_server_that_says_it_is_well_is_asked_again(clock: Clock) -> None:
    inner = Unlucky()
    breaker = broken(inner, clock)
    await trip(breaker, inner)
    fail(inner, AWAY)
    assert not (await breaker.health()).works
    assert breaker.is_open
    inner.scripts.clear()
    assert (await breaker.health()).works
    assert not breaker.is_open
