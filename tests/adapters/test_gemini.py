"""The Gemini provider against a server on loopback that speaks the generateContent API."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
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
from app.llm.providers.gemini import GeminiProvider
from app.llm.providers.wire.gemini_content import Answer
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
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import FakeServer, Reply, as_json, running, sse

MODELS = f"{fake.PREFIX}/models"
STREAM = fake.path(fake.CHAT, "streamGenerateContent")
COUNT = fake.path(fake.CHAT, "countTokens")
EMBED = fake.path(fake.EMBEDDING, "batchEmbedContents")
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
BUSY = fake.error(503, "UNAVAILABLE", "The model is overloaded.")


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
) -> AsyncIterator[GeminiProvider]:
    about = {"url": server.url, "key": fake.KEY, **settings}
    provider = GeminiProvider(Endpoint("google", "gemini", **about), lock)
    try:
        yield provider
    finally:
        await provider.aclose()


@pytest.fixture
async def provider(server: FakeServer) -> AsyncIterator[GeminiProvider]:
    async with connected(server) as made:
        yield made


async def answer(
    provider: GeminiProvider, request: Request | None = None, model: str = fake.CHAT
) -> list[Chunk]:
    async with aclosing(provider.stream(model, request or ask())) as chunks:
        return [chunk async for chunk in chunks]


async def broken(provider: GeminiProvider, error: type[HearthError]) -> tuple[str, Any]:
    """What came before the error, and the error."""
    chunks: list[Chunk] = []

    async def read() -> None:
        async with aclosing(provider.stream(fake.CHAT, ask())) as stream:
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


def sent(server: FakeServer, model: str = fake.CHAT) -> Any:
    return server.last(fake.path(model, "streamGenerateContent")).json


async def config_for(server: FakeServer, model: str = fake.CHAT, **changes: Any) -> Any:
    """The generationConfig that a request makes."""
    async with connected(server) as provider:
        await answer(provider, ask(**changes), model)
    return sent(server, model).get("generationConfig", {})


# The key and the list of models


async def test_it_is_a_cloud_that_opens_and_embeds(provider):
    assert provider.is_cloud
    assert provider.title == "Google Gemini"
    assert isinstance(provider, interface.Opens)
    assert isinstance(provider, interface.Embeds)


async def test_the_address_may_bring_its_own_path(server):
    usual = GeminiProvider(Endpoint("google", "gemini"))
    assert usual.endpoint.url == "https://generativelanguage.googleapis.com"
    async with connected(server, url=f"{server.url}{fake.PREFIX}/") as provider:
        assert text(await answer(provider)) == "Hello there."


async def test_without_a_key_nothing_is_sent(server):
    async with connected(server, key="") as provider:
        for attempt in (
            provider.list_models,
            lambda: provider.open(fake.CHAT),
            lambda: answer(provider),
            lambda: provider.embed(fake.EMBEDDING, ["a"]),
        ):
            with pytest.raises(Misconfigured, match="needs a key") as caught:
                await attempt()
            assert "settings" in caught.value.remedy
        health = await provider.health()
        assert not health.works
        assert "needs a key" in health.message
        assert (await provider.count_tokens(fake.CHAT, ask())).method
    assert server.received == []


async def test_the_key_travels_in_a_header_alone(server, provider):
    await provider.list_models()
    await answer(provider)
    await provider.count_tokens(fake.CHAT, ask())
    await provider.embed(fake.EMBEDDING, ["a"])
    for request in server.received:
        assert request.headers["x-goog-api-key"] == fake.KEY
        assert fake.KEY not in str(request.query)
        assert "authorization" not in request.headers
    assert server.last(STREAM).query == {"alt": "sse"}


async def test_a_wrong_key(server):
    async with connected(server, key="wrong") as provider:
        with pytest.raises(Misconfigured, match="API key not valid") as caught:
            await provider.list_models()
        assert "key" in caught.value.remedy
        assert not (await provider.health()).works
        await broken(provider, Misconfigured)


async def test_the_persons_own_query_is_kept_beside_ours(server):
    async with connected(server, query=(("trace", "1"),)) as provider:
        await answer(provider)
    assert server.last(STREAM).query == {"trace": "1", "alt": "sse"}


async def test_the_list_is_read_page_by_page_and_chat_models_are_kept(server, provider):
    models = {info.ref.model: info for info in await provider.list_models()}
    assert list(models) == [fake.CHAT, fake.OLDER]
    pages = [dict(request.query) for request in server.received]
    assert pages == [{"pageSize": "1000"}, {"pageSize": "1000", "pageToken": "2"}]
    newest = models[fake.CHAT]
    assert str(newest.ref) == "google:models/gemini-3-flash"
    assert newest.name == "gemini-3-flash"
    assert newest.trained_context == 1_048_576
    assert newest.description == "Fast and versatile."
    assert newest.features == {"chat", "thinking", "vision", "tools"}
    assert "thinking" not in models[fake.OLDER].features
    assert all(info.is_cloud for info in models.values())
    assert (await provider.health()).works


async def test_a_list_that_goes_round_in_a_circle_ends(server, provider):
    server.route("GET", MODELS, {"models": fake.LISTED[:1], "nextPageToken": "a"})
    assert len(await provider.list_models()) == 2


async def test_models_that_the_person_named_stand_for_the_list(server):
    async with connected(server, models=("gemini-3-flash",)) as provider:
        (info,) = await provider.list_models()
        assert (info.ref.model, info.is_cloud) == ("gemini-3-flash", True)
        assert text(await answer(provider, model="gemini-3-flash")) == "Hello there."


@pytest.mark.parametrize("name", [fake.CHAT, "gemini-3-flash"])
async def test_opening_a_model_with_and_without_its_prefix(provider, name):
    loaded = await provider.open(name)
    assert loaded.info.ref.model == fake.CHAT
    assert (loaded.context, loaded.device) == (1_048_576, "Google Gemini")


async def test_opening_a_model_that_is_not_there(provider):
    with pytest.raises(ModelMissing, match="“gemini-9”"):
        await provider.open("gemini-9")


async def test_offline_nothing_leaves_this_computer():
    lock = net.OfflineLock()
    lock.closed = True
    provider = GeminiProvider(Endpoint("google", "gemini", key="k"), lock)
    await broken(provider, Misconfigured)
    assert not (await provider.health()).works
    await provider.aclose()


# What is sent


async def test_an_answer_and_its_figures(server, provider):
    chunks = await answer(provider)
    assert text(chunks) == "Hello there."
    end = finish(chunks)
    assert end.reason is FinishReason.STOP
    assert (end.usage.prompt_tokens, end.usage.generated_tokens) == (11, 3)
    assert sent(server) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


async def test_system_texts_have_their_own_field_and_turns_are_merged(server, provider):
    messages = (
        Message(Role.SYSTEM, "Be brief. "),
        Message(Role.USER, "One"),
        Message(Role.USER, "Two"),
        Message(Role.ASSISTANT, ""),  # stopped before it said anything
        Message(Role.USER, "Three"),
        Message(Role.ASSISTANT, "Four"),
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.USER, "Five"),
    )
    await answer(provider, Request(messages))
    body = sent(server)
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief.\n\nBe kind."}]}
    texts = [(turn["role"], [part["text"] for part in turn["parts"]]) for turn in body["contents"]]
    assert texts == [("user", ["One", "Two", "Three"]), ("model", ["Four"]), ("user", ["Five"])]


async def test_pictures(server, provider):
    picture = Image(b"\xff\xd8", "image/jpeg")
    await answer(provider, Request((Message(Role.USER, "What?", (picture,)),)))
    data = base64.b64encode(b"\xff\xd8").decode()
    assert sent(server)["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/jpeg", "data": data}},
        {"text": "What?"},
    ]


async def test_tools_in_geminis_shape(server, provider):
    bare = {"type": "function", "function": {"name": "now"}}
    await answer(provider, ask(tools=(TOOL, {"googleSearch": {}}, bare)))
    weather = {
        "name": "weather",
        "description": "The weather of a place",
        "parametersJsonSchema": TOOL["function"]["parameters"],  # type: ignore[index]
    }
    assert sent(server)["tools"] == [
        {"functionDeclarations": [weather, {"name": "now"}]},
        {"googleSearch": {}},
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"sampling": Sampling(temperature=0.3)}, {"temperature": 0.3}),
        ({"sampling": Sampling(temperature=9.0)}, {"temperature": 2.0}),
        ({"sampling": Sampling(top_p=0.5, top_k=5, seed=7)}, {"topP": 0.5, "topK": 5, "seed": 7}),
        ({"sampling": Sampling(min_p=0.5, repeat_penalty=1.2, repeat_last_n=1)}, {}),
        ({"sampling": Sampling(stop=("END", "\n"))}, {"stopSequences": ["END", "\n"]}),
        ({"sampling": Sampling(max_tokens=50)}, {"maxOutputTokens": 50}),
        (
            {"schema": {"type": "object"}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
)
async def test_only_what_was_asked_for_is_sent(server, changes, expected):
    assert await config_for(server, **changes) == expected


async def test_a_raw_text_is_refused(server, provider):
    with pytest.raises(Unsupported, match="messages only"):
        await answer(provider, Request(raw="Once upon"))
    assert server.received == []


# Thinking


@pytest.mark.parametrize(
    ("model", "think", "expected"),
    [
        (fake.CHAT, None, None),
        (fake.CHAT, True, {"includeThoughts": True}),
        (fake.CHAT, "low", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (fake.CHAT, "max", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (fake.CHAT, False, {"thinkingLevel": "MINIMAL"}),
        (fake.OLDER, True, {"includeThoughts": True, "thinkingBudget": -1}),
        (fake.OLDER, "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        (fake.OLDER, "max", {"includeThoughts": True, "thinkingBudget": 24_576}),
        (fake.OLDER, False, {"thinkingBudget": 0}),
        (fake.OLDER, "none", {"thinkingBudget": 0}),
    ],
)
async def test_how_thinking_is_asked_for(server, model, think, expected):
    assert (await config_for(server, model, think=think)).get("thinkingConfig") == expected


async def test_a_model_that_takes_no_thinking_answers_without(server, provider):
    fake.fill(server, thinks=False)
    request = ask(think="high", sampling=Sampling(temperature=0.5))
    chunks = await answer(provider, request)
    assert notices(chunks) == ["Left out, because this model does not take it: thinking."]
    assert text(chunks) == "Hello there."
    assert sent(server)["generationConfig"] == {"temperature": 0.5}
    before = len(server.received)
    await answer(provider, request)
    assert len(server.received) == before + 1  # it is not tried again


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


# Tool calls


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


# How answers end


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


async def test_a_blocked_prompt(server, provider):
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    server.enqueue(STREAM, fake.stream({"promptFeedback": feedback, "usageMetadata": {}}))
    came, error = await broken(provider, ApiError)
    assert came == ""
    assert "blocked (PROHIBITED_CONTENT)" in error.message
    assert error.code == "PROHIBITED_CONTENT"
    assert "differently" in error.remedy
    assert not error.may_pass


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


# Streams that are cut anywhere

PARTS = [
    fake.chunk(fake.thought("Où? ")),
    fake.chunk(fake.said("Crème ")),
    fake.chunk(fake.said("brûlée 🍮\u2028end")),
    fake.chunk({"functionCall": {"name": "now", "args": {"zone": "Köln"}}}, reason="STOP"),
]
LONG = b"".join(f"data: {json.dumps(part, ensure_ascii=False)}\r\n\r\n".encode() for part in PARTS)
WHOLE = "Crème brûlée 🍮\u2028end"


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


# Errors


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_an_error_in_a_stream_may_stand_there_as_bare_json(
    server, provider, size, indent, wrapped, end
):
    server.recut = size
    bare = json.dumps([BUSY] if wrapped else BUSY, indent=indent) + end
    first = f"data: {json.dumps(fake.chunk(fake.said('Half')))}\n\n"
    stream = Reply(content_type="text/event-stream", pieces=[first.encode(), bare.encode()])
    server.enqueue(STREAM, stream)
    came, error = await broken(provider, ApiError)
    assert came == "Half"
    assert (error.status, error.code) == (503, "UNAVAILABLE")
    assert "overloaded" in error.message
    assert error.may_pass


async def test_an_error_in_an_event(server, provider):
    server.enqueue(STREAM, fake.stream(fake.chunk(fake.said("Half")), BUSY))
    came, error = await broken(provider, ApiError)
    assert (came, error.status) == ("Half", 503)


@pytest.mark.parametrize("indent", [None, 2])
async def test_an_answer_that_came_as_an_array(server, provider, indent):
    server.enqueue(STREAM, Reply(json.dumps(PARTS, indent=indent).encode()))
    chunks = await answer(provider)
    assert (reasoning(chunks), text(chunks)) == ("Où? ", WHOLE)


async def test_a_bare_value_that_never_ends_is_a_cut(server, provider):
    pieces = [b'{\n  "error": {\n    "code": 503,\n']
    server.enqueue(STREAM, Reply(content_type="text/event-stream", pieces=pieces))
    await broken(provider, StreamCut)


@pytest.mark.parametrize(
    ("code", "status", "message", "error", "may_pass"),
    [
        (503, "UNAVAILABLE", "The model is overloaded.", ApiError, True),
        (500, "INTERNAL", "An internal error has occurred.", ApiError, True),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", TimedOut, True),
        (403, "PERMISSION_DENIED", "Your key was reported as leaked.", Misconfigured, False),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", ModelMissing, False),
        (400, "INVALID_ARGUMENT", "The input token count (9) exceeds 5.", ApiError, False),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_errors(server, provider, code, status, message, error, may_pass, wrapped):
    body: Any = fake.error(code, status, message)
    server.enqueue(STREAM, as_json([body] if wrapped else body, code))
    _, caught = await broken(provider, error)
    assert message in caught.message
    assert (caught.status, caught.code) == (code, status)
    assert caught.remedy
    assert caught.may_pass is may_pass


async def test_a_limit_of_requests(server, provider):
    full = fake.error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")
    server.enqueue(STREAM, as_json(full, 429, **{"retry-after": "7"}))
    assert (await broken(provider, RateLimited))[1].retry_after == 7.0
    pause = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    other = {"@type": "type.googleapis.com/google.rpc.Help", "links": []}
    full = fake.error(429, "RESOURCE_EXHAUSTED", "You exceeded it.", other, pause)
    server.enqueue(STREAM, as_json(full, 429))
    _, error = await broken(provider, RateLimited)
    assert (error.retry_after, error.code) == (34.5, "RESOURCE_EXHAUSTED")


async def test_what_cannot_be_read(server, provider):
    server.enqueue(STREAM, sse("{broken", fake.chunk(fake.said("a"), reason="STOP"), done=False))
    assert (await broken(provider, BadReply))[1].details == "{broken"
    page = Reply(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    server.enqueue(STREAM, page)
    assert "web page" in (await broken(provider, BadReply))[1].message


async def test_a_redirect_is_not_followed(server, provider):
    server.enqueue(STREAM, Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}))
    await broken(provider, Misconfigured)


async def test_a_server_that_is_away(server):
    async with connected(server) as provider:
        await server.stop()
        await broken(provider, Unreachable)
        assert "does not answer" in (await provider.health()).message


# Cancelling, counting, vectors


async def disconnected(server: FakeServer) -> None:
    """Waits until the server has seen that a client is gone."""
    async with asyncio.timeout(5):
        while not server.disconnects:
            await asyncio.sleep(0.005)


async def test_closing_the_stream_closes_the_connection(server, provider):
    held = fake.stream(fake.chunk(fake.said("a")), fake.chunk(fake.said("b")), hold=asyncio.Event())
    server.enqueue(STREAM, held)
    stream = provider.stream(fake.CHAT, ask())
    assert (await anext(stream)).text == "a"
    assert not server.disconnects
    await stream.aclose()
    await disconnected(server)


async def test_the_server_counts_tokens(server, provider):
    messages = (Message(Role.SYSTEM, "Be brief"), Message(Role.USER, "Hi"))
    request = Request(messages, tools=(TOOL,), sampling=Sampling(temperature=0.1), think=True)
    count = await provider.count_tokens("gemini-3-flash", request)
    asked = server.last(COUNT).json["generateContentRequest"]
    assert asked["model"] == fake.CHAT
    assert set(asked) == {"model", "contents", "systemInstruction", "tools"}
    assert (count.tokens, count.method) == (len(json.dumps(asked)), "")


async def test_an_estimate_where_the_server_cannot_count(server, provider):
    server.enqueue(COUNT, as_json(BUSY, 503), as_json({"a": 1}))
    for request in (ask(), ask(), Request(raw="Once upon")):
        assert "estimate" in (await provider.count_tokens(fake.CHAT, request)).method


async def test_vectors_come_in_batches(server, provider):
    texts = ["a" * (index + 1) for index in range(150)]
    vectors = await provider.embed("gemini-embedding-001", texts)
    assert vectors == [[float(index + 1)] * 3 for index in range(150)]
    sizes = [len(request.json["requests"]) for request in server.received]
    assert sizes == [100, 50]
    asked = server.last(EMBED).json["requests"][0]
    assert asked == {"model": fake.EMBEDDING, "content": {"parts": [{"text": texts[100]}]}}
    assert await provider.embed(fake.EMBEDDING, []) == []


async def test_a_vector_that_is_missing(server, provider):
    server.enqueue(EMBED, as_json({"embeddings": [{"values": [1.0]}]}))
    with pytest.raises(BadReply, match="vector for each text"):
        await provider.embed(fake.EMBEDDING, ["a", "b"])
