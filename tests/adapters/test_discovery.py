"""Model servers are known by what they say, on real loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx  # noqa: F401 - imported here, so that no deadline below has to bear it
import pytest

from app.llm.discovery import addresses, probes, service
from app.llm.discovery.addresses import Address
from app.llm.providers.profiles import PROFILES
from app.schema import FoundServer
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, running

PROBED = (*probes.FIRST, *probes.SECOND)
LM_STUDIO_ELSE = {"error": "Unexpected endpoint or method. (GET /)"}


def text(body: str, status: int = 200) -> Reply:
    return Reply(body.encode(), status, "text/plain")


def models(owner: str, **more: object) -> dict[str, object]:
    return {"object": "list", "data": [{"id": "m", "owned_by": owner, **more}]}


def unauthorised(body: Any) -> Reply:
    return as_json(body, 401) if not isinstance(body, str) else text(body, 401)


def server_with(
    answers: Mapping[str, Any], otherwise: Reply | None = None, name: str = ""
) -> FakeServer:
    """Answers these paths by JSON or a made reply, and all others that are asked by `otherwise`.

    `name` is what it says of itself in the header Server.
    """
    server = FakeServer()
    replies = {path: otherwise for path in PROBED if otherwise is not None}
    replies |= {k: v if isinstance(v, Reply) else as_json(v) for k, v in answers.items()}
    headers = {"Server": name} if name else {}

    def sends(reply: Reply) -> Callable[[Received], Reply]:
        return lambda _: dataclasses.replace(reply, headers={**headers, **reply.headers})

    for path, reply in replies.items():
        server.route("GET", path, sends(reply))
    return server


@contextlib.asynccontextmanager
async def running_on(server: FakeServer, host: str, port: int = 0) -> AsyncIterator[FakeServer]:
    await server.start(host, port)
    try:
        yield server
    finally:
        await server.stop()


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

# What each program says: its kind, version, whether it wants a key, and its replies.
SAYINGS: dict[str, tuple[str, str, bool, Callable[[], FakeServer]]] = {
    "LM Studio": (
        "lm-studio",
        "",
        False,
        lambda: server_with({"/lmstudio-greeting": {"lmstudio": True}}, as_json(LM_STUDIO_ELSE)),
    ),
    "LM Studio with tokens": (
        "lm-studio",
        "",
        True,
        lambda: server_with(
            {"/lmstudio-greeting": {"lmstudio": True}, "/v1/models": unauthorised({"error": {}})}
        ),
    ),
    "LocalAI": (
        "localai",
        "v4.9.0",
        False,
        lambda: server_with(
            {
                "/.well-known/localai.json": {"version": "v4.9.0", "endpoints": {}},
                "/": text("Ollama is running"),
                "/api/version": {"version": "0.9.0"},
                "/v1/models": {"data": [{"id": "m", "object": "model"}]},
            }
        ),
    ),
    "LocalAI with a key": (
        "localai",
        "v4.9.0",
        True,
        lambda: server_with(
            {"/.well-known/localai.json": {"version": "v4.9.0", "endpoints": {}}},
            unauthorised({"error": {"message": "An authentication key is required"}}),
        ),
    ),
    "KoboldCpp": (
        "koboldcpp",
        "1.115.1",
        False,
        lambda: server_with(
            {
                "/api/extra/version": {
                    "result": "KoboldCpp",
                    "version": "1.115.1",
                    "protected": False,
                },
                "/props": {"build_info": "x"},
                "/api/version": {"version": "0.7.0"},
                "/v1/models": models("koboldcpp"),
            }
        ),
    ),
    "KoboldCpp with a password": (
        "koboldcpp",
        "1.115.1",
        True,
        lambda: server_with(
            {
                "/api/extra/version": {
                    "result": "KoboldCpp",
                    "version": "1.115.1",
                    "protected": True,
                },
            }
        ),
    ),
    "Ollama": (
        "ollama",
        "0.33.0",
        False,
        lambda: server_with(
            {
                "/": text("Ollama is running"),
                "/api/version": {"version": "0.33.0"},
                "/v1/models": models("library"),
            }
        ),
    ),
    "llama-server": (
        "llama-server",
        "b6123-abc",
        False,
        lambda: server_with(
            {"/props": {"build_info": "b6123-abc"}, "/": text("<html></html>")},
            name="llama.cpp",
        ),
    ),
    "llama-server with a key": (
        "llama-server",
        "",
        True,
        lambda: server_with(
            {"/health": {"status": "ok"}},
            unauthorised({"error": {"code": 401, "type": "authentication_error"}}),
            name="llama.cpp",
        ),
    ),
    "llama-server behind a proxy": (
        "llama-server",
        "b1",
        False,
        lambda: server_with({"/props": {"build_info": "b1"}}, name="nginx"),
    ),
    "llama-server behind a proxy, while it loads": (
        "llama-server",
        "",
        False,
        lambda: server_with(
            {},
            as_json(
                {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}},
                503,
            ),
            name="nginx",
        ),
    ),
    "llamafile": (
        "llamafile",
        "",
        False,
        lambda: server_with({"/": text("<html></html>")}, name="llamafile/0.9.3"),
    ),
    "mistral.rs": (
        "mistral-rs",
        "",
        False,
        lambda: server_with({"/": text("OK"), "/v1/system/info": {"cpu": {}}}),
    ),
    "mistral.rs with a page": (
        "mistral-rs",
        "",
        False,
        lambda: server_with({"/v1/models": models("local", id="default")}),
    ),
    "vLLM": (
        "vllm",
        "0.33.0",
        False,
        lambda: server_with(
            {"/v1/models": models("vllm"), "/version": {"version": "0.33.0"}}, name="uvicorn"
        ),
    ),
    "vLLM with a key": (
        "vllm",
        "0.33.0",
        True,
        lambda: server_with(
            {
                "/v1/models": unauthorised({"error": "Unauthorized"}),
                "/version": {"version": "0.33.0"},
            },
            name="uvicorn",
        ),
    ),
    "GPT4All": ("gpt4all", "", False, lambda: server_with({"/v1/models": models("humanity")})),
    "llama-cpp-python": (
        "llama-cpp-python",
        "",
        False,
        lambda: server_with({"/v1/models": models("me")}, name="uvicorn"),
    ),
    "llama-cpp-python with a key": (
        "llama-cpp-python",
        "0.3.36",
        True,
        lambda: server_with(
            {
                "/v1/models": unauthorised({"error": {"message": "Invalid API key"}}),
                "/openapi.json": {
                    "info": {"title": "🦙 llama.cpp Python API", "version": "0.3.36"}
                },
            },
            name="uvicorn",
        ),
    ),
    "Jan": ("jan", "", False, lambda: server_with({"/v1/models": models("user", created=1)})),
    "Jan with a key": (
        "jan",
        "",
        True,
        lambda: server_with(
            {"/openapi.json": {"info": {"title": "Jan API Server Endpoints"}}},
            unauthorised("Missing authorization header"),
        ),
    ),
    "text-generation-webui": (
        "text-generation-webui",
        "",
        False,
        lambda: server_with({"/v1/models": models("user", created=0)}),
    ),
    "text-generation-webui without a model": (
        "text-generation-webui",
        "",
        False,
        lambda: server_with({"/v1/internal/health": {"status": "ok"}}),
    ),
}


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
    async with (
        running_on(SAYINGS["Ollama"][3](), "127.0.0.1") as server,
        running_on(SAYINGS["Ollama"][3](), "::1", server.port),
    ):
        assert [each.url for each in await service.find([server.port])] == [server.url]


@needs_ipv6
async def test_two_servers_that_share_a_port_number_are_both_listed() -> None:
    async with (
        running_on(SAYINGS["llama-server"][3](), "127.0.0.1") as server,
        running_on(SAYINGS["LocalAI"][3](), "::1", server.port),
    ):
        found = await service.find([server.port])
        assert [each.kind for each in found] == ["llama-server", "localai"]


async def test_the_webuis_own_llama_server_is_not_listed() -> None:
    webui = SAYINGS["text-generation-webui"][3]()
    child = SAYINGS["llama-server"][3]()
    async with running(webui) as server, contextlib.AsyncExitStack() as stack:
        port = server.port + service.WEBUI_CHILD
        await stack.enter_async_context(running_on(child, "127.0.0.1", port))
        assert [each.kind for each in await service.find([port])] == ["llama-server"]
        found = await service.find([port, server.port])
        assert [each.kind for each in found] == ["text-generation-webui"]


V4 = "127.0.0.1"
V6 = "::1"
BOTH = (V4, V6)


@pytest.mark.parametrize(
    ("variables", "hosts", "port"),
    [
        ({"OLLAMA_HOST": "127.0.0.1:11500"}, (V4,), 11500),
        ({"OLLAMA_HOST": ' "localhost:11501" '}, BOTH, 11501),
        ({"OLLAMA_HOST": "http://0.0.0.0:11502/base"}, BOTH, 11502),
        ({"OLLAMA_HOST": ":11503"}, BOTH, 11503),
        ({"OLLAMA_HOST": "[::]:11504"}, BOTH, 11504),
        ({"OLLAMA_HOST": "[::1]:11505"}, (V6,), 11505),
        ({"OLLAMA_HOST": "http://localhost"}, BOTH, 80),
        ({"OLLAMA_HOST": "127.0.0.2"}, ("127.0.0.2",), 11434),
        ({"OLLAMA_HOST": "192.168.1.5:11504"}, (), 0),  # another computer is never asked
        ({"OLLAMA_HOST": "models.example.org:11504"}, (), 0),
        ({"OLLAMA_HOST": "https://localhost:11504"}, (), 0),  # no plain HTTP there
        ({"OLLAMA_HOST": "127.0.0.1:99999"}, (), 0),
        ({"OLLAMA_HOST": "127.0.0.1:x"}, (), 0),
        ({"OLLAMA_HOST": "http://[::1"}, (), 0),
        ({"OLLAMA_HOST": ""}, (), 0),
        ({"LLAMA_ARG_PORT": "8123"}, BOTH, 8123),
        ({"LLAMA_ARG_PORT": "-1"}, (), 0),
        ({"LLAMA_ARG_PORT": "²"}, (), 0),
        ({"OPENEDAI_PORT": "5055"}, BOTH, 5055),
        ({"LOCALAI_ADDRESS": ":8181"}, BOTH, 8181),
        ({"ADDRESS": "127.0.0.1:8182"}, (V4,), 8182),
        ({"ADDRESS": "Main Street 5"}, (), 0),
        ({"INFERENCE_SERVER_BASE_URL": "http://localhost:4321/v1"}, BOTH, 4321),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, (), 0),
        ({"HOST": "127.0.0.1", "PORT": "8900"}, (V4,), 8900),
        ({"HOST": "localhost", "PORT": "22"}, (), 0),
        ({"HOST": "my-laptop", "PORT": "8900"}, (), 0),
        ({"PORT": "8900"}, (), 0),
    ],
)
def test_addresses_of_the_environment(
    variables: dict[str, str], hosts: tuple[str, ...], port: int, tmp_path: Path
) -> None:
    usual = addresses.on_ports(addresses.PORTS)
    extra = [Address(host, port) for host in hosts]
    assert addresses.usual(variables, tmp_path) == [*usual, *extra]


def test_an_ipv6_address_without_brackets_is_ollamas_usual_port(tmp_path: Path) -> None:
    assert addresses.parse("::1", 11434) == [Address("::1", 11434)]


@pytest.mark.parametrize("place", ["pointed", ".cache/lm-studio", ".lmstudio"])
def test_lm_studios_port_is_read_from_its_settings(place: str, tmp_path: Path) -> None:
    home = tmp_path / place / ".internal"
    home.mkdir(parents=True)
    (home / "http-server-config.json").write_text(json.dumps({"port": 4567}))
    if place == "pointed":
        (tmp_path / ".lmstudio").mkdir()
        (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path / place}\n")
    found = addresses.usual({}, tmp_path)
    assert found == addresses.on_ports([*addresses.PORTS, 4567])


@pytest.mark.parametrize("content", ["", "[]", '{"port": "x"}', '{"port": 99999}', "{}", "\udcff"])
def test_settings_of_lm_studio_that_make_no_sense_are_no_error(
    content: str, tmp_path: Path
) -> None:
    folder = tmp_path / ".lmstudio" / ".internal"
    folder.mkdir(parents=True)
    file = folder / "http-server-config.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / ".lmstudio-home-pointer").write_text("relative/or/gone")
    assert addresses.usual({}, tmp_path) == addresses.on_ports(addresses.PORTS)


async def test_without_ports_the_usual_addresses_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(SAYINGS["Ollama"][3]()) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{server.port}")
        assert server.url in [each.url for each in await service.find()]
        assert Address("127.0.0.1", server.port) in await service.open_addresses()
