"""Model servers are known by what they say, on real loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import httpx  # noqa: F401 - imported here, so that no deadline below has to bear it
import pytest

from app.llm.discovery import probes, service
from app.llm.discovery.addresses import Address
from app.llm.providers.profiles import PROFILES
from app.schema import FoundServer
from tests.adapters.sayings import (
    LM_STUDIO_ELSE,
    PROBED,
    SAYINGS,
    models,
    server_with,
    text,
    unauthorised,
)
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, running

TRIES = 20  # of finding two ports that are free together


@contextlib.asynccontextmanager
async def running_on(server: FakeServer, host: str) -> AsyncIterator[FakeServer]:
    await server.start(host)
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def running_both(
    first: FakeServer, second: FakeServer, host: str = "127.0.0.1", above: int = 0
) -> AsyncIterator[FakeServer]:
    """Both servers, the second at this host and so many ports above the first.

    The first takes any free port. Where the second's is taken, both try elsewhere.
    """
    for _ in range(TRIES):
        async with running(first):
            try:
                await second.start(host, first.port + above)
            except (OSError, OverflowError):
                continue
            try:
                yield first
            finally:
                await second.stop()
            return
    pytest.fail(f"no two ports that go together were free in {TRIES} tries")


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@pytest.mark.parametrize("saying", SAYINGS)
async def test_each_server_is_known(saying: str) -> None:
    kind, version, needs_key, make = SAYINGS[saying]
    async with running(make()) as server:
        assert await service.find([server.port]) == [
            FoundServer(probes.NAMES[kind], server.url, kind, version, needs_key)
        ]


def test_every_kind_is_a_providers_and_every_provider_on_a_port_is_known() -> None:
    elsewhere = {"openai-compatible"} | {
        kind for kind, profile in PROFILES.items() if profile.is_cloud
    }
    assert set(probes.NAMES) - {"ollama"} == set(PROFILES) - elsewhere - {"ollama"}
    assert {*probes.OWNERS.values(), *probes.VERSIONS} <= set(probes.NAMES)


@pytest.mark.parametrize(
    "make",
    [
        lambda: server_with({}),
        lambda: server_with({"/": text("OK")}),  # any small server may say that
        lambda: server_with({}, as_json(LM_STUDIO_ELSE)),  # 200 to everything, and no greeting
        lambda: server_with({}, text("<html>Welcome</html>")),
        lambda: server_with(
            {
                "/v1/models": {"data": [7]},
                "/props": text("[1]"),
                "/": text("\x00\udcff".encode("utf-8", "replace").decode()),
                "/version": text("[" * 100_000),
            }
        ),
        lambda: server_with({"/v1/models": models("somebody")}),
        lambda: server_with({"/version": {"version": "1"}}, name="uvicorn"),  # any small API
        lambda: server_with({}, unauthorised({"error": "Unauthorized"})),
        lambda: server_with({"/": text("x" * 3_000_000)}),
        lambda: server_with({}, Reply(b"", 302, headers={"Location": "http://127.0.0.1:1/"})),
        lambda: server_with({"/": Reply(b"Ollama is running", cut=True)}),
    ],
    ids=["404", "OK", "200", "html", "garbage", "unknown", "api", "401", "huge", "302", "cut"],
)
async def test_what_is_no_model_server_is_not_found(make: Callable[[], FakeServer]) -> None:
    async with running(make()) as server:
        assert await service.find([server.port]) == []
        assert {request.path for request in server.received} >= set(PROBED)


async def test_whoever_answers_gets_no_key_and_only_get_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with running(server_with({})) as server:
        await service.find([server.port])
        assert {request.method for request in server.received} == {"GET"}
        assert not any("authorization" in request.headers for request in server.received)
        assert {request.headers["host"] for request in server.received} == {
            f"127.0.0.1:{server.port}"
        }


async def test_a_server_that_greets_is_not_asked_for_what_it_would_log_as_an_error() -> None:
    async with running(SAYINGS["LM Studio"][3]()) as server:
        await service.find([server.port])
        assert {request.path for request in server.received} == set(probes.FIRST)


async def test_no_server_is_no_error() -> None:
    assert await service.find([]) == []
    assert await service.find([1]) == []
    assert await service.open_addresses([1]) == frozenset()


async def test_a_silent_server_does_not_hide_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DEADLINE_SECONDS", 1.0)
    async with running(SAYINGS["Ollama"][3]()) as server:
        with silent() as port:
            found = await service.find([port, server.port])
            assert [each.name for each in found] == ["Ollama"]
            assert await service.open_addresses([port]) == {Address("127.0.0.1", port)}


async def test_what_is_known_at_the_deadline_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DEADLINE_SECONDS", 1.0)
    busy = server_with({"/": text("<html></html>")}, name="llama.cpp")
    never = asyncio.Event()

    async def hang(_: Received) -> Reply:
        await never.wait()
        return text("")

    busy.route("GET", "/v1/models", hang)
    async with running(busy) as server:
        assert [each.kind for each in await service.find([server.port])] == ["llama-server"]


async def test_cancelling_a_search_leaves_no_connection() -> None:
    with silent() as port:
        search = asyncio.create_task(service.find([port]))
        while not (await service.open_addresses([port])):
            pass
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search
    assert [task for task in asyncio.all_tasks() if task.get_name() == "discovery"] == []


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with running(SAYINGS["Ollama"][3]()) as server:
        assert [each.name for each in await service.find([server.port])] == ["Ollama"]


@needs_ipv6
async def test_a_server_on_ipv6_alone_is_found() -> None:
    async with running_on(SAYINGS["Ollama"][3](), "::1") as server:
        found = await service.find([server.port])
        assert [(each.kind, each.url) for each in found] == [
            ("ollama", f"http://[::1]:{server.port}")
        ]


@needs_ipv6
async def test_a_server_on_ipv4_and_ipv6_is_listed_once() -> None:
    async with running_both(SAYINGS["Ollama"][3](), SAYINGS["Ollama"][3](), "::1") as server:
        assert [each.url for each in await service.find([server.port])] == [server.url]


@needs_ipv6
async def test_two_servers_that_share_a_port_number_are_both_listed() -> None:
    llama, local = SAYINGS["llama-server"][3](), SAYINGS["LocalAI"][3]()
    async with running_both(llama, local, "::1") as server:
        found = await service.find([server.port])
        assert [each.kind for each in found] == ["llama-server", "localai"]


async def test_the_webuis_own_llama_server_is_not_listed() -> None:
    webui = SAYINGS["text-generation-webui"][3]()
    child = SAYINGS["llama-server"][3]()
    async with running_both(webui, child, above=service.WEBUI_CHILD) as server:
        port = child.port
        assert [each.kind for each in await service.find([port])] == ["llama-server"]
        found = await service.find([port, server.port])
        assert [each.kind for each in found] == ["text-generation-webui"]


async def test_without_ports_the_usual_addresses_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(SAYINGS["Ollama"][3]()) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        assert server.url in [each.url for each in await service.find()]
        assert Address("127.0.0.1", server.port) in await service.open_addresses()
