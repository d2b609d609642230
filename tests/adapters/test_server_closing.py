"""A provider that is closed, or a request that is cancelled, at any moment: no connection stays."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from app import net
from app.errors import BadReply, HearthError
from app.llm.providers import server as servers
from app.llm.providers.server import Server
from app.schema import Endpoint
from tests.adapters.asking import until
from tests.fakes.servers.http import FakeServer, Reply, as_json, running

STEPS = range(0, 40, 3)  # of the event loop: from before the connection until after the reply
PATH = "/v1/models"


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as made:
        made.route("GET", PATH, lambda _: as_json({"data": []}))
        yield made


async def begun(server: Server, steps: int) -> asyncio.Task[object]:
    """A request that has gone on for so many steps."""
    task: asyncio.Task[object] = asyncio.create_task(server.get(PATH))
    for _ in range(steps):
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_a_request_may_be_ended_at_any_moment(fake: FakeServer, how: str) -> None:
    warm = Server("It", Endpoint("it", "vllm", fake.url))
    await warm.get(PATH)  # what is slow the first time is done
    await warm.aclose()
    for steps in STEPS:
        server = Server("It", Endpoint("it", "vllm", fake.url))
        task = await begun(server, steps)
        if how == "cancel":
            task.cancel()
        else:
            await server.aclose()
        [said] = await asyncio.gather(task, return_exceptions=True)
        assert said == {"data": []} or isinstance(said, HearthError | asyncio.CancelledError)
        if how == "close":
            assert not isinstance(said, asyncio.CancelledError)  # nobody has cancelled the caller
        await server.aclose()
        await until(lambda: fake.open_connections == 0)


async def test_a_reply_without_end_is_given_up(
    fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    monkeypatch.setattr(servers, "LARGEST_REPLY", 1_000_000)
    fake.route("GET", PATH, lambda _: Reply(pieces=endless()))
    server = Server("It", Endpoint("it", "vllm", fake.url), lock=net.OfflineLock())
    with pytest.raises(BadReply, match="does not end"):
        await server.get(PATH)
    await server.aclose()
