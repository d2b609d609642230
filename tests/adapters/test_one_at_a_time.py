"""Servers that do one thing at a time: whatever else is asked waits on this side."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from app.errors import StreamCut
from app.llm.providers.openai import OpenAIProvider
from app.schema import Chunk
from tests.adapters.asking import CHAT, QUESTION, ask, asked, openai
from tests.fakes.servers.http import FakeServer, sse
from tests.fakes.servers.openai_events import answer, delta


async def barrier(server: FakeServer) -> None:
    """A round trip: whatever was sent before has arrived after it."""
    async with openai(server) as other:
        await other.list_models()


@asynccontextmanager
async def answering(
    server: FakeServer, kind: str
) -> AsyncIterator[tuple[OpenAIProvider, AsyncGenerator[Chunk, None], asyncio.Event]]:
    """A provider, its answer that has begun, and the event before which that does not end."""
    go_on = asyncio.Event()
    server.enqueue(CHAT, sse(*answer(), hold=go_on))
    async with (
        openai(server, kind) as provider,
        aclosing(provider.stream("tiny", QUESTION)) as stream,
    ):
        assert (await anext(stream)).text == "Hello"
        yield provider, stream, go_on


async def test_the_second_request_waits_for_the_first(server: FakeServer) -> None:
    async with (
        answering(server, "koboldcpp") as (provider, first, go_on),
        aclosing(provider.stream("tiny", QUESTION)) as second,
    ):
        assert (await anext(second)).waiting == 1
        later = asyncio.ensure_future(anext(second))
        await barrier(server)
        assert asked(server) == 1, "the second waits on this side"
        go_on.set()
        assert [chunk.text async for chunk in first][-1] == ""
        assert (await later).text == "Hello"
        assert "".join([chunk.text async for chunk in second]) == ", world"


async def test_a_request_that_waits_can_be_given_up(server: FakeServer) -> None:
    async with answering(server, "koboldcpp") as (provider, first, _):
        async with aclosing(provider.stream("tiny", QUESTION)) as second:
            assert (await anext(second)).waiting == 1
            later = asyncio.ensure_future(anext(second))
            await barrier(server)
            later.cancel()
            await asyncio.wait([later])
        await first.aclose()
        assert (await ask(provider)).text == "Hello, world"
    assert asked(server) == 2


async def test_nothing_else_is_asked_while_an_answer_streams(server: FakeServer) -> None:
    async with answering(server, "llama-cpp-python") as (provider, stream, go_on):
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
