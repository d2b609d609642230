"""Leaving a broken server alone."""

import pytest

from app.errors import HearthError, NoModel, ProviderError, StreamCut, TimedOut, Unreachable
from app.llm.providers.policies.breaker import CircuitBreaker
from tests.fakes.provider import FakeProvider
from tests.unit.policies.asking import (
    AWAY,
    BUSY,
    MISSING,
    QUESTION,
    WRONG_KEY,
    Clock,
    Unlucky,
    broken,
    fail,
    failing,
    hear,
    said,
)


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
