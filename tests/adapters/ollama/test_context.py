"""Ollama: the context is chosen and sent, and a prompt that did not fit is noticed."""

import json

import pytest

from app.errors import ApiError, ContextOverflow
from app.llm.providers.wire.ollama_context import counts_whole_prompt, fewest_tokens
from app.schema import FinishReason, Request
from tests.adapters.dialects import ask, finish, notices, text
from tests.adapters.ollama.asking import DONE, NAME, answer, connected, say, sent
from tests.fakes.servers.http import as_json, ndjson


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
