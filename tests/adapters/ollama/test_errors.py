"""Ollama: what goes wrong in an answer, stopping one, and waiting for one."""

import asyncio
import json

import pytest

from app.errors import ApiError, BadReply, ModelMissing, RateLimited, StreamCut, TimedOut
from app.schema import Request
from tests.adapters.dialects import ask, disconnected, text
from tests.adapters.ollama.asking import DONE, answer, broken, connected, say
from tests.fakes.servers.http import Received, Reply, ndjson
from tests.fakes.servers.ollama import Ollama


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_an_error_inside_a_good_reply(ollama, provider, size):
    ollama.server.recut = size
    ollama.server.enqueue("/api/chat", ndjson(say("Half"), {"error": "an error: runner died"}))
    came, error = await broken(provider, ApiError)
    assert came == "Half"
    assert "runner died" in error.message


async def test_an_error_inside_a_good_reply_keeps_its_status(ollama, provider):
    ollama.server.enqueue("/api/chat", ndjson({"error": "slow down", "status": 429}))
    await broken(provider, RateLimited)


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_stream_that_ends_before_it_is_done(ollama, provider, size):
    ollama.server.recut = size
    ollama.server.enqueue("/api/chat", ndjson(say("Half"), say(" an")))
    came, error = await broken(provider, StreamCut)
    assert came == "Half an"
    assert "middle" in error.message


async def test_a_connection_that_breaks(ollama, provider):
    ollama.server.enqueue("/api/chat", ndjson(say("Half"), cut=True))
    came, error = await broken(provider, StreamCut)
    assert came == "Half"
    assert "broke" in error.message


@pytest.mark.parametrize("line", [b"error: llama runner exited\n", b"[1, 2]\n", b'{"message": {\n'])
async def test_a_line_that_cannot_be_read(ollama, provider, line):
    pieces = [json.dumps(say("Half")).encode() + b"\n", line]
    reply = Reply(content_type="application/x-ndjson", pieces=pieces)
    ollama.server.enqueue("/api/chat", reply)
    came, error = await broken(provider, BadReply)
    assert came == "Half"
    assert error.details == line.decode().strip()


async def test_a_web_page_is_no_answer(ollama, provider):
    page = Reply(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    ollama.server.enqueue("/api/chat", page)
    _, error = await broken(provider, BadReply)
    assert "web page" in error.message


async def test_chatting_with_a_model_that_is_not_there(ollama, provider):
    with pytest.raises(ModelMissing, match="'nobody' not found"):
        await answer(provider, model="nobody")
    await provider.open("qwen")
    ollama.models.clear()  # behind our back
    with pytest.raises(ModelMissing, match="'qwen' not found"):
        await answer(provider)


async def test_closing_the_stream_closes_the_connection(ollama, provider):
    hold = asyncio.Event()
    ollama.server.enqueue("/api/chat", ndjson(say("a"), say("b"), hold=hold))
    stream = provider.stream("qwen", ask())
    assert (await anext(stream)).text == "a"
    assert not ollama.server.disconnects
    await stream.aclose()
    await disconnected(ollama.server)


async def test_cancelling_while_the_model_loads_closes_the_connection(ollama, provider):
    began = asyncio.Event()

    def loading(_: Received) -> Reply:
        began.set()
        return ndjson(DONE, wait=asyncio.Event())

    ollama.server.route("POST", "/api/chat", loading)
    task = asyncio.create_task(answer(provider))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await disconnected(ollama.server)
    assert text(await answer(provider, Request(raw="Once"))) == "Hello there."


async def test_a_model_may_load_longer_than_any_other_reply_may_take(ollama: Ollama):
    async def loading(request: Received) -> Reply:
        await asyncio.sleep(0.3)
        return ollama._answer(request)

    ollama.server.route("POST", "/api/chat", loading)
    ollama.server.route("POST", "/api/generate", loading)
    async with connected(ollama, reply_seconds=0.1, silence_seconds=0.1) as provider:
        assert text(await answer(provider)) == "Hello there."
        await provider.load_remote("qwen")


async def test_silence_in_the_middle_ends_the_stream(ollama):
    hold = asyncio.Event()
    ollama.server.enqueue("/api/chat", ndjson(say("Half"), hold=hold))
    async with connected(ollama, silence_seconds=0.1) as provider:
        came, _ = await broken(provider, TimedOut)
    assert came == "Half"


async def test_nothing_is_left_open(ollama):
    async with connected(ollama) as provider:
        await answer(provider)
        await provider.list_models()
    async with asyncio.timeout(5):
        while ollama.server.open_connections:
            await asyncio.sleep(0.005)
