"""The one list of all models, over real servers that answer late, never or no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.errors import ProviderError, Unreachable
from app.llm.model_list import ModelList
from app.llm.registry import Registry
from app.schema import Endpoint, ModelInfo
from tests.adapters.asking import until
from tests.adapters.managing import Serve
from tests.adapters.registering import MODELS, Keys, at, opened
from tests.fakes.provider import FakeProvider
from tests.fakes.servers.http import FakeServer, Reply, as_json


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with opened(Keys(), local=FakeProvider()) as made:
        yield made


@pytest.fixture
async def server(registry: Registry, serve: Serve) -> FakeServer:
    """A server with the model `a`, set up as `far`."""
    made = await serve("a")
    await registry.configure([at(made)])
    return made


def refs(models: list[ModelInfo], *, stale: bool | None = None) -> list[str]:
    return [str(model.ref) for model in models if stale in (None, model.is_stale)]


def late(*names: str, until: asyncio.Event | None = None) -> Reply:
    """A list that does not come before the event, or never."""
    reply = as_json({"data": [{"id": name} for name in names]})
    reply.wait = until or asyncio.Event()
    return reply


@asynccontextmanager
async def reading(registry: Registry, wait: float = 20.0) -> AsyncIterator[ModelList]:
    """`wait` is only used up where a server never answers."""
    made = ModelList(registry, wait)
    try:
        yield made
    finally:
        await made.aclose()


async def test_twelve_endpoints_of_which_six_are_dead_are_listed_within_the_wait(
    registry: Registry, serve: Serve, closed_url: str
) -> None:
    never = asyncio.Event()
    alive = [await serve(f"m{number}") for number in range(6)]
    silent = [await serve() for _ in range(3)]
    for server in silent:
        server.enqueue(MODELS, late(until=never))
    endpoints = [at(server, f"alive-{number}") for number, server in enumerate(alive)]
    endpoints += [at(server, f"silent-{number}") for number, server in enumerate(silent)]
    endpoints += [Endpoint(f"dead-{number}", "vllm", closed_url) for number in range(3)]
    await registry.configure(endpoints)
    await (await registry.get("alive-0")).list_models()  # the first client ever takes its time
    async with reading(registry, wait=2.0) as models:
        found = await models.read()
        assert refs(found, stale=False) == [
            "fake:/models/fake.gguf",
            *(f"alive-{number}:m{number}" for number in range(6)),
        ]
        assert refs(found, stale=True) == []
        errors = {name: type(one.error) for name, one in models.listings.items() if one.error}
        assert errors == {f"dead-{number}": Unreachable for number in range(3)}
        assert not never.is_set(), "nobody waited for the silent ones"


async def test_a_late_one_is_stale_with_what_it_said_before(
    registry: Registry, serve: Serve
) -> None:
    server = await serve("a", "b")
    await registry.configure([at(server)])
    async with reading(registry) as patient:
        await patient.read()
        patient._wait = 0.2
        answers = asyncio.Event()
        server.enqueue(MODELS, late("a", "c", until=answers))
        for _ in range(2):  # it is not asked twice
            found = await patient.read()
            assert refs(found, stale=True) == ["far:a", "far:b"]
            assert refs(found, stale=False) == ["fake:/models/fake.gguf"]
        assert len(server.received) == 2
        answers.set()
        patient._wait = 20.0
        assert refs(await patient.read(), stale=False)[1:] == ["far:a", "far:c"]
        assert len(server.received) == 2


async def test_a_server_that_went_away_is_stale_until_it_is_back(
    registry: Registry, server: FakeServer
) -> None:
    async with reading(registry) as models:
        assert refs(await models.read(), stale=False)[1:] == ["far:a"]
        port = server.port
        await server.stop()
        assert refs(await models.read(), stale=True) == ["far:a"]
        kept = models.listings["far"]
        assert isinstance(kept.error, ProviderError)
        assert kept.error.may_pass
        assert [model.name for model in kept.models] == ["a"]
        await server.start(port=port)
        assert refs(await models.read(), stale=False)[1:] == ["far:a"]
        assert models.listings["far"].error is None


async def test_one_that_is_gone_from_the_settings_is_gone_from_the_list(
    registry: Registry, server: FakeServer
) -> None:
    async with reading(registry) as models:
        await models.read()
        await registry.configure([])
        assert refs(await models.read()) == ["fake:/models/fake.gguf"]
        assert list(models.listings) == ["local"]


async def test_a_new_address_is_asked_though_the_old_one_has_not_answered(
    registry: Registry, serve: Serve
) -> None:
    silent, server = await serve(), await serve("new")
    silent.enqueue(MODELS, late("old"))
    await registry.configure([at(silent)])
    async with reading(registry, wait=0.2) as models:
        assert refs(await models.read())[1:] == []
        await registry.configure([at(server)])
        models._wait = 20.0
        assert refs(await models.read(), stale=False)[1:] == ["far:new"]
        await until(lambda: silent.disconnects)


async def test_the_end_gives_up_who_has_not_answered(registry: Registry, serve: Serve) -> None:
    silent = await serve()
    silent.enqueue(MODELS, late())
    await registry.configure([at(silent)])
    async with reading(registry, wait=0.2) as models:
        await models.read()
    await until(lambda: silent.disconnects)


async def test_no_provider_is_an_empty_list() -> None:
    async with opened(Keys()) as registry, reading(registry) as models:
        assert await models.read() == []
