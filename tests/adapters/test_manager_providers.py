"""The LLM manager over several providers: how each one stands, and what is meant by one alone."""

import asyncio

import pytest

from app.errors import NoModel
from app.llm import overview
from app.llm.providers.interface import Provider
from app.llm.providers.policies.breaker import CircuitBreaker
from app.schema import Endpoint, FoundServer, ModelRef
from tests.adapters.asking import until
from tests.adapters.managing import LOCAL, Managed, Serve, managed
from tests.fakes.servers.http import FakeServer, Reply, running
from tests.fakes.servers.ollama import Ollama


async def test_how_each_provider_stands(first: FakeServer, second: FakeServer) -> None:
    async with running(FakeServer()) as server:
        Ollama(server).add("qwen:latest")
        configured = [
            Endpoint("one", "vllm", first.url, title="My box"),
            Endpoint("two", "jan", second.url),
            Endpoint("openai", "openai"),
            Endpoint("odd", "odd"),
        ]
        await second.stop()
        async with managed(*configured) as made:
            made.found.append(FoundServer("Ollama", server.url, "ollama"))
            await made.manager.servers()
            standing = {one.name: one for one in await made.manager.providers()}
    assert list(standing) == ["fake", "ollama", "one", "two", "openai", "odd"]
    works = {name: one.health.works for name, one in standing.items()}
    assert works == {name: name in ("fake", "one", "ollama") for name in standing}

    one = standing["one"]
    assert (one.title, one.kind, one.url) == ("My box", "vllm", first.url)
    assert one.health.version == "1.2.3"
    assert [str(model.ref) for model in one.models] == ["one:tiny"]
    assert (one.is_found, one.is_cloud) == (False, False)
    assert one.abilities == {"embed"}

    ollama = standing["ollama"]
    assert (ollama.title, ollama.is_found) == ("Ollama", True)
    assert ollama.abilities == {"embed", "load", "pull", "delete"}

    assert standing["two"].health.message.startswith("Jan does not answer at ")
    assert (standing["two"].title, standing["two"].models) == ("Jan", ())

    openai = standing["openai"]
    assert openai.health.message == "OpenAI needs a key."
    assert (openai.is_cloud, openai.url) == (True, "https://api.openai.com/v1")

    assert "no provider of the kind “odd”" in standing["odd"].health.message
    assert (standing["fake"].title, standing["fake"].url) == ("Fake", "")


async def test_a_provider_that_is_silent_is_not_waited_for(
    both: Managed, first: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Reply(wait=asyncio.Event())
    first.enqueue("/health", silent)
    monkeypatch.setattr(overview, "WAIT_SECONDS", 0.3)
    one = next(it for it in await both.manager.providers() if it.name == "one")
    assert (one.health.works, one.health.message) == (False, "It does not answer in time.")
    assert one.title == "vLLM"
    assert one.abilities == {"embed"}
    await until(lambda: first.disconnects)


async def test_a_provider_that_answers_again_stands_well_at_once(first: FakeServer) -> None:
    def dress(inner: Provider, _endpoint: Endpoint) -> Provider:
        return CircuitBreaker(inner)

    async with managed(Endpoint("one", "vllm", first.url), dress=dress) as made:
        port = first.port
        await first.stop()
        for _ in range(3):
            await made.manager.models()
        assert not (await made.manager.providers())[1].health.works
        await first.start(port=port)
        assert (await made.manager.providers())[1].health.works


async def test_a_provider_alone_means_its_default_model(serve: Serve) -> None:
    several, one = await serve("a", "b"), await serve("only")
    at = Endpoint("several", "vllm", several.url)
    chosen = Endpoint("chosen", "vllm", several.url, default_model="b")
    async with managed(at, chosen, Endpoint("one", "vllm", one.url)) as made:
        assert await made.manager.default_model("chosen") == ModelRef("chosen", "b")
        assert await made.manager.default_model("one") == ModelRef("one", "only")
        with pytest.raises(NoModel, match="has several models") as caught:
            await made.manager.default_model("several")
        assert "several:a, several:b" in caught.value.remedy


async def test_a_server_that_is_switched_off_is_neither_asked_nor_found(serve: Serve) -> None:
    server = await serve("tiny")
    off = Endpoint("own", "vllm", server.url, is_enabled=False)
    async with managed(off) as made:
        made.found.append(FoundServer("vLLM", server.url, "vllm"))
        await made.manager.servers()
        assert [one.ref.provider for one in await made.manager.models()] == [LOCAL.provider]
        *_, last = await made.manager.providers()
        assert (last.name, last.is_enabled, last.health.works) == ("own", False, False)
    assert server.received == []
