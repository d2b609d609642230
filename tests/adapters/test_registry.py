"""Which providers there are, over real servers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.errors import HearthError, Misconfigured, NoModel
from app.llm.providers.openai import OpenAIProvider
from app.llm.registry import Registry
from app.schema import Endpoint, FoundServer
from tests.adapters.asking import PATIENCE, until
from tests.adapters.managing import Serve
from tests.adapters.registering import MODELS, Keys, at, opened
from tests.fakes.provider import FakeProvider

KEY = "sk-0123456789"


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
async def registry(keys: Keys) -> AsyncIterator[Registry]:
    async with opened(keys, local=FakeProvider()) as made:
        yield made


async def test_hearths_own_come_first_and_unknown_ones_are_named(registry: Registry) -> None:
    await registry.configure([Endpoint("b", "vllm"), Endpoint("a", "ollama")])
    assert registry.names() == ["local", "b", "a"]
    assert await registry.get("local") is registry.fixed("local")
    with pytest.raises(NoModel, match=r"no provider called “c”. Known are: local, b, a\."):
        await registry.get("c")


async def test_a_provider_of_an_unknown_kind_is_an_error_of_its_own(registry: Registry) -> None:
    await registry.configure([Endpoint("odd", "odd"), Endpoint("a", "ollama")])
    with pytest.raises(HearthError, match="no provider of the kind “odd”"):
        await registry.get("odd")
    assert (await registry.get("a")).title == "Ollama"


async def test_a_cloud_without_its_key_says_so_until_it_has_one(
    registry: Registry, keys: Keys
) -> None:
    await registry.configure([Endpoint("openai", "openai")])
    with pytest.raises(Misconfigured, match="OpenAI needs a key"):
        await registry.get("openai")
    keys.keys["openai"] = KEY
    assert (await registry.get("openai")).title == "OpenAI"


async def test_a_key_is_read_once_and_sent(registry: Registry, keys: Keys, serve: Serve) -> None:
    server = await serve()
    keys.keys["far"] = KEY
    keys.slow["far"] = asyncio.Event()
    await registry.configure([at(server)])
    asking = [asyncio.create_task(registry.get("far")) for _ in range(3)]
    await until(lambda: keys.asked)
    keys.slow["far"].set()
    first, *others = await asyncio.gather(*asking)
    assert [provider is first for provider in others] == [True, True]
    for _ in range(2):
        await (await registry.get("far")).list_models()
    assert keys.asked == ["far"]
    assert server.last(MODELS).headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(registry.endpoints)


async def test_a_keyring_that_thinks_holds_up_its_own_provider_alone(
    registry: Registry, keys: Keys
) -> None:
    keys.slow["slow"] = asyncio.Event()
    await registry.configure([Endpoint("slow", "vllm"), Endpoint("quick", "vllm")])
    waiting = asyncio.create_task(registry.get("slow"))
    await until(lambda: keys.asked)
    async with asyncio.timeout(PATIENCE):
        assert (await registry.get("quick")).title == "vLLM"
    assert not waiting.done()
    keys.slow["slow"].set()
    assert (await waiting).title == "vLLM"


async def test_what_was_only_found_is_given_no_key(
    registry: Registry, keys: Keys, serve: Serve
) -> None:
    server = await serve()
    keys.keys["vllm"] = KEY
    await registry.take_found([FoundServer("vLLM", server.url, "vllm")])
    await (await registry.get("vllm")).list_models()
    assert "authorization" not in server.last(MODELS).headers
    assert keys.asked == []


async def test_found_servers_come_and_go(registry: Registry, serve: Serve) -> None:
    server, other = await serve(), await serve()
    await registry.configure([Endpoint("mine", "ollama", "http://gpu.example:11434")])
    one, two = (FoundServer("vLLM", it.url, "vllm", version="1") for it in (server, other))
    await registry.take_found([one, two, FoundServer("Something", "http://127.0.0.1:9", "")])
    assert registry.names() == ["local", "vllm", "vllm-2", "mine"]
    assert [registry.is_found(name) for name in registry.names()] == [False, True, True, False]
    kept, lost = await registry.get("vllm"), await registry.get("vllm-2")
    await lost.list_models()
    assert other.open_connections == 1

    await registry.take_found([FoundServer("vLLM", server.url, "vllm", version="2")])
    assert registry.names() == ["local", "vllm", "mine"]
    assert await registry.get("vllm") is kept, "it is still the same server"
    await until(lambda: other.open_connections == 0)
    with pytest.raises(NoModel):
        await registry.get("vllm-2")


async def test_a_found_name_gives_way_to_a_configured_one(registry: Registry, serve: Serve) -> None:
    server = await serve()
    await registry.configure([Endpoint("vllm", "vllm", "http://gpu.example:8000")])
    await registry.take_found([FoundServer("vLLM", server.url, "vllm")])
    assert {name: one.url for name, one in registry.endpoints.items()} == {
        "vllm": "http://gpu.example:8000",
        "vllm-2": server.url,
    }
    assert not registry.is_found("vllm")


@pytest.mark.parametrize(
    "configured",
    [
        Endpoint("mine", "ollama"),  # at its usual address
        Endpoint("mine", "ollama", "http://127.0.0.1:11434/"),
        Endpoint("mine", "ollama", "localhost:11434"),
        Endpoint("mine", "ollama", "localhost"),  # Ollama's own port
        Endpoint("mine", "openai-compatible", "http://127.0.0.1:11434/v1"),
    ],
    ids=lambda endpoint: f"{endpoint.kind} {endpoint.url}",
)
async def test_what_is_configured_is_not_doubled(registry: Registry, configured: Endpoint) -> None:
    await registry.configure([configured])
    await registry.take_found(
        [
            FoundServer("Ollama", "http://127.0.0.1:11434", "ollama"),
            FoundServer("vLLM", "http://[::1]:8000", "vllm"),
        ]
    )
    assert registry.names() == ["local", "vllm", "mine"]


async def test_what_changed_is_made_anew_and_the_old_one_closed(
    registry: Registry, keys: Keys, serve: Serve
) -> None:
    changed, gone, same = [await serve() for _ in range(3)]
    endpoints = [at(changed, "changed"), at(gone, "gone"), at(same, "same")]
    await registry.configure(endpoints)
    before = {}
    for name in ("changed", "gone", "same"):
        before[name] = await registry.get(name)
        await before[name].list_models()
    assert [server.open_connections for server in (changed, gone, same)] == [1, 1, 1]

    moved = await serve("other")
    await registry.configure([at(moved, "changed"), at(same, "same")])
    await until(lambda: changed.open_connections == gone.open_connections == 0)
    assert same.open_connections == 1
    assert await registry.get("same") is before["same"]
    after = await registry.get("changed")
    assert after is not before["changed"]
    assert [model.name for model in await after.list_models()] == ["other"]
    assert keys.asked == ["changed", "gone", "same", "changed"]


async def test_a_new_key_is_used_once_the_old_provider_is_forgotten(
    registry: Registry, keys: Keys, serve: Serve
) -> None:
    server = await serve()
    await registry.configure([at(server)])
    await (await registry.get("far")).list_models()
    assert "authorization" not in server.last(MODELS).headers
    keys.keys["far"] = KEY
    await registry.forget("far")
    await registry.forget("nobody")
    await until(lambda: server.open_connections == 0)
    await (await registry.get("far")).list_models()
    assert server.last(MODELS).headers["authorization"] == f"Bearer {KEY}"


async def test_an_address_that_changes_while_the_key_is_read_counts(
    registry: Registry, keys: Keys
) -> None:
    keys.slow["far"] = asyncio.Event()
    await registry.configure([Endpoint("far", "vllm", "http://old.example")])
    waiting = asyncio.create_task(registry.get("far"))
    await until(lambda: keys.asked)
    await registry.configure([Endpoint("far", "vllm", "http://new.example")])
    keys.slow["far"].set()
    provider = await waiting
    assert isinstance(provider, OpenAIProvider)
    assert provider.endpoint.url == "http://new.example"


async def test_the_names_of_hearths_own_providers_are_taken(registry: Registry) -> None:
    await registry.configure([Endpoint("local", "vllm"), Endpoint("far", "vllm")])
    assert registry.names() == ["local", "far"]
    assert await registry.get("local") is registry.fixed("local")


async def test_the_end_closes_every_connection(keys: Keys, serve: Serve) -> None:
    server, found = await serve(), await serve()
    local = FakeProvider(loaded="m")
    async with opened(keys, at(server), local=local) as registry:
        await registry.take_found([FoundServer("vLLM", found.url, "vllm")])
        for name in ("far", "vllm"):
            await (await registry.get(name)).list_models()
        assert (server.open_connections, found.open_connections) == (1, 1)
    await until(lambda: server.open_connections == found.open_connections == 0)
    assert local.loaded is None


async def test_a_found_server_keeps_its_name_while_others_come_and_go(
    registry: Registry, serve: Serve
) -> None:
    one, two = await serve("a"), await serve("b")
    first, second = (FoundServer("vLLM", server.url, "vllm") for server in (one, two))
    await registry.take_found([first, second])
    await registry.take_found([second])
    assert {name: each.url for name, each in registry.endpoints.items()} == {"vllm-2": two.url}
    await registry.take_found([first, second])
    assert registry.endpoints["vllm"].url == one.url
    assert registry.endpoints["vllm-2"].url == two.url


async def test_a_found_server_that_is_set_up_now_is_not_doubled_until_the_next_look(
    registry: Registry, serve: Serve
) -> None:
    server = await serve("a")
    await registry.take_found([FoundServer("vLLM", server.url, "vllm")])
    await registry.configure([at(server, "mine")])
    assert list(registry.endpoints) == ["mine"]
    await registry.configure([])
    assert list(registry.endpoints) == ["vllm"]
