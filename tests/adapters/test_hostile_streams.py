"""What streams do wrong: each ends in an answer or in one of our errors."""

import asyncio
import gzip
import json
from contextlib import aclosing

import pytest

from app.errors import ApiError, BadReply, StreamCut
from tests.adapters.asking import CHAT, QUESTION, ask, openai, refusal, until
from tests.fakes.servers.http import FakeServer, Reply, events, sse
from tests.fakes.servers.openai_events import answer, delta, finish

EVENTS = b"".join(sse(*answer(("Grüße", " \u2028", "🦜"))).pieces or ())
TEXT = "Grüße \u2028🦜"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
async def test_pieces_of_every_size_give_the_same_answer(server: FakeServer, size: int) -> None:
    server.recut = size
    server.enqueue(CHAT, events(EVENTS))
    async with openai(server) as provider:
        said = await ask(provider)
    assert said.text == TEXT
    assert said.finish.usage.prompt_tokens == 9


@pytest.mark.parametrize("breaks", [False, True])  # else the reply ends as if it were whole
async def test_a_stream_that_ends_at_any_byte_is_whole_or_cut(
    server: FakeServer, breaks: bool
) -> None:
    reason = EVENTS.index(b'"stop"}]}') + len(b'"stop"}]}')
    whole = reason + 2 if breaks else reason  # a break takes an event without its empty line away
    async with openai(server) as provider:
        for end in range(len(EVENTS)):
            server.cut_at = end
            server.enqueue(CHAT, events(EVENTS, cut=breaks))
            if end < whole:
                with pytest.raises(StreamCut):
                    await ask(provider)
            else:
                assert (await ask(provider)).text == TEXT


async def test_what_came_before_a_break_is_told_before_it(server: FakeServer) -> None:
    server.enqueue(CHAT, sse(delta(content="Hel"), delta(content="lo"), done=False, cut=True))
    async with openai(server) as provider, aclosing(provider.stream("tiny", QUESTION)) as chunks:
        assert (await anext(chunks)).text == "Hel"
        assert (await anext(chunks)).text == "lo"
        with pytest.raises(StreamCut) as caught:
            await anext(chunks)
    assert caught.value.may_pass


async def test_done_may_be_missing_where_a_reason_was_given(server: FakeServer) -> None:
    server.enqueue(CHAT, sse(delta(content="Hi"), finish(), done=False))
    server.enqueue(CHAT, sse(delta(content="Hi"), finish(), done=False, cut=True))
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hi"
        assert (await ask(provider)).text == "Hi"
    error = await refusal(server, sse(delta(content="Hi"), done=False))
    assert isinstance(error, StreamCut)


async def test_a_server_that_goes_on_after_done_is_left_alone(server: FakeServer) -> None:
    never = asyncio.Event()
    server.enqueue(CHAT, sse(delta(content="Hi"), finish(), hold=never))
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hi"
        await until(lambda: server.disconnects)
    late = events(*(sse(delta(content="Hi"), finish()).pieces or ()), b"data: {broken\n\n")
    server.enqueue(CHAT, late)
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hi"


async def test_keep_alive_comments_and_foreign_events_say_nothing(server: FakeServer) -> None:
    noise = b": ping\n\n:\r\n\r\nevent: agentic_tool_call_progress\ndata: {}\n\nid: 4\nretry: 3\n\n"
    pieces = [
        piece for event in answer() for piece in (noise, *(sse(event, done=False).pieces or ()))
    ]
    server.enqueue(CHAT, events(*pieces, noise))
    async with openai(server) as provider:
        said = await ask(provider)
    assert said.text == "Hello, world"


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error": {"message": "boom", "code": 500}}\n\n',
        b'data: {"error": "boom"}\n\n',
        b'event: error\ndata: {"error": "boom"}\n\n',
        b'event: error\ndata: {"message": "boom"}\n\n',
        b"event: error\ndata: boom\n\n",
    ],
)
async def test_an_error_inside_a_stream_that_began_well(server: FakeServer, event: bytes) -> None:
    began = list(sse(delta(content="Hel"), done=False).pieces or ())
    error = await refusal(server, events(*began, event, b"data: [DONE]\n\n"))
    assert isinstance(error, ApiError)
    assert error.message == "OpenAI-compatible server says: boom"


async def test_bytes_that_are_no_utf8_do_not_end_the_answer(server: FakeServer) -> None:
    broken = json.dumps(delta(content="a@b")).encode().replace(b"@", b"\xff\xc3")
    server.enqueue(CHAT, events(b"data: " + broken + b"\n\n", b"data: [DONE]\n\n"))
    async with openai(server) as provider:
        assert (await ask(provider)).text.replace("\ufffd", "") == "ab"
    error = await refusal(server, events(b"data: \xff\xfe\x00\n\n"))
    assert isinstance(error, BadReply)


async def test_a_line_of_ten_megabytes_is_an_answer_like_any_other(server: FakeServer) -> None:
    server.recut = 1_000_000
    server.enqueue(CHAT, sse(delta(content="x" * 10_000_000), finish()))
    async with openai(server) as provider:
        assert len((await ask(provider)).text) == 10_000_000


@pytest.mark.parametrize(
    "reply",
    [
        Reply(EVENTS, content_type="text/plain"),
        Reply(EVENTS, content_type="application/json"),
        Reply(EVENTS, content_type=""),
        Reply(b"\xef\xbb\xbf\n" + EVENTS, content_type="text/html; charset=utf-8"),
    ],
)
async def test_events_of_the_wrong_type_are_an_answer(server: FakeServer, reply: Reply) -> None:
    server.enqueue(CHAT, reply)
    async with openai(server) as provider:
        assert (await ask(provider)).text == TEXT


async def test_events_of_the_wrong_type_still_stream(server: FakeServer) -> None:
    go_on = asyncio.Event()
    pieces = sse(*answer()).pieces
    server.enqueue(CHAT, Reply(content_type="text/plain", pieces=pieces, hold=go_on))
    async with openai(server) as provider, aclosing(provider.stream("tiny", QUESTION)) as chunks:
        assert (await anext(chunks)).text == "Hello"
        go_on.set()


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain"])
async def test_a_whole_answer_may_come_where_a_stream_was_asked_for(
    server: FakeServer, content_type: str
) -> None:
    choice = {"message": {"content": "Hi"}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice]}, indent=2).encode()
    server.enqueue(CHAT, Reply(body, content_type=content_type))
    async with openai(server) as provider:
        assert (await ask(provider)).text == "Hi"
    error = await refusal(server, Reply(b'{"error": "boom"}', content_type=content_type))
    assert error.message.endswith("says: boom")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<!DOCTYPE html><p>Log in</p>", content_type="text/html"),
        Reply(b"<html>", content_type="text/event-stream"),
        Reply(b'{"version": 1}'),
        Reply(b"[1, 2]"),
    ],
)
async def test_what_is_no_answer_is_a_bad_reply(server: FakeServer, reply: Reply) -> None:
    assert isinstance(await refusal(server, reply), BadReply)


async def test_a_packed_stream_is_unpacked_and_a_broken_one_told(server: FakeServer) -> None:
    packed, how = gzip.compress(EVENTS), {"Content-Encoding": "gzip"}
    server.enqueue(CHAT, Reply(packed, content_type="text/event-stream", headers=how))
    async with openai(server) as provider:
        assert (await ask(provider)).text == TEXT
    error = await refusal(server, Reply(b"no gzip", headers=how))
    assert isinstance(error, BadReply)
