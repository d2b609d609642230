"""The Ollama provider against a server on loopback that speaks Ollama's API."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import pytest

from app import net
from app.errors import (
    ApiError,
    BadReply,
    ContextOverflow,
    HearthError,
    Misconfigured,
    ModelMissing,
    RateLimited,
    StreamCut,
    TimedOut,
    Unsupported,
)
from app.llm.providers import interface
from app.llm.providers.ollama import OllamaProvider
from app.llm.providers.wire.ollama_address import server_url
from app.llm.providers.wire.ollama_chat import counts_whole_prompt, fewest_tokens
from app.llm.providers.wire.ollama_models import full_name, parameter_count
from app.schema import (
    Chunk,
    Endpoint,
    Finish,
    FinishReason,
    Image,
    Message,
    PullProgress,
    Request,
    Role,
    Sampling,
    ToolCall,
)
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, ndjson, running
from tests.fakes.servers.ollama import Ollama, pull_lines

Item = TypeVar("Item")
NAME = "qwen:latest"
DONE: dict[str, Any] = {"message": {"content": ""}, "done": True, "done_reason": "stop"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def ask(text: str = "Hi", **changes: Any) -> Request:
    return Request((Message(Role.USER, text),), **changes)


def say(text: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


@pytest.fixture
async def ollama() -> AsyncIterator[Ollama]:
    async with running(FakeServer()) as server:
        made = Ollama(server)
        made.add(NAME)
        yield made


@asynccontextmanager
async def connected(
    ollama: Ollama, lock: net.OfflineLock | None = None, **settings: Any
) -> AsyncIterator[OllamaProvider]:
    endpoint = Endpoint("ollama", "ollama", **{"url": ollama.server.url, **settings})
    provider = OllamaProvider(endpoint, lock)
    try:
        yield provider
    finally:
        await provider.aclose()


@pytest.fixture
async def provider(ollama: Ollama) -> AsyncIterator[OllamaProvider]:
    async with connected(ollama) as made:
        yield made


async def answer(
    provider: OllamaProvider, request: Request | None = None, model: str = "qwen"
) -> list[Chunk]:
    async with aclosing(provider.stream(model, request or ask())) as chunks:
        return [chunk async for chunk in chunks]


async def broken(provider: OllamaProvider, error: type[HearthError]) -> tuple[str, HearthError]:
    """What came before the error, and the error."""
    chunks: list[Chunk] = []
    with pytest.raises(error) as caught:
        await gather(provider.stream("qwen", ask()), chunks)
    return text(chunks), caught.value


async def gather(stream: AsyncGenerator[Item, None], into: list[Item]) -> None:
    """Keeps what comes, also what comes before an error."""
    async with aclosing(stream):
        async for item in stream:
            into.append(item)  # noqa: PERF401


async def fetch(provider: OllamaProvider, model: str) -> list[PullProgress]:
    async with aclosing(provider.pull(model)) as stream:
        return [progress async for progress in stream]


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


async def disconnected(server: FakeServer) -> None:
    """Waits until the server has seen that a client is gone."""
    async with asyncio.timeout(5):
        while not server.disconnects:
            await asyncio.sleep(0.005)


def sent(ollama: Ollama, path: str = "/api/chat") -> Any:
    return ollama.server.last(path).json


# The address and the key


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", "http://127.0.0.1:11434"),
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://localhost:11434/api/", "http://localhost:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://[::]:11434/v1", "http://127.0.0.1:11434"),
        ("::", "http://127.0.0.1:11434"),
        ("http://[::1]:11434", "http://[::1]:11434"),
        ("box", "http://box:11434"),
        ("http://box", "http://box"),
        ("https://me:word@box/ollama/api", "https://me:word@box/ollama"),
    ],
)
def test_an_address_is_cleaned(written, meant):
    assert server_url(written) == meant


def test_what_is_no_address_is_refused():
    with pytest.raises(Misconfigured, match="no address"):
        OllamaProvider(Endpoint("ollama", "ollama", url="ftp://box"))


async def test_the_key_is_sent_where_there_is_one(ollama, provider):
    await provider.list_models()
    assert "authorization" not in ollama.server.last("/api/tags").headers
    async with connected(ollama, key="secret", title="My Ollama") as other:
        assert other.title == "My Ollama"
        await other.list_models()
    assert ollama.server.last("/api/tags").headers["authorization"] == "Bearer secret"


def test_it_has_its_abilities():
    provider = OllamaProvider(Endpoint("ollama", "ollama"))
    for kind in (
        interface.Opens,
        interface.Embeds,
        interface.ManagesMemory,
        interface.Pulls,
        interface.Deletes,
    ):
        assert interface.ability(provider, kind) is provider
    assert not isinstance(provider, interface.LoadsModels)
    assert provider.title == "Ollama"


async def test_health_tells_the_version_or_what_is_wrong(ollama, provider):
    assert (await provider.health()).version == "0.33.2"
    ollama.server.enqueue("/api/version", Reply(b"<html>", content_type="text/html"))
    health = await provider.health()
    assert not health.works
    assert "page" in health.message
    await ollama.server.stop()
    health = await provider.health()
    assert not health.works
    assert "does not answer" in health.message


# The models


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("llama3.2", "library/llama3.2"),
        ("llama3.2:1b", "registry.ollama.ai/library/llama3.2:1b"),
        ("HF.co/Bartowski/Llama-GGUF:Q4_K_M", "hf.co/bartowski/Llama-GGUF:Q4_K_M"),
        (" mannix/phi ", "mannix/phi:latest"),
    ],
)
def test_names_mean_the_same(one, other):
    assert full_name(one) == full_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("llama3.2", "llama3.2:1b"), ("phi", "mannix/phi"), ("box:5000/a/phi", "a/phi:5000")],
)
def test_names_mean_different_models(one, other):
    assert full_name(one) != full_name(other)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("7.6B", 7_600_000_000),
        ("137M", 137_000_000),
        ("596.78M", 596_780_000),
        ("8x7B", 56_000_000_000),
        ("1T", 1_000_000_000_000),
        ("22k", 22_000),
        ("", 0),
        ("unknown", 0),
        ("1.2.3B", 0),
    ],
)
def test_parameters_are_read(size, count):
    assert parameter_count(size) == count


async def test_models_are_listed_with_what_is_known(ollama, provider):
    ollama.add("big:cloud", size=384, parameters="", quantisation="", remote_host="ollama.com")
    ollama.loaded[NAME] = 4096
    local, cloud = await provider.list_models()
    assert str(local.ref) == "ollama:qwen:latest"
    assert local.name == "qwen"
    assert local.size == 4_683_087_332
    assert local.quantisation == "Q4_K_M"
    assert local.architecture == "qwen2"
    assert local.parameters == 7_600_000_000
    assert local.provider == "Ollama"
    assert (local.is_loaded, local.is_cloud) == (True, False)
    assert (cloud.is_loaded, cloud.is_cloud) == (False, True)
    assert cloud.parameters == 0


async def test_the_list_does_without_the_running_models(ollama, provider):
    del ollama.server.routes["GET", "/api/ps"]
    (only,) = await provider.list_models()
    assert not only.is_loaded


async def test_the_persons_own_list_replaces_the_servers(ollama):
    async with connected(ollama, models=("a", "b:1b")) as provider:
        assert [info.ref.model for info in await provider.list_models()] == ["a", "b:1b"]
    assert not ollama.server.received


async def test_opening_tells_what_only_the_model_itself_says(ollama, provider):
    ollama.add("eye:2b", capabilities=("completion", "vision", "tools", "thinking", "insert"))
    loaded = await provider.open("eye:2b")
    assert loaded.info.features == {"chat", "vision", "tools", "thinking"}
    assert loaded.info.trained_context == 32_768
    assert loaded.info.size == 4_683_087_332
    assert loaded.device == "Ollama"
    listed = {info.ref.model: info for info in await provider.list_models()}
    assert listed["eye:2b"].features == loaded.info.features


async def test_opening_a_model_that_is_not_there(provider):
    with pytest.raises(ModelMissing, match="'nobody' not found"):
        await provider.open("nobody")


async def test_a_model_of_the_cloud_opens_without_being_in_the_list(ollama, provider):
    about = {"details": {"family": "glm"}, "remote_host": "https://ollama.com:443"}
    ollama.server.enqueue("/api/show", as_json(about))
    loaded = await provider.open("glm:cloud")
    assert loaded.info.is_cloud
    assert loaded.info.ref.model == "glm:cloud"


# The context


@pytest.mark.parametrize(
    ("model", "wished", "context"),
    [
        ({}, 0, 8192),
        ({"context": 2048}, 0, 2048),
        ({"context": 0}, 0, 8192),
        ({"settings": "stop x\nnum_ctx                        16384\ntop_k 3"}, 0, 16_384),
        ({"settings": "num_ctx 16384"}, 20_000, 20_000),
        ({"context": 2048}, 20_000, 2048),
    ],
)
async def test_the_context_is_chosen_and_always_sent(ollama, model, wished, context):
    ollama.add("m:1b", **model)
    async with connected(ollama, context=wished) as provider:
        assert (await provider.open("m:1b")).context == context
        await answer(provider, model="m:1b")
        await answer(provider, Request(raw="Once"), model="m:1b")
        await provider.embed("m:1b", ["a"])
        await provider.load_remote("m:1b")
    asked = [
        received.json["options"]["num_ctx"]
        for received in ollama.server.received
        if received.path in ("/api/chat", "/api/generate", "/api/embed")
    ]
    assert asked == [context] * 4
    shown = [received for received in ollama.server.received if received.path == "/api/show"]
    assert len(shown) == 1, "the model's facts are asked for once"


async def test_an_imitator_without_show_gets_the_default_context(ollama, provider):
    del ollama.server.routes["POST", "/api/show"]
    assert text(await answer(provider)) == "Hello there."
    assert sent(ollama)["options"]["num_ctx"] == 8192


async def test_a_smaller_context_than_asked_for_is_told(ollama, provider):
    ollama.models[NAME].memory = 2048
    chunks = await answer(provider)
    (notice,) = notices(chunks)
    assert "2,048" in notice
    assert "8,192" in notice
    assert chunks[-2].notice == notice
    assert finish(chunks).reason is FinishReason.STOP


async def test_no_notice_where_all_is_well(ollama, provider):
    words = "The quick brown fox jumps over the lazy dog. " * 500
    assert not notices(await answer(provider, ask(words)))
    assert ollama.loaded == {NAME: 8192}


async def test_a_prompt_that_does_not_fit_is_an_error(ollama, provider):
    with pytest.raises(ApiError, match="context length") as caught:
        await answer(provider, ask("many words " * 5000))
    assert "larger context" in caught.value.remedy


async def test_an_error_that_quotes_the_runners_is_read(ollama, provider):
    inner = {"code": 400, "message": "too long", "n_prompt_tokens": 9000, "n_ctx": 8192}
    ollama.server.enqueue("/api/chat", as_json({"error": json.dumps({"error": inner})}, 400))
    with pytest.raises(ContextOverflow) as caught:
        await answer(provider)
    assert (caught.value.prompt_tokens, caught.value.context) == (9000, 8192)


@pytest.mark.parametrize("tells_cached", [True, False])
async def test_a_prompt_that_was_cut_in_silence_is_told(ollama, provider, tells_cached):
    ollama.truncates, ollama.tells_cached, ollama.version = True, tells_cached, "0.12.3"
    chunks = await answer(provider, ask("many words " * 4000))  # about 11,000 tokens of 8,192
    (notice,) = notices(chunks)
    assert "at least 5,500 tokens" in notice
    assert "4,098" in notice
    assert chunks[-2].notice == notice


async def test_a_prompt_that_cannot_have_fitted_is_told_whatever_was_counted(ollama, provider):
    ollama.server.enqueue("/api/chat", ndjson(say("Yes"), DONE))
    chunks = await answer(provider, ask("many words " * 8000))
    (notice,) = notices(chunks)
    assert "11,000" in notice
    assert "8,192" in notice


@pytest.mark.parametrize("version", ["0.3.14", "0.30.0", "0.0.0", "next"])
async def test_a_cached_prefix_that_is_not_counted_is_no_alarm(ollama, provider, version):
    ollama.version, ollama.tells_cached, ollama.counts_cached = version, False, False
    ollama.cached = 6000
    chunks = await answer(provider, ask("many words " * 2200))
    assert not notices(chunks)
    assert finish(chunks).usage.prompt_tokens < 100


@pytest.mark.parametrize(
    ("version", "whole"),
    [
        ("0.3.14", False),
        ("0.4.0", True),
        ("0.12.6-rc1", True),
        ("0.30.1", False),
        ("0.31", True),
        ("v0.33.2", True),
        ("1.0.0", True),
        ("", False),
    ],
)
def test_versions_count_prompts_differently(version, whole):
    assert counts_whole_prompt(version) is whole


@pytest.mark.parametrize(
    "content",
    [" " * 40_000, "-" * 40_000, "\n\n    \t\n" * 5000, "=" * 200 + "\n" + "x" * 30_000],
)
async def test_runs_of_one_sign_are_no_alarm(ollama, provider, content):
    ollama.server.enqueue("/api/chat", ndjson(say("Yes"), {**DONE, "prompt_eval_count": 90}))
    assert not notices(await answer(provider, ask(content)))


def test_the_lower_bound_is_below_any_tokenizers_count():
    assert fewest_tokens(ask("internationalisation")) <= 2
    assert fewest_tokens(ask("ภาษาไทย")) == 0
    assert fewest_tokens(Request(raw="")) == 0
    assert fewest_tokens(Request(raw="ab " * 800)) == 300


async def test_the_usage_counts_the_cached_part(ollama, provider):
    ollama.cached = 5
    usage = finish(await answer(provider)).usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (6, 5)


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


# What goes wrong


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


# The cloud's models


async def test_a_cloud_models_context_is_its_own(ollama, provider):
    ollama.add("big:cloud", remote_host="https://ollama.com:443")
    ollama.truncates = True
    chunks = await answer(provider, ask("many words " * 8000), "big:cloud")
    assert notices(chunks) == [
        "Ollama left out a part of what was sent: of at least 11,000 tokens it read 4,098. "
        "Ask for a larger context in its settings, or start a new chat."
    ]
    assert not [item for item in ollama.server.received if item.path == "/api/ps"]


async def test_staying_offline_keeps_from_the_clouds_models(ollama):
    ollama.add("big:cloud", remote_host="https://ollama.com:443")
    lock = net.OfflineLock()
    lock.closed = True
    async with connected(ollama, lock) as provider:
        assert text(await answer(provider)) == "Hello there."
        with pytest.raises(Misconfigured, match="stay offline"):
            await answer(provider, model="big:cloud")
        with pytest.raises(Misconfigured, match="stay offline"):
            await provider.embed("big:cloud", ["a"])
    asked = [item.json for item in ollama.server.received if item.path == "/api/chat"]
    assert [body["model"] for body in asked] == ["qwen"]


@pytest.mark.parametrize(
    ("url", "is_cloud"),
    [
        ("https://ollama.com", True),
        ("https://www.ollama.com/api", True),
        ("https://notollama.com", False),
        ("", False),
    ],
)
def test_the_companys_own_server_is_the_cloud(url, is_cloud):
    assert OllamaProvider(Endpoint("o", "ollama", url=url)).is_cloud is is_cloud


# Memory, counting, vectors


async def test_loading_running_and_unloading(ollama, provider):
    assert not await provider.running()
    await provider.load_remote("qwen", 4096)
    (model,) = await provider.running()
    assert (model.model, model.context) == (NAME, 4096)
    assert (model.size, model.gpu_size) == (6_000_000_000, 3_000_000_000)
    await provider.unload_remote("qwen")
    assert not await provider.running()
    with pytest.raises(ModelMissing):
        await provider.load_remote("nobody")


async def test_an_embedding_model_is_loaded_by_its_own_path(ollama, provider):
    ollama.add("nomic:latest", capabilities=("embedding",), context=2048)
    await provider.load_remote("nomic")
    assert ollama.loaded == {"nomic:latest": 2048}
    assert sent(ollama, "/api/embed")["input"] == []


async def test_the_count_is_an_estimate_that_says_so(ollama, provider):
    count = await provider.count_tokens("qwen", ask("four words are here"))
    assert count.tokens > 0
    assert "estimate" in count.method
    assert not ollama.server.received


async def test_texts_become_vectors(ollama, provider):
    assert await provider.embed("qwen", ["a", "bb"]) == [[0.001, 0.5, -1.0], [0.002, 0.5, -1.0]]
    body = sent(ollama, "/api/embed")
    assert (body["input"], body["truncate"]) == (["a", "bb"], False)
    assert await provider.embed("qwen", []) == []
    with pytest.raises(ApiError, match="context length"):
        await provider.embed("qwen", ["x" * 100_000])


@pytest.mark.parametrize(
    "reply", [{"embeddings": [[1.0]]}, {"embeddings": None}, {"embeddings": [[1.0], None]}, {}]
)
async def test_too_few_vectors_are_an_error(ollama, provider, reply):
    ollama.server.enqueue("/api/embed", as_json(reply))
    with pytest.raises(BadReply, match="vector for each"):
        await provider.embed("qwen", ["a", "b"])


# Fetching and deleting


@pytest.mark.parametrize("size", [None, 1, 13])
async def test_a_model_is_fetched_with_its_progress(ollama, provider, size):
    ollama.server.recut = size
    ollama.registry["tiny:latest"] = ollama.models.pop(NAME)
    ollama.registry["tiny:latest"].name = "tiny:latest"
    total = ollama.registry["tiny:latest"].size
    progress = await fetch(provider, "tiny")
    assert progress == [
        PullProgress("pulling manifest", 0, 0),
        PullProgress("pulling aaaaaaaaaaaa", 0, total),
        PullProgress("pulling aaaaaaaaaaaa", total // 2, total),
        PullProgress("pulling bbbbbbbbbbbb", total // 2 + 100, total + 100),
        PullProgress("pulling aaaaaaaaaaaa", total + 100, total + 100),
        PullProgress("verifying sha256 digest", total + 100, total + 100),
        PullProgress("writing manifest", total + 100, total + 100),
        PullProgress("success", total + 100, total + 100),
    ]
    assert [info.name for info in await provider.list_models()] == ["tiny"]


async def test_fetching_what_nobody_has(ollama, provider):
    with pytest.raises(ModelMissing, match="found no model called “nobody”"):
        await fetch(provider, "nobody")
    assert [info.name for info in await provider.list_models()] == ["qwen"]


async def test_a_fetch_that_fails_in_the_middle_can_be_repeated(ollama, provider):
    ollama.registry["tiny:latest"] = ollama.add("tiny:latest", size=1000)
    del ollama.models["tiny:latest"]
    start = pull_lines(1000)[:2]
    ollama.server.enqueue("/api/pull", ndjson(*start, {"error": "max retries exceeded: EOF"}))
    seen: list[PullProgress] = []
    with pytest.raises(ApiError, match="max retries exceeded"):
        await gather(provider.pull("tiny"), seen)
    assert [(progress.done, progress.total) for progress in seen] == [(0, 1000), (500, 1000)]
    assert (await fetch(provider, "tiny"))[-1].status == "success"
    assert "tiny:latest" in ollama.models


@pytest.mark.parametrize("cut", [True, False])
async def test_a_fetch_that_ends_without_success_is_none(ollama, provider, cut):
    ollama.server.enqueue("/api/pull", ndjson(*pull_lines(1000), cut=cut))
    with pytest.raises(StreamCut):
        await fetch(provider, "tiny")


async def test_a_retry_that_starts_a_file_again_is_shown_as_it_is(ollama, provider):
    half, restart = pull_lines(1000)[1], {**pull_lines(1000)[1], "completed": 10}
    ollama.server.enqueue("/api/pull", ndjson(half, restart, {"status": "success"}))
    assert [progress.done for progress in await fetch(provider, "tiny")] == [500, 10, 10]


async def test_stopping_a_fetch_closes_the_connection(ollama, provider):
    hold = asyncio.Event()
    ollama.server.enqueue("/api/pull", ndjson(*pull_lines(1000)[:2], hold=hold))
    stream = provider.pull("tiny")
    assert (await anext(stream)).total == 1000
    await stream.aclose()
    await disconnected(ollama.server)


async def test_a_fetch_may_be_silent_while_checksums_are_made(ollama):
    async def slow(_: Received) -> Reply:
        return ndjson(*pull_lines(1000), {"status": "success"}, pause=0.2)

    ollama.server.route("POST", "/api/pull", slow)
    async with connected(ollama, silence_seconds=0.05) as provider:
        assert (await fetch(provider, "tiny"))[-1].status == "success"


async def test_deleting_a_model(ollama, provider):
    await provider.open("qwen")
    await provider.delete("qwen")
    assert sent(ollama, "/api/delete") == {"model": "qwen"}
    assert not await provider.list_models()
    with pytest.raises(ModelMissing):
        await provider.delete("qwen")
    with pytest.raises(ModelMissing):
        await answer(provider)


async def test_what_a_pull_changes_is_asked_anew(ollama, provider):
    assert (await provider.open("qwen")).context == 8192
    ollama.registry[NAME] = ollama.models[NAME]
    ollama.models[NAME].context = 1024
    await fetch(provider, "qwen")
    assert (await provider.open("qwen")).context == 1024


async def test_nothing_is_left_open(ollama):
    async with connected(ollama) as provider:
        await answer(provider)
        await provider.list_models()
    async with asyncio.timeout(5):
        while ollama.server.open_connections:
            await asyncio.sleep(0.005)
