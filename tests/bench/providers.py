"""Streams through the HTTP providers beside plain httpx, lists, discovery, the watch, and Stop.

The servers run in another process; what is compared reads the same bytes from them in turns. The
processor's time says more than the clock where other programs run.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from app import net
from app.llm.discovery import addresses, service, watch
from app.llm.manager import LLMManager
from app.llm.providers import kinds
from app.llm.providers.factory import ProviderFactory
from app.llm.providers.interface import Provider
from app.llm.registry import Registry
from app.schema import Endpoint, Message, Request, Role
from tests.bench.effort import CANCELS, CHUNKS, LOOKS, STREAMS
from tests.bench.result import Result, median
from tests.bench.stream_server import GONE, KINDS, LISTED, RATE, case_of

ROOT = Path(__file__).parents[2]
QUESTION = Request((Message(Role.USER, "Say hello."),))
DEAD = 3  # servers that refuse, and as many that never answer
TITLES = {
    "openai-compatible": "OpenAI's dialect",
    "ollama": "Ollama",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
}
BASELINE = "httpx alone"
Ports = dict[str, int]
Read = Callable[[], Awaitable[None]]


async def measure() -> list[Result]:
    """All results."""
    with _servers() as ports:
        results = [*await _discovery(), await _list(ports)]
        for kind in KINDS:
            results += await _streams(kind, ports)
        return [*results, await _cancels(ports), await _watch()]


@contextmanager
def _servers() -> Iterator[Ports]:
    command = [sys.executable, "-m", "tests.bench.stream_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


@dataclass
class _Samples:
    """Of several readings of one stream: seconds by the clock, and of the processor."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    async def add(self, read: Read) -> None:
        """Reads the stream once more."""
        began, used = time.perf_counter(), time.process_time()
        await read()
        self.processor.append(time.process_time() - used)
        self.clock.append(time.perf_counter() - began)

    @property
    def rates(self) -> list[float]:
        """Chunks per second."""
        return [CHUNKS / seconds for seconds in self.clock]

    @property
    def cost(self) -> float:
        """Milliseconds of the processor for 1,000 chunks."""
        return median(self.processor) * 1e6 / CHUNKS


async def _streams(kind: str, ports: Ports) -> list[Result]:
    """What the provider's stream costs beside httpx alone, at a pace and as fast as it goes."""
    paced = await _beside_httpx(kind, ports[f"{kind} paced"])
    fast = await _beside_httpx(kind, ports[f"{kind} fast"])
    ratio = median(paced[0].rates) / median(paced[1].rates)
    title = TITLES[kind]
    pace = replace(
        _rate(f"{title}: a stream of {RATE:,} chunks/s", *paced),
        goal="0.9 or more",
        reached=ratio >= 0.9,
    )
    return [
        pace,
        _cost(f"{title}: the processor for 1,000 chunks at that pace", *paced),
        _rate(f"{title}: a stream as fast as it can be read", *fast),
        _cost(f"{title}: the processor for 1,000 chunks of that", *fast),
    ]


def _rate(name: str, hearth: _Samples, alone: _Samples) -> Result:
    samples = tuple(hearth.rates)
    return Result(name, median(samples), "chunks/s", median(alone.rates), BASELINE, samples=samples)


def _cost(name: str, hearth: _Samples, alone: _Samples) -> Result:
    return Result(name, hearth.cost, "ms", alone.cost, BASELINE)


async def _beside_httpx(kind: str, port: int) -> tuple[_Samples, _Samples]:
    """The provider's readings, and httpx's."""
    case, url = case_of(kind), f"http://127.0.0.1:{port}"
    hearth, alone = _Samples(), _Samples()
    async with (
        case.provider(url) as provider,
        httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as client,
    ):

        async def read() -> None:
            said = 0
            async with aclosing(provider.stream(case.model, QUESTION)) as chunks:
                async for chunk in chunks:
                    said += chunk.tokens
            assert said >= CHUNKS

        async def read_alone() -> None:
            async with client.stream("POST", case.path, json={}) as response:
                pieces = 0
                async for _ in response.aiter_bytes():
                    pieces += 1
            assert pieces >= CHUNKS

        for number in range(STREAMS + 1):
            samples = (hearth, alone) if number else (_Samples(), _Samples())  # to warm up
            await samples[0].add(read)
            await samples[1].add(read_alone)
    return hearth, alone


async def _list(ports: Ports) -> Result:
    """The models of twelve servers, of which six are dead in two ways."""
    with _dead() as (refusing, silent):
        endpoints = [
            *(Endpoint(kind, kind, _url(ports[f"{kind} listed"])) for kind in LISTED),
            *(Endpoint(f"dead-{port}", "vllm", _url(port)) for port in (*refusing, *silent)),
        ]
        times = []
        for _ in range(STREAMS):
            manager = _manager(endpoints)
            began = time.perf_counter()
            models = await manager.models()
            times.append(time.perf_counter() - began)
            assert {model.ref.provider for model in models} == set(LISTED)
            await manager.aclose()
    return Result(
        f"list of the models of {len(endpoints)} servers, {2 * DEAD} of them dead",
        median(times),
        "s",
        goal="below 2",
        reached=max(times) < 2,
        samples=tuple(times),
    )


def _manager(endpoints: Sequence[Endpoint]) -> LLMManager:
    registry = Registry({}, ProviderFactory(kinds.makers(net.OfflineLock())))
    registry.configure_now(endpoints)
    return LLMManager(registry)


async def _discovery() -> list[Result]:
    """The search for servers where nothing listens, and where something never answers."""
    free = _free_ports(len(addresses.PORTS))
    with _dead() as (_, silent):
        searches = (("where nothing listens", free, 0.3), ("where one never answers", silent, 2.0))
        results = []
        for where, ports, limit in searches:
            times = []
            for _ in range(STREAMS):
                began = time.perf_counter()
                found = await service.find(ports)
                times.append(time.perf_counter() - began)
                assert not found
            results.append(
                Result(
                    f"search for servers {where}",
                    median(times),
                    "s",
                    goal=f"below {limit:g}",
                    reached=max(times) < limit,
                    samples=tuple(times),
                )
            )
    return results


async def _watch() -> Result:
    """What the watch for servers costs in an hour without news, as a share of it."""
    watcher = watch.Watcher(service.find, lambda *_: None)
    for _ in range(watch.MORE_TRIES + 1):  # whatever listens here is asked who it is
        await watcher._look(asks=False)
    used = time.process_time()
    for _ in range(LOOKS):
        await watcher._look(asks=False)
    seconds = (time.process_time() - used) / LOOKS
    at, pause, looks = 0.0, watch.SECONDS, 0
    while at < 3600:
        pause = min(2 * pause, watch.SLOWEST_SECONDS)
        at += pause
        looks += 1
    share = seconds * looks / 36
    return Result(
        f"processor of the watch for servers, {looks} looks in an hour",
        share,
        "% of a core",
        goal="below 0.1",
        reached=share < 0.1,
    )


async def _cancels(ports: Ports) -> Result:
    """From the wish to stop until the server sees the connection close; the slowest dialect."""
    times: dict[str, list[float]] = {}
    for kind in KINDS:
        case, url = case_of(kind), _url(ports[f"{kind} endless"])
        async with case.provider(url) as provider, httpx.AsyncClient(trust_env=False) as client:
            times[kind] = [
                await _cancel(provider, case.model, client, url + GONE) for _ in range(CANCELS)
            ]
    slowest = max(times.values(), key=median)
    return Result(
        f"a server sees that a stream was stopped, median of {CANCELS} by the slowest dialect",
        median(slowest) * 1000,
        "ms",
        goal="below 200",
        reached=median(slowest) < 0.2,
        samples=tuple(slowest),
    )


async def _cancel(provider: Provider, model: str, client: httpx.AsyncClient, gone: str) -> float:
    stream = provider.stream(model, QUESTION)
    said = 0
    async for chunk in stream:
        said += chunk.tokens
        if said == 3:
            break
    began = time.monotonic()
    await stream.aclose()
    while True:
        seen = [at for at in (await client.get(gone)).json() if at >= began]
        if seen:
            return float(seen[0]) - began
        await asyncio.sleep(0.001)


@contextmanager
def _dead() -> Iterator[tuple[list[int], list[int]]]:
    """Ports that refuse, and ports that accept and never answer."""
    with ExitStack() as stack:
        silent = [_listening(stack) for _ in range(DEAD)]
        yield _free_ports(DEAD), silent


def _listening(stack: ExitStack) -> int:
    return int(stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1])


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with ExitStack() as stack:
        return [_listening(stack) for _ in range(count)]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
