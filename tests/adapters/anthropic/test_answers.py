"""Anthropic: text, thoughts, tool calls and figures of answers, however the stream is cut."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from app.errors import StreamCut
from app.llm.providers.wire.anthropic_events import Answer
from app.schema import FinishReason, ToolCall
from tests.adapters.anthropic.asking import NEW, answer, broken, sent
from tests.adapters.dialects import TOOL, ask, disconnected, finish, reasoning, text
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import Reply


async def test_an_answer_and_its_figures(server, provider):
    chunks = await answer(provider)
    assert text(chunks) == "Hello there."
    end = finish(chunks)
    assert end.reason is FinishReason.STOP
    assert end.usage.prompt_tokens == fake.FRESH + fake.WRITTEN + fake.CACHED
    assert end.usage.cached_tokens == fake.CACHED
    assert end.usage.generated_tokens == 15
    headers = server.last(fake.MESSAGES).headers
    assert headers["x-api-key"] == fake.KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in headers
    assert sent(server) == {
        "model": NEW,
        "max_tokens": 128_000,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


async def test_thoughts_come_apart_from_the_answer(server, provider):
    stream = fake.stream(
        fake.start(),
        *fake.thinking_block(0, "Let me ", "see."),
        *fake.block(1, {"type": "redacted_thinking", "data": "EqQB"}),
        *fake.text_block(2, "Four", "."),
        *fake.stop(),
    )
    server.enqueue(fake.MESSAGES, stream)
    chunks = await answer(provider, ask(think=True))
    assert reasoning(chunks) == "Let me see."
    assert text(chunks) == "Four."


async def test_tool_calls(server, provider):
    stream = fake.stream(
        fake.start(),
        *fake.text_block(0, "I look."),
        *fake.tool_block(1, "weather", "", '{"place": "S', 'ão Paulo"}'),
        *fake.tool_block(2, "now"),
        *fake.stop("tool_use"),
    )
    server.enqueue(fake.MESSAGES, stream)
    chunks = await answer(provider, ask(tools=(TOOL,)))
    assert text(chunks) == "I look."
    (calls,) = [chunk.tool_calls for chunk in chunks if chunk.tool_calls]
    assert calls == (
        ToolCall("toolu_1", "weather", '{"place": "São Paulo"}'),
        ToolCall("toolu_2", "now", "{}"),
    )
    assert finish(chunks).reason is FinishReason.TOOLS


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.CONTEXT),
        ("tool_use", FinishReason.TOOLS),
        ("refusal", FinishReason.FILTER),
        ("pause_turn", FinishReason.STOP),
        ("something_new", FinishReason.STOP),
    ],
)
async def test_reasons(server, provider, told, reason):
    server.enqueue(fake.MESSAGES, fake.answer("Hm", reason=told))
    assert finish(await answer(provider)).reason is reason


async def test_the_last_figures_count(server, provider):
    later: Any = {"input_tokens": 9, "cache_read_input_tokens": 1, "server_tool_use": None}
    stream = fake.stream(
        fake.start(cache_creation_input_tokens=0),
        *fake.text_block(0, "a"),
        fake.event("message_delta", delta={}, usage={"output_tokens": 3}),
        *fake.stop(output_tokens=8, **later),
    )
    server.enqueue(fake.MESSAGES, stream)
    usage = finish(await answer(provider)).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens) == (10, 1, 8)


async def test_unknown_events_and_fields_say_nothing(server, provider):
    stream = fake.stream(
        b": a comment\n\n",
        fake.start(),
        fake.event("ping"),
        fake.event("sparkle", glitter=[1]),
        *fake.block(0, {"type": "hologram", "light": 1}, {"type": "light_delta", "light": 2}),
        *fake.text_block(1, "a"),
        *fake.block(2, {"type": "server_tool_use", "id": "s", "input": {}}, {"partial_json": "{"}),
        fake.event("content_block_delta", index=1, delta={"type": "citations_delta"}),
        *fake.stop(),
        fake.event("error", error={"type": "api_error", "message": "after the end"}),
    )
    server.enqueue(fake.MESSAGES, stream)
    chunks = await answer(provider)
    assert text(chunks) == "a"
    assert not any(chunk.tool_calls for chunk in chunks)


async def test_an_answer_that_came_in_one_piece(server, provider):
    whole = {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Look:"},
            {"type": "tool_use", "id": "t", "name": "now", "input": {"zone": "UTC"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 4, "output_tokens": 6},
    }
    server.enqueue(fake.MESSAGES, Reply(json.dumps(whole, indent=2).encode()))
    chunks = await answer(provider)
    assert (reasoning(chunks), text(chunks)) == ("Hm.", "Look:")
    assert chunks[-2].tool_calls == (ToolCall("t", "now", '{"zone": "UTC"}'),)
    assert finish(chunks).usage.prompt_tokens == 4


LONG = b"".join(
    [
        fake.start(),
        *fake.thinking_block(0, "Où? ", "Là."),
        fake.event("ping"),
        *fake.text_block(1, "Crème ", "brûlée 🍮", "\u2028end"),
        *fake.tool_block(2, "weather", '{"place":', ' "Köln"}'),
        *fake.stop("tool_use"),
    ]
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_an_answer_is_the_same_however_it_is_cut(server, provider, size):
    server.recut = size
    server.enqueue(fake.MESSAGES, fake.stream(LONG))
    chunks = await answer(provider)
    assert reasoning(chunks) == "Où? Là."
    assert text(chunks) == "Crème brûlée 🍮\u2028end"
    assert chunks[-2].tool_calls[0].arguments == '{"place": "Köln"}'


async def test_a_stream_that_ends_early_is_told_and_keeps_its_text(server, provider):
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), *fake.text_block(0, "Half")))
    came, error = await broken(provider, StreamCut)
    assert came == "Half"
    assert error.remedy
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), *fake.text_block(0, "Half"), cut=True))
    assert (await broken(provider, StreamCut))[0] == "Half"


def test_every_early_end_is_a_cut():
    complete = LONG.rindex(b'"message_stop"}') + len(b'"message_stop"}')
    whole = "Crème brûlée 🍮\u2028end"
    lengths = [0]
    for end in range(len(LONG) + 1):
        decoder = Answer("Anthropic", ask())
        chunks = list(decoder.feed(LONG[:end]))
        if end >= complete:
            chunks += decoder.end()
            assert chunks[-1].finish
        else:
            with pytest.raises(StreamCut):
                chunks += decoder.end()
        assert whole.startswith(text(chunks))
        lengths.append(len(text(chunks)))
    assert all(before <= after for before, after in pairwise(lengths))
    assert lengths[-1] == len(whole)


async def test_invalid_utf_8_is_no_end(server, provider):
    stream = fake.stream(fake.start(), *fake.text_block(0, "a?b"), *fake.stop())
    stream.pieces = [piece.replace(b"a?b", b"a\xffb") for piece in stream.pieces or ()]
    server.enqueue(fake.MESSAGES, stream)
    assert text(await answer(provider)) == "a�b"


async def test_closing_the_stream_closes_the_connection(server, provider):
    held = fake.stream(fake.start(), *fake.text_block(0, "a", "b"), hold=asyncio.Event())
    server.enqueue(fake.MESSAGES, held)
    stream = provider.stream(NEW, ask())
    assert (await anext(stream)).text == "a"
    assert not server.disconnects
    await stream.aclose()
    await disconnected(server)


async def test_nothing_is_awaited_after_the_last_event(server, provider):
    never = asyncio.Event()
    server.enqueue(
        fake.MESSAGES,
        fake.stream(fake.start(), *fake.text_block(0, "a"), *fake.stop(), hold=never),
    )
    async with asyncio.timeout(10):
        assert text(await answer(provider)) == "a"
