"""mistral.rs and text-generation-webui: how each changes the model in its memory."""

import pytest

from app.errors import ApiError, Misconfigured, ModelMissing, Unsupported
from app.llm.providers import mistral_rs
from app.llm.providers.mistral_rs import MistralRsProvider
from app.llm.providers.text_generation_webui import TextGenerationWebUIProvider
from app.schema import RunningModel
from tests.adapters.local_servers import answer, connected, finish, text
from tests.fakes.servers.http import sse
from tests.fakes.servers.mistral_rs import MistralRs
from tests.fakes.servers.text_generation_webui import TextGenerationWebUI


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistral_rs, "LOAD_PAUSE", 0.001)


# mistral.rs


async def test_the_model_of_the_environment_is_used_when_none_is_named():
    async with connected(MistralRs, MistralRsProvider, models=("qwen3",)) as (fake, provider):
        assert (await provider.open("")).info.ref.model == "qwen3"
        await answer(provider, "")
        assert fake.server.last("/v1/chat/completions").json["model"] == "qwen3"


async def test_without_one_the_server_takes_its_own():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        assert (await provider.open("")).info.ref.model == "default"
        await answer(provider, "")
        assert fake.server.last("/v1/chat/completions").json["model"] == "default"


async def test_the_status_of_each_model_is_told():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        fake.models = {"qwen3": "loaded", "gemma": "unloaded", "phi": "reloading"}
        listed = {info.ref.model: info.is_loaded for info in await provider.list_models()}
        running = await provider.running()
    assert listed == {"default": True, "qwen3": True, "gemma": False, "phi": False}
    assert running == [RunningModel("qwen3")]


async def test_models_are_unloaded_and_loaded_again():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        await provider.unload_remote("qwen3")
        assert fake.models == {"qwen3": "unloaded"}
        assert fake.server.last("/v1/models/unload").json == {"model_id": "qwen3"}
        loaded = await provider.open("qwen3")
        assert fake.models == {"qwen3": "loaded"}
    assert loaded.info.is_loaded


async def test_a_model_that_is_being_loaded_is_waited_for():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        fake.models, fake.reloading = {"qwen3": "reloading"}, 3
        await provider.load_remote("qwen3")
        assert fake.models == {"qwen3": "loaded"}
        assert len(fake.server.received) == 4


async def test_older_versions_without_a_status_are_not_told_to_load():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        fake.tells_status = False
        assert (await provider.open("qwen3")).info.is_loaded
        assert [request.method for request in fake.server.received] == ["GET"]


async def test_refusals_come_with_a_status_of_success():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        with pytest.raises(ModelMissing, match="no model called “other”"):
            await provider.load_remote("other")
        fake.keeps = ("qwen3",)
        with pytest.raises(Unsupported, match="cannot load “qwen3” again"):
            await provider.unload_remote("qwen3")
        fake.keeps, fake.error = (), "CUDA error: out of memory"
        with pytest.raises(Exception, match="Choose a smaller model or context"):
            await provider.load_remote("qwen3")


async def test_the_rate_of_the_server_gives_the_time():
    async with connected(MistralRs, MistralRsProvider) as (_, provider):
        usage = finish(await answer(provider, "qwen3")).usage
    assert usage.generated_tokens == 3
    assert usage.generation_seconds == pytest.approx(1.5)
    assert not usage.is_estimate


async def test_events_of_its_own_and_comments_are_passed_over():
    async with connected(MistralRs, MistralRsProvider) as (fake, provider):
        reply = sse({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
        progress = b'event: agentic_tool_call_progress\ndata: {"error": "none"}\n\n'
        reply.pieces = [b": keep-alive\n\n", progress, *(reply.pieces or ())]
        fake.server.enqueue("/v1/chat/completions", reply)
        assert text(await answer(provider, "qwen3")) == "Hi"


# text-generation-webui


async def test_the_models_on_disk_are_listed():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider) as (fake, provider):
        listed = {info.ref.model: info.is_loaded for info in await provider.list_models()}
        fake.loaded = ""
        assert await provider.running() == []
    assert listed == {"small.gguf": True, "large.gguf": False}


async def test_the_chosen_model_is_loaded_since_names_are_not_heeded():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider, context=8192) as (
        fake,
        provider,
    ):
        loaded = await provider.open("large.gguf")
        assert (fake.loaded, fake.args) == ("large.gguf", {"ctx_size": 8192})
    assert (loaded.context, loaded.info.is_loaded) == (8192, True)


async def test_the_loaded_model_is_not_loaded_again():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider) as (fake, provider):
        await provider.open("small.gguf")
        await provider.load_remote("small.gguf")
        assert {request.method for request in fake.server.received} == {"GET"}
        await provider.load_remote("small.gguf", 2048)
        assert fake.args == {"ctx_size": 2048}


async def test_the_model_is_unloaded_if_it_is_the_one():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider) as (fake, provider):
        await provider.unload_remote("large.gguf")
        assert fake.loaded == "small.gguf"
        await provider.unload_remote("small.gguf")
        assert fake.loaded == ""


async def test_a_model_that_cannot_be_read_is_told():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider) as (fake, provider):
        fake.broken = ("large.gguf",)
        with pytest.raises(ApiError, match="Failed to load the model"):
            await provider.open("large.gguf")


async def test_without_the_admin_key_there_is_the_loaded_model_alone():
    async with connected(TextGenerationWebUI, TextGenerationWebUIProvider) as (fake, provider):
        fake.admin_key = "admin"
        assert [info.ref.model for info in await provider.list_models()] == ["small.gguf"]
        await provider.open("small.gguf")
        with pytest.raises(Misconfigured, match="Check the key"):
            await provider.load_remote("large.gguf")
