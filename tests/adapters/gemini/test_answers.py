"""Gemini: text, thoughts, tool calls and figures of answers, however the stream is cut."""

import asyncio
import json

import pytest

from app.errors import StreamCut
from app.llm.providers.wire.gemini_content import Answer
from app.schema import FinishReason, ToolCall
from tests.adapters.dialects import TOOL, ask, disconnected, finish, reasoning, text
from tests.adapters.gemini.asking import STREAM, answer, broken, sent
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import Reply

PARTS = [
    fake.chunk(fake.thought("Où? ")),
    fake.chunk(fake.said("Crème ")),
    fake.chunk(fake.said("brûlée 🍮\u2028end")),
    fake.chunk({"functionCall": {"name": "now", "args": {"zone": "Köln"}}}, reason="STOP"),
]
LONG = b"".join(f"data: {json.dumps(part, ensure_ascii=False)}\r\n\r\n".encode() for part in PARTS)
WHOLE = "Crème brûlée 🍮\u2028end"


async def test_an_answer_and_its_figures(server, provider):
    chunks = await answer(provider)
    assert text(chunks) == "Hello there."
    end = finish(chunks)
    assert end.reason is FinishReason.STOP
    assert (end.usage.prompt_tokens, end.usage.generated_tokens) == (11, 3)
    assert sent(server) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


async def test_thoughts_come_apart_and_count_as_generated(server, provider):
    stream = fake.stream(
        fake.chunk(fake.thought("Let me "), promptTokenCount=5, thoughtsTokenCount=9),
        fake.chunk(fake.thought("see."), fake.said("Fo")),
        fake.chunk({"thoughtSignature": "CiQB"}),
        fake.chunk(
            fake.said("ur."),
            reason="STOP",
            promptTokenCount=50,
            cachedContentTokenCount=40,
            candidatesTokenCount=2,
            thoughtsTokenCount=10,
            totalTokenCount=62,
        ),
    )
    server.enqueue(STREAM, stream)
    chunks = await answer(provider, ask(think=True))
    assert (reasoning(chunks), text(chunks)) == ("Let me see.", "Four.")
    usage = finish(chunks).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens) == (50, 40, 12)


async def test_tool_calls(server, provider):
    first = {"name": "weather", "args": {"place": "São Paulo"}, "id": "c7"}
    stream = fake.stream(
        fake.chunk(fake.said("I look."), {"functionCall": first}),
        fake.chunk({"functionCall": {"name": "now"}, "thoughtSignature": "x"}, reason="STOP"),
    )
    server.enqueue(STREAM, stream)
    chunks = await answer(provider, ask(tools=(TOOL,)))
    (calls,) = [chunk.tool_calls for chunk in chunks if chunk.tool_calls]
    assert [(call.id, call.name) for call in calls] == [("c7", "weather"), ("call_1", "now")]
    assert [json.loads(call.arguments) for call in calls] == [{"place": "São Paulo"}, {}]
    assert isinstance(calls[0], ToolCall)
    assert text(chunks) == "I look."
    assert finish(chunks).reason is FinishReason.TOOLS


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.FILTER),
        ("RECITATION", FinishReason.FILTER),
        ("PROHIBITED_CONTENT", FinishReason.FILTER),
        ("MALFORMED_FUNCTION_CALL", FinishReason.ERROR),
        ("SOMETHING_NEW", FinishReason.STOP),
    ],
)
async def test_reasons(server, provider, told, reason):
    server.enqueue(STREAM, fake.answer("Hm", reason=told))
    assert finish(await answer(provider)).reason is reason


async def test_a_candidate_that_was_withheld_has_no_content(server, provider):
    server.enqueue(STREAM, fake.stream({"candidates": [{"finishReason": "SAFETY"}]}))
    assert finish(await answer(provider)).reason is FinishReason.FILTER


async def test_figures_that_follow_the_reason_count(server, provider):
    stream = fake.stream(
        fake.chunk(fake.said("a"), reason="STOP"),
        {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}},
    )
    server.enqueue(STREAM, stream)
    usage = finish(await answer(provider)).usage
    assert (usage.prompt_tokens, usage.generated_tokens) == (3, 4)


async def test_unknown_fields_and_parts_say_nothing(server, provider):
    stream = fake.stream(
        {"responseId": "r", "sparkle": 1},
        {"candidates": [], "promptFeedback": {"safetyRatings": []}},
        fake.chunk({"executableCode": {"code": "1"}}, fake.said("a")),
        {"candidates": [{"groundingMetadata": {}, "content": {"role": "model"}}]},
        fake.chunk(reason="STOP"),
    )
    server.enqueue(STREAM, stream)
    assert text(await answer(provider)) == "a"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_an_answer_is_the_same_however_it_is_cut(server, provider, size):
    server.recut = size
    server.enqueue(STREAM, Reply(content_type="text/event-stream", pieces=[LONG]))
    chunks = await answer(provider)
    assert (reasoning(chunks), text(chunks)) == ("Où? ", WHOLE)
    assert json.loads(chunks[-2].tool_calls[0].arguments) == {"zone": "Köln"}


async def test_a_stream_that_ends_early_is_told_and_keeps_its_text(server, provider):
    server.enqueue(STREAM, fake.stream(fake.chunk(fake.said("Half"))))
    came, error = await broken(provider, StreamCut)
    assert came == "Half"
    assert error.remedy
    server.enqueue(STREAM, fake.stream(fake.chunk(fake.said("Half")), cut=True))
    assert (await broken(provider, StreamCut))[0] == "Half"


def test_every_early_end_is_a_cut():
    complete = len(LONG.rstrip())
    for end in range(len(LONG) + 1):
        decoder = Answer("Gemini", ask())
        chunks = list(decoder.feed(LONG[:end]))
        if end >= complete:
            chunks += decoder.end()
            assert chunks[-1].finish
        else:
            with pytest.raises(StreamCut):
                chunks += decoder.end()
        assert WHOLE.startswith(text(chunks))


@pytest.mark.parametrize("indent", [None, 2])
async def test_an_answer_that_came_as_an_array(server, provider, indent):
    server.enqueue(STREAM, Reply(json.dumps(PARTS, indent=indent).encode()))
    chunks = await answer(provider)
    assert (reasoning(chunks), text(chunks)) == ("Où? ", WHOLE)


async def test_closing_the_stream_closes_the_connection(server, provider):
    held = fake.stream(fake.chunk(fake.said("a")), fake.chunk(fake.said("b")), hold=asyncio.Event())
    server.enqueue(STREAM, held)
    stream = provider.stream(fake.CHAT, ask())
    assert (await anext(stream)).text == "a"
    assert not server.disconnects
    await stream.aclose()
    await disconnected(server)
