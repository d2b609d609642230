"""The LLM manager: one model is chosen, made ready and asked, wherever it lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.errors import (
    HearthError,
    Misconfigured,
    ModelMissing,
    NoModel,
    StreamCut,
    Unreachable,
)
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.state import Phase
from app.schema import Chunk, Endpoint, FinishReason, FoundServer, ModelRef
from tests.adapters.asking import CHAT, QUESTION, until
from tests.adapters.managing import LOCAL, Managed, Serve, managed
from tests.fakes.servers.http import FakeServer, Reply, running, sse
from tests.fakes.servers.ollama import Ollama
from tests.fakes.servers.openai_events import delta

TINY = ModelRef("far", "tiny")


@pytest.fixture
async def server(serve: Serve) -> FakeServer:
    return await serve("tiny", "other")


@pytest.fixture
async def far(server: FakeServer) -> AsyncIterator[Managed]:
    """A manager that knows the server as `far`."""
    async with managed(Endpoint("far", "vllm", server.url)) as made:
        yield made


def half() -> Reply:
    """A stream that stays open after half of an answer."""
    return sse(delta(content="Half an"), done=False, hold=asyncio.Event())


# Choosing, loading, asking


async def test_a_servers_model_is_loaded_and_asked(far: Managed, server: FakeServer) -> None:
    await far.manager.load(TINY)
    assert [(state.phase, state.ref) for state in far.states] == [
        (Phase.LOADING, TINY),
        (Phase.READY, TINY),
    ]
    loaded = far.manager.state.loaded
    assert loaded is not None
    assert (loaded.info.ref, loaded.device, loaded.context) == (TINY, "vLLM", 4096)
    said = await far.ask()
    assert said.text == "Hello there."
    assert (said.finish.reason, said.finish.model) == (FinishReason.STOP, TINY)
    assert said.finish.usage.generated_tokens == 3
    assert server.last(CHAT).json["model"] == "tiny"
    assert server.last(CHAT).json["messages"] == [{"role": "user", "content": "Say hello."}]


async def test_a_selected_model_is_loaded_by_the_first_question(far: Managed) -> None:
    far.manager.select(TINY)
    assert far.manager.state.phase is Phase.IDLE
    assert (await far.ask()).text == "Hello there."
    assert [state.phase for state in far.states] == [Phase.IDLE, Phase.LOADING, Phase.READY]
    far.manager.select(ModelRef("far", "other"))  # nothing is taken away from who talks
    assert far.manager.state.ref == TINY


async def test_an_unloaded_model_stays_selected(far: Managed) -> None:
    await far.manager.load(TINY)
    await far.manager.unload()
    assert (far.manager.state.phase, far.manager.state.ref) == (Phase.IDLE, TINY)
    assert (await far.ask()).text == "Hello there."


async def test_nothing_selected_cannot_be_asked(far: Managed) -> None:
    said, error = await far.broken()
    assert (said, type(error)) == ("", NoModel)
    assert far.manager.state.phase is Phase.NOTHING


async def test_a_found_server_is_used_without_being_set_up() -> None:
    async with running(FakeServer()) as server, managed() as made:
        ollama = Ollama(server)
        ollama.add("qwen:latest")
        made.found.append(FoundServer("Ollama", server.url, "ollama"))
        await made.manager.load(ModelRef("ollama", "qwen"))
        said = await made.ask()
        assert said.text == "Hello there."
        assert said.finish.model == made.manager.state.ref
        assert str(said.finish.model) == "ollama:qwen:latest"
        assert made.manager.registry.is_found("ollama")


async def test_what_was_found_is_only_told_where_that_is_wanted(server: FakeServer) -> None:
    async with managed() as made:
        assert await made.manager.servers() == []
        made.found.append(FoundServer("vLLM", server.url, "vllm"))
        assert await made.manager.servers(use=False) == made.found
        assert made.manager.registry.names() == ["fake"]
        assert await made.manager.servers() == made.found
        assert made.manager.registry.names() == ["fake", "vllm"]
        models = [str(model.ref) for model in await made.manager.models()]
        assert models == [str(LOCAL), "vllm:tiny", "vllm:other"]


async def test_the_prompts_tokens_are_counted_by_its_server(far: Managed) -> None:
    await far.manager.load(TINY)
    count = await far.manager.count_tokens(QUESTION)
    assert (count.tokens, count.method) == (9, "")  # by the fake server's rule


async def test_texts_become_vectors_where_the_provider_can(far: Managed) -> None:
    assert await far.manager.embed(["abcd", "efg"], TINY) == [[0.004, 0.5, -1], [0.003, 0.5, -1]]
    with pytest.raises(NoModel, match="Fake cannot turn texts into vectors"):
        await far.manager.embed(["abcd"], LOCAL)


# What goes wrong


@pytest.mark.parametrize(
    ("ref", "kind", "message"),
    [
        ("ollama:qwen", Unreachable, "Ollama does not run on this computer now"),
        ("llama-server:m", Unreachable, "llama.cpp server does not run on this computer now"),
        ("openai:gpt", Misconfigured, "OpenAI is not set up yet"),
        ("openai-compatible:m", Misconfigured, "OpenAI-compatible server is not set up yet"),
        ("nobody:m", NoModel, "no provider called “nobody”"),
    ],
)
async def test_a_provider_that_is_not_there(
    ref: str, kind: type[HearthError], message: str
) -> None:
    wanted = ModelRef.parse(ref)
    assert wanted is not None
    async with managed() as made:
        with pytest.raises(kind, match=message) as caught:
            await made.manager.load(wanted)
        assert caught.value.remedy
        state = made.manager.state
        assert (state.phase, state.ref, state.error) == (Phase.IDLE, wanted, caught.value)


async def test_a_configured_server_that_is_not_running(closed_url: str) -> None:
    async with managed(Endpoint("far", "vllm", closed_url)) as made:
        with pytest.raises(Unreachable, match=f"vLLM does not answer at {closed_url}") as caught:
            await made.manager.load(TINY)
        assert made.manager.state.error is caught.value
        assert (await made.broken())[1].message == caught.value.message  # it was asked once more


async def test_a_model_that_the_server_has_not(far: Managed) -> None:
    with pytest.raises(ModelMissing, match="no model called “absent”"):
        await far.manager.load(ModelRef("far", "absent"))
    assert isinstance(far.manager.state.error, ModelMissing)


async def test_a_server_that_goes_away_in_the_middle_keeps_what_was_said(
    far: Managed, server: FakeServer
) -> None:
    server.enqueue(CHAT, half())
    await far.manager.load(TINY)
    heard: list[Chunk] = []

    async def leave() -> None:
        await until(lambda: any(chunk.text for chunk in heard))
        assert far.manager.is_answering
        await server.stop()

    leaving = asyncio.create_task(leave())
    with pytest.raises(StreamCut) as caught:
        await far.hear(heard, LOCAL)  # nobody else takes over in the middle
    await leaving
    assert "".join(chunk.text for chunk in heard) == "Half an"
    assert caught.value.provider == "vLLM"
    assert caught.value.remedy
    assert far.local.requests == []
    assert not far.manager.is_answering
    assert far.manager.state.phase is Phase.READY
    assert isinstance((await far.broken())[1], Unreachable)


async def test_closing_the_answer_ends_it_at_the_server(far: Managed, server: FakeServer) -> None:
    server.enqueue(CHAT, half())
    await far.manager.load(TINY)
    async with aclosing(far.manager.stream(QUESTION)) as stream:
        while not (await anext(stream)).text:
            pass
        assert server.disconnects == []
    await until(lambda: server.disconnects)
    assert not far.manager.is_answering


async def test_a_server_that_came_back_is_asked_at_once_when_its_model_is_loaded(
    server: FakeServer,
) -> None:
    """What the breaker has counted while it was away does not stand in the person's way."""
    endpoint = Endpoint("far", "vllm", server.url)
    async with managed(endpoint, dress=lambda inner, _: CircuitBreaker(inner)) as made:
        port = server.port
        await server.stop()
        for _ in range(4):
            await made.manager.models()
        await server.start(port=port)
        await made.manager.load(TINY)
        assert (await made.ask()).text == "Hello there."
