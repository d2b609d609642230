"""Keeping to limits of requests and tokens."""

from contextlib import aclosing

from app.llm.providers.policies import rate_limit
from app.schema import Chunk
from tests.fakes.provider import FakeProvider
from tests.unit.policies.asking import (
    BUSY,
    QUESTION,
    TOKENS,
    Clock,
    fail,
    hear,
    limited,
    retrying,
    said,
)


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
