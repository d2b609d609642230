"""Model servers are known by what they say, on real loopback ports."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from app.llm.discovery import service
from app.schema import FoundServer

LM_STUDIO_ELSE = '{"error":"Unexpected endpoint or method. (GET /)"}'


# Python 3.11 complains of a handler that was cancelled, so that one ends well too.
ENDS = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)


@dataclass
class Imitation:
    """A server that answers some paths, and all others with `otherwise`."""

    answers: Mapping[str, str]
    otherwise: tuple[int, str] = (404, "not found")
    server: str = ""
    asked: list[str] = field(default_factory=list)
    hang: bool = False

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*ENDS):
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                self.asked.append(path)
                if self.hang:
                    await asyncio.sleep(60)
                status, body = (200, self.answers[path]) if path in self.answers else self.otherwise
                data = body.encode()
                named = f"Server: {self.server}\r\n" if self.server else ""
                writer.write(
                    f"HTTP/1.1 {status} X\r\n{named}Content-Length: {len(data)}\r\n\r\n".encode()
                    + data
                )
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def running(imitation: Imitation) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await imitation.handle(reader, writer)

    server = await asyncio.start_server(handle, service.LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def models(owner: str, **more: object) -> str:
    return json.dumps({"object": "list", "data": [{"id": "m", "owned_by": owner, **more}]})


KINDS = {
    "LM Studio": Imitation({"/lmstudio-greeting": '{"lmstudio":true}'}, (200, LM_STUDIO_ELSE)),
    "LocalAI": Imitation(
        {
            "/.well-known/localai.json": '{"version":"v4.9.0","endpoints":{}}',
            "/api/version": '{"version":"0.9.0"}',
        }
    ),
    "KoboldCpp": Imitation(
        {
            "/api/extra/version": '{"result":"KoboldCpp","version":"1.115.1"}',
            "/props": '{"build_info":"x"}',
            "/api/version": '{"version":"0.7.0"}',
        }
    ),
    "Ollama": Imitation({"/": "Ollama is running", "/v1/models": models("library")}),
    "llama.cpp server": Imitation(
        {"/props": '{"build_info":"b1"}', "/": "<html></html>"}, server="llama.cpp"
    ),
    "llamafile": Imitation({"/": "<html></html>"}, server="llamafile/0.9.3"),
    "mistral.rs": Imitation({"/": "OK", "/v1/system/info": '{"cpu":{}}'}),
    "vLLM": Imitation({"/v1/models": models("vllm")}, server="uvicorn"),
    "GPT4All": Imitation({"/v1/models": models("humanity")}),
    "llama-cpp-python server": Imitation({"/v1/models": models("me")}),
    "Jan": Imitation({"/v1/models": models("user", created=1)}),
    "text-generation-webui": Imitation({"/v1/models": models("user", created=0)}),
}


@pytest.mark.parametrize("name", KINDS)
async def test_each_server_is_known(name: str) -> None:
    async with running(KINDS[name]) as port:
        assert await service.find([port]) == [FoundServer(name, f"http://127.0.0.1:{port}")]


async def test_a_webui_without_models_and_a_llama_server_behind_a_proxy_are_known() -> None:
    webui = Imitation({"/v1/internal/health": '{"status":"ok"}'})
    proxied = Imitation({"/props": '{"build_info":"b1"}'}, server="nginx")
    async with running(webui) as first, running(proxied) as second:
        found = await service.find([first, second])
    assert [server.name for server in found] == ["text-generation-webui", "llama.cpp server"]


@pytest.mark.parametrize(
    "imitation",
    [
        Imitation({}),
        Imitation({"/": "OK"}),  # any small server may say that
        Imitation({}, (200, LM_STUDIO_ELSE)),  # says 200 to everything, and no greeting
        Imitation({}, (200, "<html>Welcome</html>")),
        Imitation({"/v1/models": '{"data":[7]}', "/props": "[1]", "/": "\x00\xff"}),
        Imitation({"/v1/models": models("somebody")}),
        Imitation({"/": "x" * 3_000_000}),
    ],
    ids=["404", "OK", "200", "html", "garbage", "unknown", "huge"],
)
async def test_what_is_no_model_server_is_not_found(imitation: Imitation) -> None:
    async with running(imitation) as port:
        assert await service.find([port]) == []


async def test_no_server_is_no_error_and_a_silent_one_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "SERVER_SECONDS", 0.2)
    silent = Imitation({}, hang=True)
    async with running(silent) as port:
        assert await service.find([port, 1]) == []
        assert silent.asked == ["/lmstudio-greeting"]


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with running(KINDS["Ollama"]) as port:
        assert [server.name for server in await service.find([port])] == ["Ollama"]


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("", None),
        ("127.0.0.1:11500", 11500),
        (' "localhost:11501" ', 11501),
        ("http://0.0.0.0:11502", 11502),
        (":11503", 11503),
        ("192.168.1.5:11504", None),  # another computer is never asked
        ("127.0.0.1", None),
        ("127.0.0.1:99999", None),
        ("127.0.0.1:x", None),
    ],
)
def test_ollamas_own_port(address: str, port: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", address)
    assert service.usual_ports() == [*service.PORTS, *([port] if port else [])]
