"""Ollama: what is sent, and what comes back however the stream is cut."""

import asyncio
import base64
import json

import pytest

from app.errors import Unsupported
from app.schema import FinishReason, Image, Message, Request, Role, Sampling, ToolCall
from tests.adapters.dialects import TOOL, ask, finish, reasoning, text
from tests.adapters.ollama.asking import DONE, NAME, answer, say, sent
from tests.fakes.servers.http import Reply, ndjson

# What is sent


async def test_a_chat_as_it_is_sent(ollama, provider):
    ollama.models[NAME].capabilities = ("completion", "vision", "tools", "thinking")
    picture = b"\x89PNG\x00\xff"
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request = Request(
        (
            Message(Role.SYSTEM, "Be brief."),
            Message(Role.USER, "What is this?", (Image(picture),)),
            Message(Role.ASSISTANT, "A cat."),
            Message(Role.USER, "Sure? 🦜"),
        ),
        sampling=Sampling(temperature=0.1, seed=7, max_tokens=50, stop=("END",)),
        tools=(TOOL,),
        schema=schema,
        think="high",
    )
    await answer(provider, request)
    body = sent(ollama)
    assert body["model"] == "qwen"
    assert body["stream"] is True
    assert body["truncate"] is False
    assert body["shift"] is False
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    (image,) = body["messages"][1]["images"]
    assert base64.b64decode(image, validate=True) == picture
    assert "images" not in body["messages"][3]
    assert body["messages"][3]["content"] == "Sure? 🦜"
    assert body["tools"] == [TOOL]
    assert body["format"] == schema
    assert body["think"] == "high"
    assert body["options"] == {
        "num_ctx": 8192,
        "temperature": 0.1,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "repeat_penalty": 1.0,
        "repeat_last_n": 64,
        "seed": 7,
        "num_predict": 50,
        "stop": ["END"],
    }


async def test_a_plain_chat_sends_no_more_than_it_must(ollama, provider):
    await answer(provider)
    body = sent(ollama)
    assert not {"tools", "format", "think", "raw", "keep_alive"} & set(body)
    assert not {"seed", "num_predict", "stop"} & set(body["options"])


async def test_a_raw_text_is_continued_without_a_template(ollama, provider):
    ollama.says = (" upon", " a", " time")
    chunks = await answer(provider, Request(raw="Once", think=True))
    assert text(chunks) == " upon a time"
    body = sent(ollama, "/api/generate")
    assert (body["prompt"], body["raw"], body["truncate"]) == ("Once", True, False)
    assert "messages" not in body
    assert "think" not in body


# What comes back


async def test_a_streamed_answer_with_the_servers_figures(provider):
    chunks = await answer(provider)
    assert [chunk.text for chunk in chunks[:-1]] == ["Hello", " there", "."]
    assert [chunk.tokens for chunk in chunks[:-1]] == [1, 1, 1]
    usage = finish(chunks).usage
    assert (usage.prompt_tokens, usage.generated_tokens) == (6, 3)
    assert usage.prompt_seconds == 0.5
    assert usage.generation_seconds == 2.0
    assert not usage.is_estimate
    assert usage.tokens_per_second == 1.0


async def test_counters_that_are_missing(ollama, provider):
    ollama.server.enqueue("/api/chat", ndjson(DONE))
    usage = finish(await answer(provider)).usage
    assert usage.generated_tokens == 0
    assert usage.generation_seconds == 0
    assert usage.prompt_seconds == 0
    assert usage.is_estimate, "a prompt without tokens is none"
    ollama.server.enqueue("/api/chat", ndjson(say("a"), say("b"), {**DONE, "eval_count": None}))
    usage = finish(await answer(provider)).usage
    assert usage.generated_tokens == 2, "counted here, because text came"
    assert usage.is_estimate


@pytest.mark.parametrize(
    ("reason", "limit", "counts", "expected"),
    [
        ("stop", None, (10, 5), FinishReason.STOP),
        ("", None, (10, 5), FinishReason.STOP),
        ("something new", None, (10, 5), FinishReason.STOP),
        ("length", 5, (10, 5), FinishReason.LENGTH),
        ("length", None, (8000, 191), FinishReason.CONTEXT),
        ("length", 500, (8000, 191), FinishReason.CONTEXT),
        ("length", 191, (8000, 191), FinishReason.LENGTH),
        ("length", None, (10, 5), FinishReason.LENGTH),
    ],
)
async def test_reasons_of_the_end(ollama, provider, reason, limit, counts, expected):
    last = {**DONE, "done_reason": reason}
    last |= {"prompt_eval_count": counts[0], "eval_count": counts[1], "eval_duration": 1}
    ollama.server.enqueue("/api/chat", ndjson(say("a"), last))
    request = ask(sampling=Sampling(max_tokens=limit))
    assert finish(await answer(provider, request)).reason is expected


async def test_thoughts_come_apart_from_the_answer(ollama, provider):
    ollama.models[NAME].capabilities = ("completion", "thinking")
    ollama.thinks = ("Let me", " <think> see")
    chunks = await answer(provider, ask(think=True))
    assert reasoning(chunks) == "Let me <think> see"
    assert text(chunks) == "Hello there."
    assert sent(ollama)["think"] is True


async def test_thoughts_in_the_text_are_split_off(ollama, provider):
    ollama.says = ("<th", "ink>Hm", "m</think>\n\nYes", ".")
    chunks = await answer(provider)
    assert reasoning(chunks) == "Hmm"
    assert text(chunks) == "Yes."


@pytest.mark.parametrize("think", [True, "low"])
async def test_a_model_that_cannot_think_is_asked_again_without(ollama, provider, think):
    assert text(await answer(provider, ask(think=think))) == "Hello there."
    asked = [item.json for item in ollama.server.received if item.path == "/api/chat"]
    assert [body.get("think") for body in asked] == [think, None]


async def test_other_refusals_are_not_asked_again(ollama, provider):
    with pytest.raises(Unsupported, match="does not support tools"):
        await answer(provider, ask(tools=(TOOL,), think=False))
    asked = [item for item in ollama.server.received if item.path == "/api/chat"]
    assert len(asked) == 1


async def test_tool_calls_have_their_arguments_as_json(ollama, provider):
    ollama.models[NAME].capabilities = ("completion", "tools")
    ollama.says = ()
    ollama.calls = (
        {"id": "x1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Köln"}}},
        {"function": {"name": "now"}},
        {"function": {"name": "plain", "arguments": '{"a": 1}'}},
    )
    chunks = await answer(provider, ask(tools=(TOOL,)))
    (calls,) = [chunk.tool_calls for chunk in chunks if chunk.tool_calls]
    assert calls == (
        ToolCall("x1", "weather", '{"city": "Köln"}'),
        ToolCall("call_1", "now", "{}"),
        ToolCall("call_2", "plain", '{"a": 1}'),
    )
    assert finish(chunks).reason is FinishReason.TOOLS


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 100_000])
async def test_an_answer_cut_anywhere_by_the_network(ollama, provider, size):
    ollama.server.recut = size
    ollama.models[NAME].capabilities = ("completion", "thinking", "tools")
    ollama.thinks = ("Grüße", " 🦜\u2028")
    ollama.says = ("é", "\u2028\u0085 ", "日本", "\r\n\n", "🦜")
    ollama.calls = ({"function": {"name": "now", "arguments": {"é": "🦜"}}},)
    chunks = await answer(provider, ask(think=True, tools=(TOOL,)))
    assert reasoning(chunks) == "Grüße 🦜\u2028"
    assert text(chunks) == "é\u2028\u0085 日本\r\n\n🦜"
    assert chunks[-2].tool_calls[0].arguments == '{"é": "🦜"}'
    assert finish(chunks).usage.generated_tokens == 7


@pytest.mark.parametrize("size", [1, 4, 100_000])
async def test_raw_utf8_other_line_ends_and_no_last_one(ollama, provider, size):
    ollama.server.recut = size
    lines = [say("né\u2028e"), say("🦜"), DONE]
    whole = "\r\n\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    reply = Reply(content_type="application/x-ndjson", pieces=[b"\xef\xbb\xbf" + whole])
    ollama.server.enqueue("/api/chat", reply)
    assert text(await answer(provider)) == "né\u2028e🦜"


async def test_a_line_of_ten_megabytes(ollama, provider):
    ollama.server.recut = 60_000
    ollama.server.enqueue("/api/chat", ndjson(say("x" * 10_000_000), DONE))
    assert len(text(await answer(provider))) == 10_000_000


async def test_what_follows_the_end_is_not_waited_for(ollama, provider):
    hold = asyncio.Event()
    ollama.server.enqueue("/api/chat", ndjson(say("a"), DONE, hold=hold))
    assert text(await answer(provider)) == "a"
