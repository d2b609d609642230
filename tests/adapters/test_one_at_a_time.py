"""Servers that do one thing at a time: whatever else is asked waits on this side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.errors import StreamCut
from tests.adapters.asking import CHAT, QUESTION, ask, hello_server, openai
from tests.fakes.servers.http import FakeServer, sse
from tests.fakes.servers.openai_events import answer, delta


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with hello_server() as started:
        yield started


def asked(server: FakeServer) -> int:
    """How many answers the server was asked for."""
    return [request.path for request in server.received].count(CHAT)


async def barrier(server: FakeServer) -> None:
    """A round trip: whatever was sent before has arrived after it."""
    async with openai(server) as other:
        await other.list_models()


async def test_the_second_request_waits_for_the_first(
    server: FakeServer,
) -> None:
    go_on = asyncio.Event()
    server.enqueue(CHAT, sse(*answer(), hold=go_on))
    async with (
        openai(server, "koboldcpp") as provider,
        aclosing(provider.stream("tiny", QUESTION)) as first,
        aclosing(provider.stream("tiny", QUESTION)) as second,
    ):
        assert (await anext(first)).text == "Hello"
        assert (await anext(second)).waiting == 1
        later = asyncio.ensure_future(anext(second))
        await barrier(server)
        assert asked(server) == 1, "the second waits on this side"
        go_on.set()
        assert [chunk.text async for chunk in first][-1] == ""
        assert (await later).text == "Hello"
        assert "".join([chunk.text async for chunk in second]) == ", world"


async def test_a_request_that_waits_can_be_given_up(server: FakeServer) -> None:
    never = asyncio.Event()
    server.enqueue(CHAT, sse(*answer(), hold=never))
    async with (
        openai(server, "koboldcpp") as provider,
        aclosing(provider.stream("tiny", QUESTION)) as first,
    ):
        await anext(first)
        async with aclosing(provider.stream("tiny", QUESTION)) as second:
            assert (await anext(second)).waiting == 1
            later = asyncio.ensure_future(anext(second))
            await barrier(server)
            later.cancel()
            await asyncio.wait([later])
        await first.aclose()
        assert (await ask(provider)).text == "Hello, world"
    assert asked(server) == 2


async def test_nothing_else_is_asked_while_an_answer_streams(
    server: FakeServer,
) -> None:
    go_on = asyncio.Event()
    server.enqueue(CHAT, sse(*answer(), hold=go_on))
    async with (
        openai(server, "llama-cpp-python") as provider,
        aclosing(provider.stream("tiny", QUESTION)) as stream,
    ):
        await anext(stream)
        assert [info.ref.model for info in await provider.list_models()] == ["tiny"]
        assert (await provider.health()).works
        assert "estimate" in (await provider.count_tokens("tiny", QUESTION)).method
        embedding = asyncio.ensure_future(provider.embed("tiny", ["a"]))
        await barrier(server)
        assert [request.path for request in server.received] == [CHAT, "/v1/models"]
        server.route("POST", "/v1/embeddings", {"data": [{"index": 0, "embedding": [1]}]})
        go_on.set()
        assert "".join([chunk.text async for chunk in stream]) == ", world"
        assert await embedding == [[1.0]]


async def test_an_answer_that_another_program_interrupted_was_cut(server: FakeServer) -> None:
    server.enqueue(CHAT, sse(delta(content="Hel"), done=True))
    async with openai(server, "llama-cpp-python") as provider:
        with pytest.raises(StreamCut):
            await ask(provider)
