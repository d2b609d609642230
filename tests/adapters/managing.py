"""What the tests of the LLM manager share: a manager over real servers, and whole answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app import net
from app.errors import HearthError
from app.llm.manager import LLMManager
from app.llm.providers import kinds
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.interface import Provider
from app.llm.registry import Registry
from app.llm.state import ModelState
from app.llm.usage import UsageLedger
from app.schema import Chunk, Endpoint, FoundServer, ModelRef, Request
from tests.adapters.asking import QUESTION, Said
from tests.fakes.provider import INFO, FakeProvider
from tests.fakes.servers import openai
from tests.fakes.servers.http import FakeServer, running

Serve = Callable[..., Awaitable[FakeServer]]
LOCAL = INFO.ref  # the model in this process
ONE, TWO = ModelRef("one", "tiny"), ModelRef("two", "tiny")  # those of the fixture `both`


@dataclass
class Managed:
    """A manager, its model in this process, and the servers that discovery finds."""

    manager: LLMManager
    local: FakeProvider
    found: list[FoundServer]
    states: list[ModelState] = field(default_factory=list)

    async def ask(self, *fallback: ModelRef, request: Request = QUESTION) -> Said:
        """The whole answer of the selected model, or of one of the fallback."""
        heard: list[Chunk] = []
        await self.hear(heard, *fallback, request=request)
        return Said(tuple(heard))

    async def hear(
        self, into: list[Chunk], *fallback: ModelRef, request: Request = QUESTION
    ) -> None:
        """Keeps what comes, also what comes before an error."""
        async with aclosing(self.manager.stream(request, fallback)) as stream:
            async for chunk in stream:
                into.append(chunk)  # noqa: PERF401 - one by one

    async def broken(self, *fallback: ModelRef) -> tuple[str, HearthError]:
        """What was said before the error, and the error."""
        heard: list[Chunk] = []
        with pytest.raises(HearthError) as caught:
            await self.hear(heard, *fallback)
        return "".join(chunk.text for chunk in heard), caught.value


@asynccontextmanager
async def managed(
    *endpoints: Endpoint,
    usage: UsageLedger | None = None,
    keys: dict[str, str] | None = None,
    dress: Callable[[Provider, Endpoint], Provider] = lambda provider, _endpoint: provider,
) -> AsyncIterator[Managed]:
    """A manager as the core builds it, but for the model in this process and the discovery."""
    local = FakeProvider()
    found: list[FoundServer] = []

    async def find() -> list[FoundServer]:
        return list(found)

    async def read_key(name: str) -> str:
        return (keys or {}).get(name, "")

    factory = ProviderFactory(kinds.makers(net.OfflineLock()), kinds.added_makers, dress)
    registry = Registry({LOCAL.provider: local}, factory, read_key)
    registry.configure_now(endpoints)
    made = Managed(LLMManager(registry, find, usage=usage), local, found)
    made.manager.subscribe(made.states.append)
    try:
        yield made
    finally:
        await made.manager.aclose()


@asynccontextmanager
async def serving() -> AsyncIterator[Serve]:
    """Starts servers with models by OpenAI's dialect; `says` and the like are among the details."""
    async with AsyncExitStack() as stack:

        async def start(*models: str, kind: str = "vllm", **details: Any) -> FakeServer:
            server = await stack.enter_async_context(running(FakeServer()))
            openai.fill(server, kind, models=models or ("tiny",), **details)
            return server

        yield start


async def whole(manager: LLMManager, request: Request = QUESTION) -> Said:
    """The whole answer of the selected model."""
    async with aclosing(manager.stream(request)) as stream:
        return Said(tuple([chunk async for chunk in stream]))
