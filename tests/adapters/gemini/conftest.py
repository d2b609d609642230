"""A server on loopback that speaks the generateContent API, and the provider for it."""

from collections.abc import AsyncIterator

import pytest

from app.llm.providers.gemini import GeminiProvider
from tests.adapters.gemini.asking import connected
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import FakeServer, running


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as made:
        fake.fill(made)
        yield made


@pytest.fixture
async def provider(server: FakeServer) -> AsyncIterator[GeminiProvider]:
    async with connected(server) as made:
        yield made
