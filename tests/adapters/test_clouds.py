"""What the clouds with a dialect of their own have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app import net
from app.errors import Misconfigured, Unreachable, Unsupported
from app.llm.providers import kinds
from app.llm.providers.interface import Provider
from app.schema import Endpoint, Request
from tests.adapters.dialects import Asking
from tests.adapters.provider_cases import CASES, Case
from tests.fakes.servers.http import FakeServer, Reply, running

CLOUDS = [case for case in CASES if case.kind in ("anthropic", "gemini")]
pytestmark = pytest.mark.parametrize("case", CLOUDS, ids=lambda case: case.kind)


@asynccontextmanager
async def connected(case: Case) -> AsyncIterator[tuple[FakeServer, Provider]]:
    async with running(FakeServer()) as server:
        case.fill(server)
        async with case.provider(server.url) as provider:
            yield server, provider


async def test_offline_nothing_leaves_this_computer(case: Case) -> None:
    lock = net.OfflineLock()
    lock.closed = True
    provider = kinds.makers(lock)[case.kind](Endpoint("far", case.kind, key="k"))
    await Asking(case.model).broken(provider, Misconfigured)
    assert not (await provider.health()).works
    await provider.aclose()


async def test_a_raw_text_is_refused(case: Case) -> None:
    async with connected(case) as (server, provider):
        with pytest.raises(Unsupported, match="messages only"):
            await Asking(case.model).answer(provider, Request(raw="Once upon"))
        assert server.received == []


async def test_a_redirect_is_not_followed(case: Case) -> None:
    async with connected(case) as (server, provider):
        server.enqueue(case.path, Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}))
        await Asking(case.model).broken(provider, Misconfigured)


async def test_a_server_that_is_away(case: Case) -> None:
    async with connected(case) as (server, provider):
        await server.stop()
        await Asking(case.model).broken(provider, Unreachable)
        assert "does not answer" in (await provider.health()).message
