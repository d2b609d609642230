"""Ollama: models are loaded, unloaded, fetched and deleted; counts and vectors."""

import asyncio
from contextlib import aclosing

import pytest

from app.errors import ApiError, BadReply, ModelMissing, StreamCut
from app.llm.providers.ollama import OllamaProvider
from app.schema import PullProgress
from tests.adapters.dialects import ask, disconnected, gather
from tests.adapters.ollama.asking import NAME, answer, connected, sent
from tests.fakes.servers.http import Received, Reply, as_json, ndjson
from tests.fakes.servers.ollama import pull_lines


async def fetch(provider: OllamaProvider, model: str) -> list[PullProgress]:
    async with aclosing(provider.pull(model)) as stream:
        return [progress async for progress in stream]


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
