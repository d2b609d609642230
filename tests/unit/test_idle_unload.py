"""A model that nobody asks is unloaded after the time that was set, and never while it answers."""

import asyncio

import pytest

from app.llm.idle import IdleUnload
from app.llm.manager import LLMManager
from app.llm.registry import Registry
from app.llm.state import Phase
from app.schema import Message, Request, Role
from tests.fakes.provider import INFO, FakeProvider

HELLO = Request((Message(Role.USER, "Hello"),))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def manager(provider: FakeProvider) -> LLMManager:
    return LLMManager(Registry({"fake": provider}))


async def test_an_idle_model_is_unloaded_and_comes_back(
    manager: LLMManager, provider: FakeProvider
) -> None:
    clock = Clock()
    idle = IdleUnload(manager, lambda: 5, clock=clock)
    await manager.load(INFO.ref)
    clock.now = 4 * 60
    await idle.look()
    assert provider.loaded
    clock.now = 5 * 60
    await idle.look()
    assert provider.loaded is None
    assert manager.state.phase is Phase.IDLE
    assert manager.state.ref == INFO.ref
    answer = [chunk async for chunk in manager.stream(HELLO)]
    assert answer[-1].finish is not None
    assert provider.loaded
    await idle.aclose()


async def test_an_answer_counts_from_its_end(manager: LLMManager, provider: FakeProvider) -> None:
    clock, hold = Clock(), asyncio.Event()
    idle = IdleUnload(manager, lambda: 5, clock=clock)
    await manager.load(INFO.ref)
    provider.enqueue("slow", hold=hold)
    chunks = manager.stream(HELLO)
    await anext(chunks)
    clock.now = 60 * 60
    await idle.look()
    assert provider.loaded
    hold.set()
    async for _ in chunks:
        pass
    clock.now += 4 * 60
    await idle.look()
    assert provider.loaded
    clock.now += 60
    await idle.look()
    assert provider.loaded is None
    await idle.aclose()


async def test_never_is_the_default(manager: LLMManager, provider: FakeProvider) -> None:
    clock = Clock()
    idle = IdleUnload(manager, lambda: 0, look=0.001, clock=clock)
    idle.start()
    await manager.load(INFO.ref)
    clock.now = 10**9
    await asyncio.sleep(0.02)
    assert provider.loaded
    await idle.aclose()
