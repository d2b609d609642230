"""What every server on this computer must do: list, chat, continue a text, count, stop."""

import asyncio
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest

from app import net
from app.errors import Misconfigured, ModelMissing, ProviderError, Unreachable
from app.llm.providers.interface import Deletes, Embeds, ManagesMemory, Pulls, ability
from app.llm.providers.kinds import CLASSES, makers
from app.llm.providers.koboldcpp import KoboldCppProvider
from app.llm.providers.llama_server import LlamaServerProvider
from app.llm.providers.lm_studio import LMStudioProvider
from app.llm.providers.localai import LocalAIProvider
from app.llm.providers.mistral_rs import MistralRsProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.text_generation_webui import TextGenerationWebUIProvider
from app.schema import Endpoint, FinishReason
from tests.adapters.local_servers import RAW, REQUEST, answer, connected, finish, text, thought
from tests.fakes.servers.http import FakeServer, as_json, running, sse
from tests.fakes.servers.koboldcpp import KoboldCpp
from tests.fakes.servers.llama_server import LlamaRouter, LlamaServer
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.localai import LocalAI
from tests.fakes.servers.mistral_rs import MistralRs
from tests.fakes.servers.text_generation_webui import TextGenerationWebUI


class Case(NamedTuple):
    """A kind of server, its fake, and a model that it has."""

    kind: str
    fake: Any
    maker: Any
    model: str
    version: str = ""
    counts: bool = True  # with its own tokenizer


def studio(server: FakeServer) -> LMStudio:
    made = LMStudio(server)
    made.add("gemma-3-270m")
    return made


def router(server: FakeServer) -> LlamaRouter:
    made = LlamaRouter(server)
    made.add("tiny", state="loaded")
    return made


CASES = (
    Case("llama-server", LlamaServer, LlamaServerProvider, "tiny", "b9000-0c1e570"),
    Case("llama-server", router, LlamaServerProvider, "tiny"),
    Case("lm-studio", studio, LMStudioProvider, "gemma-3-270m", counts=False),
    Case("localai", LocalAI, LocalAIProvider, "tiny", "1.2.3"),
    Case("mistral-rs", MistralRs, MistralRsProvider, "qwen3", counts=False),
    Case("text-generation-webui", TextGenerationWebUI, TextGenerationWebUIProvider, "small.gguf"),
    Case("koboldcpp", KoboldCpp, KoboldCppProvider, "small.gguf", "1.115.1"),
)
each = pytest.mark.parametrize(
    "case", CASES, ids=[f"{case.kind}-{case.fake.__name__}" for case in CASES]
)


@each
async def test_the_kind_makes_the_class(case: Case):
    provider: Any = makers(net.OfflineLock())[case.kind](Endpoint("here", case.kind))
    assert case.kind in CLASSES
    assert type(provider) is case.maker
    assert provider.title == PROFILES[case.kind].title
    assert provider.endpoint.url == PROFILES[case.kind].url


@each
async def test_a_chat_streams_and_is_measured(case: Case):
    async with connected(case.fake, case.maker) as (fake, provider):
        opened = await provider.open(case.model)
        chunks = await answer(provider, case.model)
        sent = fake.server.last("/v1/chat/completions").json
    assert opened.info.ref.model == case.model
    assert (text(chunks), finish(chunks).reason) == ("Hello there.", FinishReason.STOP)
    assert sent["messages"] == [{"role": "user", "content": "Say hello."}]
    assert (sent["model"], sent["stream"]) == (case.model, True)
    usage = finish(chunks).usage
    assert (usage.prompt_tokens, usage.generated_tokens) == (9, 3)


@each
async def test_a_text_is_continued_as_it_is(case: Case):
    async with connected(case.fake, case.maker) as (fake, provider):
        chunks = await answer(provider, case.model, RAW)
        sent = fake.server.last("/v1/completions").json
    assert text(chunks) == "Hello there."
    assert sent["prompt"] == RAW.raw
    assert finish(chunks).usage.prompt_tokens == 5


@each
async def test_reasoning_comes_apart_from_the_answer(case: Case):
    async with connected(case.fake, case.maker) as (fake, provider):
        fake.chat.thinks = ("Let me", " see.")
        chunks = await answer(provider, case.model)
    assert (thought(chunks), text(chunks)) == ("Let me see.", "Hello there.")


@each
async def test_the_list_says_what_is_loaded(case: Case):
    async with connected(case.fake, case.maker) as (_, provider):
        await provider.open(case.model)
        listed = {info.ref.model: info for info in await provider.list_models()}
        loaded = [model.model for model in await provider.running()]
    assert listed[case.model].provider == PROFILES[case.kind].title
    if case.kind != "localai":  # whose list tells names alone
        assert listed[case.model].is_loaded
        assert case.model in loaded


@each
async def test_a_model_that_is_not_there_is_named(case: Case):
    async with connected(case.fake, case.maker) as (_, provider):
        with pytest.raises(ModelMissing, match="no model called “other”"):
            await provider.open("other")


@each
async def test_tokens_are_counted_or_honestly_estimated(case: Case):
    async with connected(case.fake, case.maker) as (_, provider):
        chat = await provider.count_tokens(case.model, REQUEST)
        raw = await provider.count_tokens(case.model, RAW)
    assert (raw.tokens, bool(raw.method)) == (5 if case.counts else 4, not case.counts)
    assert bool(chat.method) == (case.kind != "llama-server")  # it counts with the template


@each
async def test_health_says_which_version_runs(case: Case):
    async with connected(case.fake, case.maker) as (_, provider):
        health = await provider.health()
    assert (health.works, health.version) == (True, case.version)


@each
async def test_a_server_that_is_away_is_not_well(case: Case):
    async with running(FakeServer()) as server:
        url = server.url
    provider = case.maker(Endpoint("here", case.kind, url))
    health = await provider.health()
    with pytest.raises(Unreachable, match="does not answer at"):
        await provider.open(case.model)
    await provider.aclose()
    assert not health.works
    assert "does not answer" in health.message


@each
async def test_closing_the_stream_closes_the_connection(case: Case):
    async with connected(case.fake, case.maker) as (fake, provider):
        delta = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
        reply = sse(delta, done=False, hold=asyncio.Event())
        fake.server.enqueue("/v1/chat/completions", reply)
        async with aclosing(provider.stream(case.model, REQUEST)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break
        async with asyncio.timeout(5):
            while not fake.server.disconnects:
                await asyncio.sleep(0.001)


@each
async def test_an_error_in_the_middle_is_raised_with_what_the_server_says(case: Case):
    async with connected(case.fake, case.maker) as (fake, provider):
        delta = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
        for error in ({"error": {"message": "the slot broke", "code": 500}}, {"error": "it broke"}):
            fake.server.enqueue("/v1/chat/completions", sse(delta, error))
            with pytest.raises(ProviderError, match="broke") as caught:
                await answer(provider, case.model)
            assert caught.value.provider == PROFILES[case.kind].title


@each
async def test_a_key_is_sent_and_a_wrong_one_is_named(case: Case):
    async with connected(case.fake, case.maker, key="secret") as (fake, provider):
        await answer(provider, case.model)
        assert fake.server.received[-1].headers["authorization"] == "Bearer secret"
        fake.server.enqueue(
            "/v1/chat/completions", as_json({"error": {"message": "Invalid API Key"}}, 401)
        )
        with pytest.raises(Misconfigured, match="Check the key"):
            await answer(provider, case.model)


@each
async def test_names_that_the_person_gives_are_taken_as_they_are(case: Case):
    async with connected(case.fake, case.maker, models=(case.model,)) as (_, provider):
        assert [info.ref.model for info in await provider.list_models()] == [case.model]
        opened = await provider.open(case.model)
    assert opened.info.ref.model == case.model


@each
async def test_abilities_are_told_by_the_class(case: Case):
    async with connected(case.fake, case.maker) as (_, provider):
        asked: list[type] = [ManagesMemory, Embeds, Pulls, Deletes]
        found = {kind for kind in asked if ability(provider, kind) is provider}
    more: dict[str, set[type]] = {"localai": {Pulls, Deletes}, "lm-studio": {Pulls}}
    assert found == {ManagesMemory, Embeds} | more.get(case.kind, set())
