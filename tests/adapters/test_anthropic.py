"""The Anthropic provider against a server on loopback that speaks the Messages API."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from app import net
from app.errors import (
    ApiError,
    BadReply,
    HearthError,
    Misconfigured,
    ModelMissing,
    RateLimited,
    StreamCut,
    TimedOut,
    Unreachable,
    Unsupported,
)
from app.llm.providers import interface
from app.llm.providers.anthropic import AnthropicProvider
from app.llm.providers.wire import anthropic_messages as wire
from app.llm.providers.wire.anthropic_events import Answer
from app.schema import (
    Chunk,
    Endpoint,
    Finish,
    FinishReason,
    Image,
    Message,
    Request,
    Role,
    Sampling,
    ToolCall,
)
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import FakeServer, Reply, as_json, running

NEW, MIDDLE, OLD = "claude-new-1", "claude-middle-1", "claude-old-1"
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"type": {"type": "string"}, "parts": {"type": "array", "items": {}}},
    "$defs": {"open": {"type": "object", "additionalProperties": True}},
}


def ask(text: str = "Hi", **changes: Any) -> Request:
    return Request((Message(Role.USER, text),), **changes)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as made:
        fake.fill(made)
        yield made


@asynccontextmanager
async def connected(
    server: FakeServer, lock: net.OfflineLock | None = None, **settings: Any
) -> AsyncIterator[AnthropicProvider]:
    about = {"url": server.url, "key": fake.KEY, **settings}
    provider = AnthropicProvider(Endpoint("claude", "anthropic", **about), lock)
    try:
        yield provider
    finally:
        await provider.aclose()


@pytest.fixture
async def provider(server: FakeServer) -> AsyncIterator[AnthropicProvider]:
    async with connected(server) as made:
        yield made


async def answer(
    provider: AnthropicProvider, request: Request | None = None, model: str = NEW
) -> list[Chunk]:
    async with aclosing(provider.stream(model, request or ask())) as chunks:
        return [chunk async for chunk in chunks]


async def broken(
    provider: AnthropicProvider, error: type[HearthError], request: Request | None = None
) -> tuple[str, Any]:
    """What came before the error, and the error."""
    chunks: list[Chunk] = []

    async def read() -> None:
        async with aclosing(provider.stream(NEW, request or ask())) as stream:
            async for chunk in stream:
                chunks.append(chunk)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(error) as caught:
        await read()
    return text(chunks), caught.value


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def reasoning(chunks: list[Chunk]) -> str:
    return "".join(chunk.reasoning for chunk in chunks)


def notices(chunks: list[Chunk]) -> list[str]:
    return [chunk.notice for chunk in chunks if chunk.notice]


def finish(chunks: list[Chunk]) -> Finish:
    *before, last = chunks
    assert last.finish is not None
    assert not any(chunk.finish for chunk in before)
    return last.finish


def sent(server: FakeServer) -> Any:
    return server.last(fake.MESSAGES).json


async def sent_for(server: FakeServer, model: str = NEW, **changes: Any) -> Any:
    """The body that a request makes."""
    async with connected(server) as provider:
        await answer(provider, ask(**changes), model)
    return sent(server)


# The key and the list of models


async def test_it_is_a_cloud_and_can_open(provider):
    assert provider.is_cloud
    assert provider.title == "Anthropic"
    assert isinstance(provider, interface.Opens)
    assert not isinstance(provider, interface.Embeds)


def test_the_usual_address():
    provider = AnthropicProvider(Endpoint("claude", "anthropic"))
    assert provider.endpoint.url == "https://api.anthropic.com"
    ours = AnthropicProvider(Endpoint("claude", "anthropic", url="https://box/claude/v1/"))
    assert ours.endpoint.url == "https://box/claude"


async def test_without_a_key_nothing_is_sent(server):
    async with connected(server, key="") as provider:
        for attempt in (provider.list_models, lambda: provider.open(NEW), lambda: answer(provider)):
            with pytest.raises(Misconfigured, match="needs a key") as caught:
                await attempt()
            assert "settings" in caught.value.remedy
        health = await provider.health()
        assert not health.works
        assert "needs a key" in health.message
        assert (await provider.count_tokens(NEW, ask())).method
    assert server.received == []


async def test_a_key_in_a_header_of_the_persons_own_is_one(server):
    async with connected(server, key="", headers=(("X-Api-Key", fake.KEY),)) as provider:
        assert text(await answer(provider)) == "Hello there."


async def test_a_wrong_key(server):
    async with connected(server, key="wrong") as provider:
        with pytest.raises(Misconfigured, match="invalid x-api-key") as caught:
            await provider.list_models()
        assert caught.value.status == 401
        assert "key" in caught.value.remedy
        assert not (await provider.health()).works
        await broken(provider, Misconfigured)


async def test_the_list_is_read_page_by_page(server, provider):
    models = {info.ref.model: info for info in await provider.list_models()}
    assert list(models) == [NEW, MIDDLE, OLD]  # the retired one cannot be asked any more
    pages = [dict(r.query) for r in server.received if r.path == fake.MODELS]
    assert pages == [{"limit": "1000"}, {"limit": "1000", "after_id": MIDDLE}]
    newest = models[NEW]
    assert str(newest.ref) == "claude:claude-new-1"
    assert newest.name == "Claude New 1"
    assert newest.trained_context == 1_000_000
    assert newest.provider == "Anthropic"
    assert newest.features == {"chat", "tools", "vision", "thinking"}
    assert models[OLD].features == {"chat", "tools"}
    assert all(info.is_cloud for info in models.values())
    assert (await provider.health()).works


async def test_a_list_that_goes_round_in_a_circle_ends(server, provider):
    page = {"data": [{"id": NEW}], "has_more": True, "last_id": NEW}
    server.route("GET", fake.MODELS, page)
    assert len(await provider.list_models()) == 2


async def test_models_that_the_person_named_stand_for_the_list(server):
    async with connected(server, models=("my-model",)) as provider:
        (info,) = await provider.list_models()
        assert (info.ref.model, info.is_cloud) == ("my-model", True)
        assert (await provider.open("my-model")).info == info
    assert server.received == []


async def test_opening_a_model(provider):
    loaded = await provider.open(MIDDLE)
    assert loaded.info.name == "Claude Middle 1"
    assert (loaded.context, loaded.device) == (200_000, "Anthropic")
    with pytest.raises(ModelMissing, match="“claude-9”"):
        await provider.open("claude-9")


async def test_offline_nothing_leaves_this_computer():
    lock = net.OfflineLock()
    lock.closed = True
    provider = AnthropicProvider(Endpoint("claude", "anthropic", key="k"), lock)
    await broken(provider, Misconfigured)
    assert not (await provider.health()).works
    await provider.aclose()


# What is sent


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


async def test_system_texts_have_their_own_field_and_turns_are_merged(server, provider):
    messages = (
        Message(Role.SYSTEM, "Be brief. "),
        Message(Role.USER, "One"),
        Message(Role.USER, "Two"),
        Message(Role.ASSISTANT, ""),  # stopped before it said anything
        Message(Role.USER, "Three"),
        Message(Role.ASSISTANT, "Four"),
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.ASSISTANT, "Five \n"),
    )
    await answer(provider, Request(messages))
    body = sent(server)
    assert body["system"] == "Be brief.\n\nBe kind."
    texts = [
        (turn["role"], [part["text"] for part in turn["content"]]) for turn in body["messages"]
    ]
    assert texts == [("user", ["One", "Two", "Three"]), ("assistant", ["Four", "Five"])]


async def test_pictures_come_before_the_text(server, provider):
    picture = Image(b"\xff\xd8", "image/jpeg")
    await answer(provider, Request((Message(Role.USER, "What?", (picture, Image(b"png"))),)))
    first, second, words = sent(server)["messages"][0]["content"]
    data = base64.b64encode(b"\xff\xd8").decode()
    source = {"type": "base64", "media_type": "image/jpeg", "data": data}
    assert first == {"type": "image", "source": source}
    assert second["source"]["media_type"] == "image/png"
    assert words == {"type": "text", "text": "What?"}


async def test_tools_in_anthropics_shape(server):
    bare = {"type": "function", "function": {"name": "now"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    body = await sent_for(server, tools=(TOOL, bare, search))
    assert body["tools"] == [
        {
            "name": "weather",
            "description": "The weather of a place",
            "input_schema": TOOL["function"]["parameters"],  # type: ignore[index]
        },
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        search,
    ]


async def test_a_schema_is_closed(server):
    body = await sent_for(server, schema=SCHEMA)
    made = body["output_config"]["format"]
    assert made["type"] == "json_schema"
    assert made["schema"] == {**SCHEMA, "additionalProperties": False}
    assert "additionalProperties" not in SCHEMA


async def test_a_model_that_knows_no_schemas_says_so(server, provider):
    with pytest.raises(Unsupported, match="JSON schema"):
        await answer(provider, ask(schema=SCHEMA), OLD)
    assert fake.MESSAGES not in [request.path for request in server.received]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), {}),
        (Sampling(temperature=0.3), {"temperature": 0.3}),
        (Sampling(temperature=1.7), {"temperature": 1.0}),
        (Sampling(temperature=-1.0), {"temperature": 0.0}),
        (Sampling(top_p=0.5, top_k=5), {"top_p": 0.5, "top_k": 5}),
        (Sampling(min_p=0.5, repeat_penalty=1.2, repeat_last_n=1, seed=4), {}),
        (Sampling(stop=("END", "STOP")), {"stop_sequences": ["END", "STOP"]}),
        (Sampling(max_tokens=50), {"max_tokens": 50}),
        (Sampling(max_tokens=500_000), {"max_tokens": 128_000}),
    ],
)
async def test_only_changed_fields_that_it_knows_are_sent(server, sampling, expected):
    body = await sent_for(server, sampling=sampling)
    plain = {"model": NEW, "max_tokens": 128_000, "stream": True, "messages": body["messages"]}
    assert body == plain | expected


async def test_blank_stop_strings_are_left_out_and_told(server, provider):
    chunks = await answer(provider, ask(sampling=Sampling(stop=("\n\n", "END"))))
    assert sent(server)["stop_sequences"] == ["END"]
    assert "stop strings of white space" in notices(chunks)[0]


async def test_the_limit_of_new_tokens_is_the_models_own(server):
    assert (await sent_for(server, OLD))["max_tokens"] == 4096
    assert (await sent_for(server, MIDDLE))["max_tokens"] == 64_000


async def test_the_limit_without_a_list(server, provider):
    server.route("GET", fake.MODELS, lambda _: as_json({"error": "no such path"}, 404))
    await answer(provider)
    assert sent(server)["max_tokens"] == 4096
    await answer(provider, ask(sampling=Sampling(max_tokens=9000)))
    assert sent(server)["max_tokens"] == 9000
    assert [request.path for request in server.received].count(fake.MODELS) == 1


async def test_a_raw_text_is_refused(server, provider):
    with pytest.raises(Unsupported, match="messages only"):
        await answer(provider, Request(raw="Once upon"))
    assert server.received == []


# Thinking


@pytest.mark.parametrize(
    ("model", "think", "expected"),
    [
        (NEW, None, {}),
        (NEW, True, {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (MIDDLE, True, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (MIDDLE, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (MIDDLE, "max", {"thinking": {"type": "enabled", "budget_tokens": 32_000}}),
        (MIDDLE, False, {"thinking": {"type": "disabled"}}),
        (MIDDLE, "none", {"thinking": {"type": "disabled"}}),
        (OLD, False, {"thinking": {"type": "disabled"}}),
    ],
)
async def test_how_thinking_is_asked_for(server, model, think, expected):
    body = await sent_for(server, model, think=think)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == expected


@pytest.mark.parametrize(
    ("asked", "given"),
    [("minimal", "low"), ("medium", "medium"), ("max", "high"), ("xhigh", "high")],
)
async def test_an_effort_is_one_that_the_model_has(server, asked, given):
    body = await sent_for(server, think=asked, schema={"type": "object"})
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"]["effort"] == given
    assert "format" in body["output_config"]


@pytest.mark.parametrize(
    ("model", "think", "sampling"),
    [
        (NEW, False, Sampling()),  # it always thinks
        (OLD, True, Sampling()),  # it never does
        (MIDDLE, True, Sampling(max_tokens=1500)),  # no room for the smallest budget
    ],
)
async def test_thinking_that_cannot_be_had_is_told(server, provider, model, think, sampling):
    chunks = await answer(provider, ask(think=think, sampling=sampling), model)
    assert "thinking" not in sent(server)
    assert notices(chunks) == ["Left out, because this model does not take it: thinking."]
    assert text(chunks) == "Hello there."


async def test_a_model_that_thinks_takes_no_temperature(server, provider):
    request = ask(think=True, sampling=Sampling(temperature=0.2, top_k=3))
    chunks = await answer(provider, request)
    assert not {"temperature", "top_k"} & set(sent(server))
    assert "temperature, top_k" in notices(chunks)[0]
    await answer(provider, ask(think=False, sampling=Sampling(temperature=0.2)), MIDDLE)
    assert sent(server)["temperature"] == 0.2


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


# Options that a model refuses


async def test_a_refused_option_is_left_out_and_told(server, provider):
    fake.fill(server, refuses=("temperature", "top_p"))
    request = ask(sampling=Sampling(temperature=0.1, top_p=0.5, top_k=9))
    chunks = await answer(provider, request)
    assert text(chunks) == "Hello there."
    assert notices(chunks) == ["Left out, because this model does not take it: temperature, top_p."]
    assert sent(server)["top_k"] == 9
    before = len(server.received)
    assert notices(await answer(provider, request)) == notices(chunks)
    assert len(server.received) == before + 1  # it is not tried again


async def test_of_two_that_exclude_each_other_the_temperature_stays(server, provider):
    words = "`temperature` and `top_p` cannot both be specified for this model."
    server.enqueue(fake.MESSAGES, fake.invalid(words))
    chunks = await answer(provider, ask(sampling=Sampling(temperature=0.1, top_p=0.5)))
    assert sent(server)["temperature"] == 0.1
    assert notices(chunks) == ["Left out, because this model does not take it: top_p."]


async def test_effort_goes_before_thinking(server, provider):
    fake.fill(server, refuses=("effort",))
    chunks = await answer(provider, ask(think="low"))
    assert sent(server)["thinking"]["type"] == "adaptive"
    assert notices(chunks) == ["Left out, because this model does not take it: effort."]


async def test_an_error_about_something_else_is_one(server, provider):
    server.enqueue(fake.MESSAGES, fake.invalid("temperature: wrong"))
    _, error = await broken(provider, ApiError)  # no temperature was sent
    assert error.code == "invalid_request_error"


# Tool calls


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


# How answers end


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


# Streams that are cut anywhere

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


def test_closing_a_schema_leaves_what_is_no_object():
    assert wire.closed([1, {"type": "string"}]) == [1, {"type": "string"}]


# Errors


async def test_a_limit_of_requests(server, provider):
    reply = fake.error("rate_limit_error", "Too many requests", 429, **{"retry-after": "7"})
    server.enqueue(fake.MESSAGES, reply)
    _, error = await broken(provider, RateLimited)
    assert (error.retry_after, error.status, error.code) == (7.0, 429, "rate_limit_error")
    assert error.provider == "Anthropic"
    assert "Too many requests" in error.message


@pytest.mark.parametrize(
    ("status", "kind", "message", "error", "may_pass"),
    [
        (529, "overloaded_error", "Overloaded", ApiError, True),
        (500, "api_error", "Internal server error", ApiError, True),
        (504, "timeout_error", "Timed out", TimedOut, True),
        (402, "billing_error", "Your credit is too low", ApiError, False),
        (403, "permission_error", "Not for you", Misconfigured, False),
        (404, "not_found_error", "model: claude-new-1", ModelMissing, False),
        (413, "request_too_large", "Too large", ApiError, False),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 5 maximum", ApiError, False),
    ],
)
async def test_errors_before_and_in_a_stream(
    server, provider, status, kind, message, error, may_pass
):
    server.enqueue(fake.MESSAGES, fake.error(kind, message, status))
    _, outside = await broken(provider, error)
    assert outside.status == status
    words = fake.event("error", error={"type": kind, "message": message})
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), *fake.text_block(0, "Half"), words))
    came, inside = await broken(provider, error)
    assert came == "Half"
    assert inside.status == (None if status == 400 else status)
    for caught in (outside, inside):
        assert message in caught.message
        assert caught.code == kind
        assert caught.remedy
        assert caught.may_pass is may_pass


async def test_text_that_came_with_an_error_is_kept(server, provider):
    words = fake.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    both = b"".join([fake.start(), *fake.text_block(0, "Half"), words])
    server.enqueue(fake.MESSAGES, fake.stream(both))
    came, error = await broken(provider, ApiError)
    assert (came, error.status) == ("Half", 529)


async def test_what_cannot_be_read(server, provider):
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), b"data: {broken\n\n", *fake.stop()))
    _, error = await broken(provider, BadReply)
    assert error.details == "{broken"
    page = Reply(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    server.enqueue(fake.MESSAGES, page)
    assert "web page" in (await broken(provider, BadReply))[1].message


async def test_invalid_utf_8_is_no_end(server, provider):
    stream = fake.stream(fake.start(), *fake.text_block(0, "a?b"), *fake.stop())
    stream.pieces = [piece.replace(b"a?b", b"a\xffb") for piece in stream.pieces or ()]
    server.enqueue(fake.MESSAGES, stream)
    assert text(await answer(provider)) == "a�b"


async def test_a_redirect_is_not_followed(server, provider):
    moved = Reply(status=302, headers={"Location": "http://127.0.0.1:9/"})
    server.enqueue(fake.MESSAGES, moved)
    await broken(provider, Misconfigured)


async def test_a_server_that_is_away(server):
    async with connected(server) as provider:
        await server.stop()
        await broken(provider, Unreachable)
        assert "does not answer" in (await provider.health()).message


# Cancelling, counting


async def disconnected(server: FakeServer) -> None:
    """Waits until the server has seen that a client is gone."""
    async with asyncio.timeout(5):
        while not server.disconnects:
            await asyncio.sleep(0.005)


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


async def test_the_server_counts_tokens(server, provider):
    messages = (Message(Role.SYSTEM, "Be brief"), Message(Role.USER, "Hi"))
    count = await provider.count_tokens(NEW, Request(messages, tools=(TOOL,), think=True))
    body = server.last(fake.COUNT).json
    assert set(body) == {"model", "messages", "system", "tools"}
    assert (count.tokens, count.method) == (len(json.dumps(body)), "")


async def test_an_estimate_where_the_server_cannot_count(server, provider):
    server.enqueue(fake.COUNT, fake.error("overloaded_error", "Overloaded", 529), as_json({"a": 1}))
    for request in (ask(), ask(), Request(raw="Once upon")):
        assert "estimate" in (await provider.count_tokens(NEW, request)).method
