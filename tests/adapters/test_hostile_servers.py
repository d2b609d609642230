"""Servers that refuse, hang, fall silent or go away: each ends in one of our errors."""

import asyncio

import pytest

from app.errors import ApiError, Misconfigured, ProviderError, RateLimited, StreamCut, TimedOut
from tests.adapters.asking import CHAT, ask, is_alone, openai, refusal, until
from tests.fakes.servers.http import FakeServer, Reply, events, sse
from tests.fakes.servers.openai_events import answer, delta

EVENTS = b"".join(sse(*answer()).pieces or ())


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (401, Misconfigured, "key"),
        (403, Misconfigured, "key"),
        (404, ApiError, "address"),
        (408, TimedOut, "again"),
        (413, ApiError, "shorten"),
        (429, RateLimited, "wait"),
        (500, ApiError, "log"),
        (503, ApiError, "moment"),
    ],
)
@pytest.mark.parametrize("body", [b'{"error": {"message": "no"}}', b"", b"<html>", b"no", b"\xff{"])
async def test_each_status_is_its_error(
    server: FakeServer, status: int, kind: type[ProviderError], remedy: str, body: bytes
) -> None:
    error = await refusal(server, Reply(body, status, headers={"Retry-After": "2"}))
    assert type(error) is kind
    assert (error.status, error.retry_after) == (status, 2.0)
    assert remedy in error.remedy
    server.enqueue("/v1/models", Reply(body, status))
    async with openai(server) as provider:
        with pytest.raises(kind):
            await provider.list_models()


async def test_the_status_counts_even_where_its_message_does_not_come(server: FakeServer) -> None:
    cut = Reply(b'{"error": "a long story"}', 500, cut=True)
    assert (await refusal(server, cut)).status == 500
    never = asyncio.Event()
    held = Reply(status=429, content_type="text/plain", pieces=[b"slow down"], hold=never)
    error = await refusal(server, held, reply_seconds=0.5)
    assert isinstance(error, RateLimited)
    assert "slow down" in error.message


async def test_an_endless_error_is_not_read_to_its_end(server: FakeServer) -> None:
    endless = Reply(status=500, pieces=[b"x" * 60_000] * 1000, content_type="text/plain")
    assert len((await refusal(server, endless)).message) < 1000
    await until(lambda: server.open_connections == 0)


async def test_a_server_that_falls_silent_is_given_up(server: FakeServer) -> None:
    never = asyncio.Event()
    silent = sse(delta(content="Hel"), done=False, hold=never)
    error = await refusal(server, silent, silence_seconds=0.1)
    assert isinstance(error, TimedOut)
    assert "0.1 seconds" in error.message
    await until(lambda: server.disconnects)
    await until(is_alone)


@pytest.mark.parametrize("before", ["wait", "late"])  # the head, and the first piece
async def test_the_first_byte_may_take_longer_than_the_limit(
    server: FakeServer, before: str
) -> None:
    come = asyncio.Event()
    server.enqueue(CHAT, events(EVENTS, **{before: come}))
    async with openai(server, silence_seconds=0.02) as provider:
        asked = asyncio.ensure_future(ask(provider))
        await until(lambda: server.received)
        await asyncio.wait([asked], timeout=0.3)  # many times the limit
        assert not asked.done()
        come.set()
        assert (await asked).text == "Hello, world"


async def test_a_slow_stream_is_no_silent_one(server: FakeServer) -> None:
    server.enqueue(CHAT, sse(*answer(), pause=0.05))
    async with openai(server, silence_seconds=5) as provider:
        assert (await ask(provider)).text == "Hello, world"


async def test_a_reply_that_is_no_stream_has_a_limit(server: FakeServer) -> None:
    server.enqueue("/v1/models", Reply(wait=asyncio.Event()))
    server.enqueue("/v1/models", Reply(pieces=[b"["], hold=asyncio.Event()))
    async with openai(server, reply_seconds=0.3) as provider:
        await ask(provider)  # the connection is made now
        for _ in range(2):
            with pytest.raises(TimedOut, match=r"0\.3 seconds"):
                await provider.list_models()
    await until(lambda: len(server.disconnects) == 2)


async def test_a_server_that_hangs_up_without_a_word(server: FakeServer) -> None:
    error = await refusal(server, Reply(b"12", 200, headers={"Content-Length": "50"}, cut=True))
    assert isinstance(error, StreamCut)
    assert error.may_pass
