"""A server on loopback that speaks Ollama's API, and the provider for it."""

from collections.abc import AsyncIterator

import pytest

from app.llm.providers.ollama import OllamaProvider
from tests.adapters.ollama.asking import NAME, connected
from tests.fakes.servers.http import FakeServer, running
from tests.fakes.servers.ollama import Ollama


@pytest.fixture
async def ollama() -> AsyncIterator[Ollama]:
    async with running(FakeServer()) as server:
        made = Ollama(server)
        made.add(NAME)
        yield made


@pytest.fixture
async def provider(ollama: Ollama) -> AsyncIterator[OllamaProvider]:
    async with connected(ollama) as made:
        yield made
