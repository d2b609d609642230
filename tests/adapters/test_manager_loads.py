"""The LLM manager loads one model at a time, and the newest wish counts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.errors import ModelFileError, ModelMissing, NoModel
from app.llm.state import Phase
from app.schema import Endpoint, ModelRef
from tests.adapters.asking import until
from tests.adapters.managing import LOCAL, Managed, Serve, managed
from tests.fakes.servers.http import FakeServer, Reply, as_json

MODELS = "/v1/models"
TINY = ModelRef("far", "tiny")


@pytest.fixture
async def server(serve: Serve) -> FakeServer:
    return await serve("tiny", "other")


@pytest.fixture
async def far(server: FakeServer) -> AsyncIterator[Managed]:
    """A manager that knows the server as `far`."""
    async with managed(Endpoint("far", "vllm", server.url)) as made:
        yield made


async def test_a_servers_model_takes_the_place_of_the_one_in_this_process(far: Managed) -> None:
    await far.manager.load(LOCAL)
    assert far.local.loaded == LOCAL.model
    await far.manager.load(TINY)
    assert far.local.loaded is None, "its memory was given back"
    assert far.manager.state.ref == TINY
    await far.manager.load(LOCAL)
    far.local.enqueue("From here")
    said = await far.ask()
    assert (said.text, said.finish.model) == ("From here", LOCAL)


async def test_a_failed_load_leaves_the_model_before_it(far: Managed) -> None:
    await far.manager.load(LOCAL)
    with pytest.raises(ModelMissing) as caught:
        await far.manager.load(ModelRef("far", "absent"))
    state = far.manager.state
    assert (state.phase, state.ref, state.error) == (Phase.READY, LOCAL, caught.value)
    assert far.local.loaded == LOCAL.model
    assert (await far.ask()).finish.model == LOCAL


async def test_a_failed_load_leaves_the_servers_model_before_it(far: Managed) -> None:
    await far.manager.load(TINY)
    far.local.load_error = ModelFileError("It is damaged.")
    with pytest.raises(ModelFileError):
        await far.manager.load(LOCAL)
    assert (far.manager.state.phase, far.manager.state.ref) == (Phase.READY, TINY)
    assert (await far.ask()).finish.model == TINY


async def slow_load(far: Managed, server: FakeServer) -> asyncio.Task[None]:
    """A load that waits for a server which has been asked and does not answer."""
    never = as_json({})
    never.wait = asyncio.Event()
    server.enqueue(MODELS, never)
    loading = asyncio.create_task(far.manager.load(TINY))
    await until(lambda: server.received)
    return loading


async def test_a_load_can_be_given_up(far: Managed, server: FakeServer) -> None:
    loading = await slow_load(far, server)
    await far.manager.cancel_load()
    with pytest.raises(NoModel, match="was not loaded"):
        await loading
    assert (far.manager.state.phase, far.manager.state.error) == (Phase.IDLE, None)
    await until(lambda: server.disconnects)


async def test_who_asks_during_a_load_of_the_model_waits_for_it(
    far: Managed, server: FakeServer
) -> None:
    held = asyncio.Event()
    server.changes[MODELS] = lambda reply: replace(reply, wait=held)
    far.manager.select(TINY)
    answer = asyncio.create_task(far.ask())
    await until(lambda: server.received)
    again = asyncio.create_task(far.manager.load(TINY))
    given_up = asyncio.create_task(far.manager.load(TINY))
    await asyncio.sleep(0)
    given_up.cancel()
    held.set()
    await again
    assert (await answer).finish.model == TINY
    assert len([one for one in server.received if one.path == MODELS]) == 1


async def test_who_asks_during_a_load_is_answered_by_the_model_that_takes_its_place(
    far: Managed, server: FakeServer
) -> None:
    never = as_json({})
    never.wait = asyncio.Event()
    server.enqueue(MODELS, never)
    far.manager.select(TINY)
    answer = asyncio.create_task(far.ask())
    await until(lambda: server.received)
    await far.manager.load(ModelRef("far", "other"))
    assert (await answer).finish.model == ModelRef("far", "other")


async def test_the_newest_load_wins(far: Managed, server: FakeServer) -> None:
    first = await slow_load(far, server)
    await far.manager.load(ModelRef("far", "other"))
    with pytest.raises(NoModel):
        await first
    assert far.manager.state.ref == ModelRef("far", "other")
    assert (await far.ask()).finish.model == ModelRef("far", "other")


async def test_of_two_wishes_during_a_load_the_later_one_counts(serve: Serve) -> None:
    servers = {name: await serve("tiny") for name in "abc"}
    never = asyncio.Event()

    def slow(server: FakeServer) -> None:
        server.changes[MODELS] = lambda reply: Reply(reply.body, wait=never)

    async with managed(*(Endpoint(name, "vllm", one.url) for name, one in servers.items())) as made:
        slow(servers["a"])
        loads = [asyncio.create_task(made.manager.load(ModelRef("a", "tiny")))]
        await asyncio.sleep(0.05)
        loads += [asyncio.create_task(made.manager.load(ModelRef(name, "tiny"))) for name in "bc"]
        await asyncio.wait(loads)
        assert [one.exception() is None for one in loads] == [False, False, True]
        assert made.manager.state.ref == ModelRef("c", "tiny")
        assert [str(state.ref) for state in made.states if state.loaded] == ["c:tiny"]
