"""The LLM manager and its servers: busy ones, those on the internet, and wishes that overlap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.schema import Endpoint, FoundServer, ModelRef
from tests.adapters.asking import CHAT, QUESTION
from tests.adapters.managing import Serve, managed, serving
from tests.fakes.servers.http import sse
from tests.fakes.servers.openai_events import delta

MODELS = "/v1/models"


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with serving() as start:
        yield start


async def test_a_busy_server_keeps_its_answer_though_it_is_not_recognised_now(
    serve: Serve,
) -> None:
    server = await serve("tiny")
    more = asyncio.Event()
    server.enqueue(CHAT, sse(delta(content="Half"), done=False, hold=more, cut=True))
    async with managed() as made:
        made.found.append(FoundServer("vLLM", server.url, "vllm"))
        await made.manager.servers()
        await made.manager.load(ModelRef("vllm", "tiny"))
        async with aclosing(made.manager.stream(QUESTION)) as stream:
            assert (await anext(stream)).text == "Half"
            made.found.clear()  # it has no time for the question who it is
            assert [one.url for one in await made.manager.servers()] == [server.url]
            assert server.open_connections == 1
            assert not server.disconnects
        await server.stop()
        assert await made.manager.servers() == []
        assert "vllm" not in made.manager.registry.names()


async def test_what_leaves_for_the_internet_is_marked_as_cloud() -> None:
    endpoints = {
        "near": Endpoint("near", "openai-compatible", "http://192.168.1.9:8080"),
        "far": Endpoint("far", "openai-compatible", "https://api.example.org/v1", models=("m",)),
        "own": Endpoint("own", "vllm", "https://llm.example.org"),
        "ollama": Endpoint("ollama", "ollama", "https://ollama.com"),
    }
    async with managed(*endpoints.values()) as made:
        providers = {name: await made.manager.registry.get(name) for name in endpoints}
        clouds = {name for name, one in providers.items() if getattr(one, "is_cloud", False)}
        [model] = await providers["far"].list_models()
    async with managed(endpoints["far"]) as made:
        standing = {one.name: one for one in await made.manager.providers()}
    assert standing["far"].is_cloud
    assert clouds == {"far", "ollama"}
    assert model.is_cloud
