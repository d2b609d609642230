"""Real engines, runners, databases, servers and keyrings for the tests of this tier."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import pytest
from keyring.backends.null import Keyring as NullKeyring

from app import core as cores
from app import gguf, paths
from app.llm.optimizer.machine import reading
from app.llm.optimizer.planning import plan
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.llama.engine import Engine
from app.schema import Endpoint, LoadPlan
from tests.adapters.asking import hello_server
from tests.adapters.managing import Managed, Serve, managed, serving
from tests.fakes import running
from tests.fakes.key_ring import MemoryKeyring, in_use
from tests.fakes.servers.http import FakeServer


def plan_for(path: Path, **changes: object) -> LoadPlan:
    made = plan(reading.read(), gguf.read(path))
    return dataclasses.replace(made, extra_buffers=False, **changes)  # type: ignore[arg-type]


def llama_alone(path: Path, prompt: str, **options: Any) -> dict[str, Any]:
    """What `llama_cpp.Llama` says greedily, without Hearth."""
    llama = llama_cpp.Llama(str(path), verbose=False, **options)
    answer: Any = llama(prompt, temperature=0, max_tokens=-1)
    llama.close()
    return {"text": answer["choices"][0]["text"], **answer["usage"]}


@pytest.fixture
def abort() -> AbortFlag:
    return AbortFlag()


@pytest.fixture
def engine(abort: AbortFlag) -> Iterator[Engine]:
    made = Engine(abort)
    yield made
    made.unload()


@pytest.fixture
def starter_file() -> Path:
    """The model that ships with Hearth."""
    return paths.resources() / "models" / "starter.gguf"


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[cores.Core]:
    """The core as the command line builds it, with its worker on a thread."""
    async with running.core(tmp_path / "home") as built:
        yield built


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with serving() as start:
        yield start


@pytest.fixture
async def first(serve: Serve) -> FakeServer:
    return await serve("tiny", says=("from ", "one"))


@pytest.fixture
async def second(serve: Serve) -> FakeServer:
    return await serve("tiny", says=("from ", "two"))


@pytest.fixture
async def both(first: FakeServer, second: FakeServer) -> AsyncIterator[Managed]:
    """A manager with two servers, `one` and `two`."""
    async with managed(
        Endpoint("one", "vllm", first.url), Endpoint("two", "jan", second.url)
    ) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """A server of OpenAI's dialect that says “Hello, world”, unless a file has its own."""
    async with hello_server() as started:
        yield started


@pytest.fixture
def closed_url() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    made = MemoryKeyring()
    with in_use(made):
        yield made


@pytest.fixture
def no_ring() -> Iterator[None]:
    with in_use(NullKeyring()):
        yield
