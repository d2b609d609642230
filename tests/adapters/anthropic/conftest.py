"""A server on loopback that speaks the Messages API, and the provider for it."""

from collections.abc import AsyncIterator

import pytest

from app.llm.providers.anthropic import AnthropicProvider
from tests.adapters.anthropic.asking import connected
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import FakeServer, running


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as made:
        fake.fill(made)
        yield made


@pytest.fixture
async def provider(server: FakeServer) -> AsyncIterator[AnthropicProvider]:
    async with connected(server) as made:
        yield made
