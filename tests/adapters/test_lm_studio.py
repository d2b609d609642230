"""LM Studio: its own API in both versions, older ones without it, copies in memory."""

from collections.abc import Callable
from contextlib import aclosing

import pytest

from app.errors import ApiError, HearthError, Misconfigured, ModelMissing, Unsupported
from app.llm.providers.lm_studio import LMStudioProvider
from app.schema import Chunk, ModelInfo, ModelRef, PullProgress, RunningModel
from tests.adapters.local_servers import answer, connected, finish, heard, text
from tests.fakes.servers.http import FakeServer, Reply, as_json, sse
from tests.fakes.servers.lm_studio import LMStudio

GEMMA, NOMIC = "gemma-3-270m-it-qat", "text-embedding-nomic"


def studio(api: int = 1, context: int = 0) -> Callable[[FakeServer], LMStudio]:
    """A maker of an LM Studio with two models; with `context` the first is loaded."""

    def make(server: FakeServer) -> LMStudio:
        made = LMStudio(server, api)
        made.add(GEMMA, sees=True, copies={GEMMA: context} if context else {})
        made.add(NOMIC, kind="embedding", display="Nomic", parameters=None, max_context=2048)
        return made

    return make


def paths(fake: LMStudio) -> list[str]:
    return [request.path for request in fake.server.received]


async def test_the_newest_api_tells_everything():
    async with connected(studio(context=8192), LMStudioProvider) as (fake, provider):
        listed = await provider.list_models()
        assert paths(fake) == ["/api/v1/models"]
    assert listed == [
        ModelInfo(
            ref=ModelRef("here", GEMMA),
            name="Gemma 3 270m Instruct Qat",
            size=241_410_208,
            quantisation="Q4_0",
            architecture="gemma3",
            parameters=270_000_000,
            trained_context=32_768,
            provider="LM Studio",
            features=frozenset({"chat", "vision", "tools"}),
            is_loaded=True,
        ),
        ModelInfo(
            ref=ModelRef("here", NOMIC),
            name="Nomic",
            size=241_410_208,
            quantisation="Q4_0",
            trained_context=2048,
            provider="LM Studio",
            features=frozenset({"embedding"}),
        ),
    ]


@pytest.mark.parametrize(
    ("told", "parameters"),
    [("7B", 7_000_000_000), ("0.5b", 500_000_000), ("8x7B", 56_000_000_000), ("E4B", 0), (None, 0)],
)
async def test_parameters_are_read_from_words(told: str | None, parameters: int):
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.models[GEMMA].parameters = told
        assert (await provider.list_models())[0].parameters == parameters


async def test_the_older_api_is_asked_where_the_newest_is_not_there():
    async with connected(studio(api=0, context=8192), LMStudioProvider) as (fake, provider):
        gemma, nomic = await provider.list_models()
        assert paths(fake) == ["/api/v1/models", "/api/v0/models"]
        loaded = await provider.open(GEMMA)
        running = await provider.running()
    assert (gemma.quantisation, gemma.trained_context, gemma.is_loaded) == ("Q4_0", 32_768, True)
    assert gemma.features == {"chat", "vision", "tools"}
    assert nomic.features == {"embedding"}
    assert not nomic.is_loaded
    assert loaded.context == 8192
    assert running == [RunningModel(GEMMA, context=8192)]


async def test_the_oldest_have_openais_list_alone():
    async with connected(studio(api=-1), LMStudioProvider) as (_, provider):
        names = [info.ref.model for info in await provider.list_models()]
        loaded = await provider.open(GEMMA)
        with pytest.raises(Unsupported, match="Update it to 0"):
            await provider.running()
    assert names == [GEMMA, NOMIC]
    assert loaded.info.ref.model == GEMMA


@pytest.mark.parametrize("api", [0, -1])
async def test_older_versions_do_not_load_for_others(api: int):
    async with connected(studio(api, context=4096), LMStudioProvider) as (fake, provider):
        with pytest.raises(Unsupported, match="does not load and unload models"):
            await provider.load_remote(NOMIC)
        with pytest.raises(Unsupported, match="load the model there"):
            await provider.unload_remote(GEMMA)
        assert all(request.method == "GET" for request in fake.server.received)


async def test_a_missing_path_may_also_be_a_404():
    async with connected(studio(api=0), LMStudioProvider) as (fake, provider):
        fake.server.enqueue("/api/v1/models", Reply(b"Cannot GET", 404, content_type="text/html"))
        assert len(await provider.list_models()) == 2


async def test_a_wrong_key_is_no_missing_path():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.chat.key = "other"
        with pytest.raises(Misconfigured, match="Check the key"):
            await provider.list_models()
        assert paths(fake) == ["/api/v1/models"]


async def test_opening_loads_with_the_context_of_the_settings():
    async with connected(studio(), LMStudioProvider, context=16_384) as (fake, provider):
        loaded = await provider.open(GEMMA)
        sent = fake.server.last("/api/v1/models/load").json
    assert sent == {"model": GEMMA, "context_length": 16_384}
    assert (loaded.context, loaded.info.is_loaded) == (16_384, True)


async def test_without_a_context_the_server_chooses_one():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        loaded = await provider.open(GEMMA)
        assert fake.server.last("/api/v1/models/load").json == {"model": GEMMA}
    assert loaded.context == 4096


async def test_what_is_loaded_is_used_as_it_is():
    async with connected(studio(context=8192), LMStudioProvider, context=16_384) as (
        fake,
        provider,
    ):
        loaded = await provider.open(GEMMA)
        assert fake.models[GEMMA].copies == {GEMMA: 8192}
    assert loaded.context == 8192


async def test_another_context_takes_the_place_of_the_loaded_copy():
    async with connected(studio(context=8192), LMStudioProvider) as (fake, provider):
        await provider.load_remote(GEMMA)
        await provider.load_remote(GEMMA, 8192)
        assert "/api/v1/models/load" not in paths(fake)
        await provider.load_remote(GEMMA, 2048)
        assert fake.models[GEMMA].copies == {GEMMA: 2048}
        running = await provider.running()
    assert running == [RunningModel(GEMMA, 241_410_208, context=2048, instance=GEMMA)]


async def test_unloading_takes_all_copies_or_the_one_that_is_named():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        copies = fake.models[GEMMA].copies
        copies.update({"a": 1024, "b": 2048, "c": 4096})
        await provider.unload_remote("b")
        assert list(copies) == ["a", "c"]
        await provider.unload_remote(GEMMA)
        assert copies == {}
        await provider.unload_remote(GEMMA)  # it is so already


async def test_an_unknown_model_is_not_loaded():
    async with connected(studio(), LMStudioProvider) as (_, provider):
        with pytest.raises(ModelMissing, match="Model other not found"):
            await provider.load_remote("other")


async def test_a_failed_load_may_come_with_a_status_of_success():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.server.enqueue("/api/v1/models/load", as_json({"error": "Failed to load: no GPU"}))
        with pytest.raises(ApiError, match="no GPU"):
            await provider.open(GEMMA)


async def test_the_time_of_generation_is_the_servers_own():
    async with connected(studio(), LMStudioProvider) as (_, provider):
        usage = finish(await answer(provider, GEMMA)).usage
    assert (usage.generated_tokens, usage.generation_seconds) == (3, 1.5)
    assert not usage.is_estimate


async def test_thinking_that_stays_in_the_text_is_split_off():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.chat.says = ("<thi", "nk>Hm</think>\n\nHello", ".")
        chunks = await answer(provider, GEMMA)
    assert text(chunks) == "Hello."


@pytest.mark.parametrize(
    "event",
    [
        'data: {"error": "The model has crashed."}\n\n',
        'event: error\ndata: {"error": "The model has crashed."}\n\n',
        'event: error\ndata: {"error": {"message": "The model has crashed."}, "message": "x"}\n\n',
        "event: error\ndata: The model has crashed.\n\n",
    ],
)
async def test_errors_in_a_stream_come_in_four_shapes(event: str):
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        begun = sse({"choices": [{"delta": {"content": "Hel"}}]}, done=False)
        begun.pieces = [*(begun.pieces or ()), event.encode()]
        fake.server.enqueue("/v1/chat/completions", begun)
        said: list[Chunk] = []
        with pytest.raises(ApiError, match="LM Studio says: The model has crashed"):
            await heard(provider, GEMMA, said)
    assert text(said) == "Hel"


async def test_a_path_that_is_wrong_for_the_chat_is_an_error_too():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        del fake.server.routes["POST", "/v1/chat/completions"]
        with pytest.raises(ApiError, match="Unexpected endpoint or method"):
            await answer(provider, GEMMA)


async def test_it_fetches_a_model():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.catalogue["qwen/qwen3-4b"] = 2000
        async with aclosing(provider.pull("qwen/qwen3-4b")) as states:
            seen = [state async for state in states]
        assert seen == [
            PullProgress("downloading", 0, 2000),
            PullProgress("downloading", 1000, 2000),
            PullProgress("completed", 2000, 2000),
        ]
        assert "qwen/qwen3-4b" in [one.ref.model for one in await provider.list_models()]
        async with aclosing(provider.pull(GEMMA)) as states:
            assert [state.status async for state in states] == ["already_downloaded"]


async def test_a_fetch_that_fails_says_why():
    async with connected(studio(), LMStudioProvider) as (fake, provider):
        fake.catalogue["qwen/qwen3-4b"] = 2000
        fake.breaks = True
        async with aclosing(provider.pull("qwen/qwen3-4b")) as states:
            for _ in range(2):
                await anext(states)
            with pytest.raises(HearthError, match="the disk is full"):
                await anext(states)
        with pytest.raises(ModelMissing):
            await anext(provider.pull("nobody/nothing"))


@pytest.mark.parametrize("api", [0, -1])
async def test_older_versions_fetch_nothing_and_say_so(api: int):
    async with connected(studio(api), LMStudioProvider) as (_, provider):
        with pytest.raises(Unsupported, match="does not fetch models"):
            await anext(provider.pull("qwen/qwen3-4b"))
