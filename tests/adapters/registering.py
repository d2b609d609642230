"""What the tests of the registry and of the one list of models share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app import net
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.kinds import makers
from app.llm.registry import ReadKey, Registry
from app.schema import Endpoint
from tests.fakes.servers.http import FakeServer

MODELS = "/v1/models"


class Keys:
    """A keyring that counts how often it is asked, and can be slow."""

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []
        self.slow: dict[str, asyncio.Event] = {}

    async def __call__(self, name: str) -> str:
        self.asked.append(name)
        if name in self.slow:
            await self.slow[name].wait()
        return self.keys.get(name, "")


@asynccontextmanager
async def opened(keys: ReadKey, *endpoints: Endpoint, **fixed: Any) -> AsyncIterator[Registry]:
    """A registry whose providers speak real HTTP."""
    registry = Registry(fixed, ProviderFactory(makers(net.OfflineLock())), keys)
    registry.configure_now(endpoints)
    try:
        yield registry
    finally:
        await registry.aclose()


def at(server: FakeServer, name: str = "far", kind: str = "vllm", **about: Any) -> Endpoint:
    return Endpoint(name, kind, server.url, **about)
