"""llama.cpp's server: waiting while it loads, its figures, and models that a router loads."""

from collections.abc import Callable
from typing import Any

import pytest

from app.errors import ApiError, ContextOverflow, ModelMissing, Unsupported
from app.llm.providers import llama_server, openai
from app.llm.providers.llama_server import LlamaServerProvider, Slot
from app.schema import PromptProgress, Request, RunningModel, Usage
from tests.adapters.local_servers import RAW, REQUEST, answer, connected, finish, text, thought
from tests.fakes.servers.http import FakeServer, as_json
from tests.fakes.servers.llama_server import LlamaRouter, LlamaServer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "LOADING_PAUSE", 0.001)
    monkeypatch.setattr(llama_server, "LOAD_PAUSE", 0.001)


def router(**models: dict[str, Any]) -> Callable[[FakeServer], LlamaRouter]:
    """A maker of a router with these models."""

    def make(server: FakeServer) -> LlamaRouter:
        made = LlamaRouter(server)
        for name, about in models.items():
            made.add(name, **about)
        return made

    return make


def asked(server: FakeServer, path: str) -> int:
    return sum(request.path == path for request in server.received)


async def test_a_chat_waits_while_the_model_is_loaded():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.loading = 3
        chunks = await answer(provider, "tiny")
        assert asked(fake.server, "/v1/chat/completions") == 4
    assert text(chunks) == "Hello there."


async def test_opening_waits_while_the_model_is_loaded():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.loading = 3
        loaded = await provider.open("tiny")
        assert asked(fake.server, "/v1/models") == 4
    assert loaded.info.is_loaded


async def test_health_does_not_wait():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.loading = 1
        health = await provider.health()
    assert not health.works
    assert "Loading model" in health.message


async def test_the_context_is_that_of_one_slot():
    async with connected(LlamaServer, LlamaServerProvider) as (_, provider):
        loaded = await provider.open("tiny")
    assert loaded.context == 8192
    assert loaded.info.trained_context == 32_768
    assert (loaded.info.size, loaded.info.parameters) == (397_808_192, 494_032_768)


async def test_a_proxy_that_hides_the_properties_can_be_used():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        del fake.server.routes["GET", "/props"]
        loaded = await provider.open("tiny")
    assert loaded.context == 32_768  # of the list


async def test_the_timings_are_the_servers_own():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.cached = 4
        usage = finish(await answer(provider, "tiny")).usage
    assert usage == Usage(
        prompt_tokens=9,
        cached_tokens=4,
        generated_tokens=3,
        prompt_seconds=0.02,
        first_token_seconds=usage.first_token_seconds,
        generation_seconds=1.5,
    )


async def test_timings_are_read_where_no_usage_is_sent():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        refusal = {"error": {"message": "stream_options is not known", "code": 400}}
        fake.server.enqueue("/v1/chat/completions", as_json(refusal, 400))
        usage = finish(await answer(provider, "tiny")).usage
        assert "stream_options" not in fake.server.last("/v1/chat/completions").json
    assert (usage.prompt_tokens, usage.generation_seconds) == (9, 1.5)
    assert not usage.is_estimate


async def test_the_progress_of_the_prompt_is_told_before_the_answer():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.cached = 2
        chunks = await answer(provider, "tiny")
        assert fake.server.last("/v1/chat/completions").json["return_progress"] is True
    told = [chunk.progress for chunk in chunks if chunk.progress]
    assert told == [PromptProgress(2, 9, 2), PromptProgress(9, 9, 2)]
    assert chunks[0].progress == told[0]


async def test_reasoning_is_read_and_asked_for():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.chat.thinks = ("Hm",)
        chunks = await answer(provider, "tiny", Request(REQUEST.messages, think=False))
        sent = fake.server.last("/v1/chat/completions").json
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert thought(chunks) == "Hm"


async def test_a_prompt_that_is_too_long_is_told_in_tokens():
    error = {
        "code": 400,
        "type": "exceed_context_size_error",
        "message": "the request exceeds the available context size",
        "n_prompt_tokens": 9000,
        "n_ctx": 8192,
    }
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.server.enqueue("/v1/chat/completions", as_json({"error": error}, 400))
        with pytest.raises(ContextOverflow, match="9,000 tokens, and the context holds 8,192"):
            await answer(provider, "tiny")


async def test_slots_tell_what_is_at_work():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        fake.busy = 1
        slots = await provider.slots()
    assert slots[:2] == [Slot(0, 8192, is_busy=True), Slot(1, 8192, is_busy=False)]
    assert len(slots) == 4


async def test_one_model_is_in_memory_until_it_sleeps():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        awake = await provider.running()
        fake.is_sleeping = True
        asleep = await provider.running()
    assert awake == [RunningModel("tiny", size=397_808_192, context=8192)]
    assert asleep == []


async def test_one_model_cannot_be_exchanged():
    async with connected(LlamaServer, LlamaServerProvider) as (fake, provider):
        await provider.load_remote("tiny")  # it is there
        with pytest.raises(ModelMissing):
            await provider.load_remote("other")
        with pytest.raises(Unsupported, match="start it without a model"):
            await provider.unload_remote("tiny")
        assert all(request.method == "GET" for request in fake.server.received)


async def test_the_routers_list_tells_states():
    models = router(big={"state": "loaded"}, small={}, eyes={"sees": True})
    async with connected(models, LlamaServerProvider) as (_, provider):
        listed = {info.ref.model: info for info in await provider.list_models()}
        running = await provider.running()
    assert [name for name, info in listed.items() if info.is_loaded] == ["big"]
    assert listed["eyes"].features == {"vision"}
    assert running == [RunningModel("big", size=397_808_192, context=8192)]


async def test_opening_has_the_router_load_the_model():
    async with connected(router(small={"context": 2048}), LlamaServerProvider) as (fake, provider):
        loaded = await provider.open("small")
        assert fake.models["small"].state == "loaded"
    assert (loaded.context, loaded.info.is_loaded) == (2048, True)


async def test_a_load_is_waited_for():
    async with connected(router(small={"looks": 5}), LlamaServerProvider) as (fake, provider):
        await provider.load_remote("small")
        assert asked(fake.server, "/models") == 5
        assert fake.models["small"].state == "loaded"


@pytest.mark.parametrize("state", ["loaded", "loading"])
async def test_a_model_that_runs_already_is_as_good_as_loaded(state: str):
    async with connected(router(small={"state": state}), LlamaServerProvider) as (fake, provider):
        await provider.load_remote("small")
        assert fake.models["small"].state == "loaded"


async def test_a_sleeping_model_is_ready():
    async with connected(router(small={"state": "sleeping"}), LlamaServerProvider) as (
        fake,
        provider,
    ):
        refusal = {"error": {"code": 400, "message": "model is already running"}}
        fake.server.enqueue("/models/load", as_json(refusal, 400))
        await provider.load_remote("small")
        assert await provider.running() == []


async def test_an_alias_is_a_name_too():
    models = router(**{"org/small": {"aliases": ("small",), "state": "loading"}})
    async with connected(models, LlamaServerProvider) as (fake, provider):
        fake.server.enqueue("/models/load", as_json({"success": True}))
        await provider.load_remote("small")
        assert fake.models["org/small"].state == "loaded"


async def test_a_load_that_fails_is_told():
    async with connected(router(small={"fails": True}), LlamaServerProvider) as (_, provider):
        with pytest.raises(ApiError, match=r"could not load “small”.*choose a smaller model"):
            await provider.load_remote("small")


async def test_a_model_that_the_router_has_not_got():
    async with connected(router(small={}), LlamaServerProvider) as (_, provider):
        with pytest.raises(ModelMissing, match="model is not found"):
            await provider.load_remote("other")
        with pytest.raises(ModelMissing, match="model is not found"):
            await provider.unload_remote("other")


async def test_another_refusal_of_the_router_is_no_success():
    async with connected(router(small={}), LlamaServerProvider) as (fake, provider):
        refusal = {"error": {"code": 400, "message": "the limit of models is reached"}}
        fake.server.enqueue("/models/load", as_json(refusal, 400))
        with pytest.raises(ApiError, match="limit of models"):
            await provider.load_remote("small")


async def test_unloading_gives_the_memory_back():
    async with connected(router(small={"state": "loaded"}), LlamaServerProvider) as (
        fake,
        provider,
    ):
        await provider.unload_remote("small")
        assert fake.models["small"].state == "unloaded"
        await provider.unload_remote("small")  # it is so already
        assert await provider.running() == []


async def test_a_router_counts_with_the_tokenizer_of_the_model():
    async with connected(router(small={"state": "loaded"}), LlamaServerProvider) as (
        fake,
        provider,
    ):
        count = await provider.count_tokens("small", RAW)
        assert fake.server.last("/tokenize").json == {"model": "small", "content": RAW.raw}
    assert (count.tokens, count.method) == (5, "")
