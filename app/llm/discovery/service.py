"""Looks on this computer's ports for model servers; no other computer is ever asked."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Iterable

from app.llm.discovery import probes
from app.schema import FoundServer

LOOPBACK = "127.0.0.1"
# Ollama, LM Studio and mistral.rs, llama-server and LocalAI and llamafile, llama-server to come,
# vLLM and llama-cpp-python, text-generation-webui, KoboldCpp, Jan, Jan's command line, GPT4All.
PORTS = (11434, 1234, 8080, 9931, 8000, 5000, 5001, 1337, 6767, 4891)
CONNECT_SECONDS = 0.5
REPLY_SECONDS = 2.0
SERVER_SECONDS = 6.0  # for all that is asked of one server
LARGEST_REPLY = 256_000  # bytes; the rest is not read


async def find(ports: Iterable[int] | None = None) -> list[FoundServer]:
    """The model servers on these ports, else on the usual ones; takes a few seconds at most."""
    wanted = list(ports) if ports is not None else usual_ports()
    found = await asyncio.gather(*map(_look, wanted))
    return [server for server in found if server is not None]


def usual_ports() -> list[int]:
    """The ports that the known servers take by default, and the one that OLLAMA_HOST names."""
    own = _ollama_port(os.environ.get("OLLAMA_HOST", ""))
    return list(dict.fromkeys([*PORTS, *([own] if own else [])]))


def _ollama_port(address: str) -> int | None:
    """The port in an OLLAMA_HOST such as `127.0.0.1:11500`, where it means this computer."""
    host, colon, port = address.strip(" \"'").rpartition(":")
    here = host.rpartition("/")[2] in ("", LOOPBACK, "localhost", "0.0.0.0", "[::]", "[::1]")  # noqa: S104
    number = int(port) if colon and here and port.isdecimal() else 0
    return number if 0 < number < 65536 else None


async def _look(port: int) -> FoundServer | None:
    if not await _is_open(port):
        return None
    # The import takes a tenth of a second, for which the window must not wait.
    httpx = await asyncio.to_thread(importlib.import_module, "httpx")
    url = f"http://{LOOPBACK}:{port}"
    # No proxy, no redirect and no key: whoever answers is not known yet.
    async with httpx.AsyncClient(
        base_url=url, timeout=REPLY_SECONDS, follow_redirects=False, trust_env=False
    ) as client:

        async def get(path: str) -> probes.Reply:
            body = b""
            try:
                async with client.stream("GET", path) as response:
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > LARGEST_REPLY:
                            break
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
                return probes.Reply("")
            return probes.Reply(body.decode("utf-8", "replace"), dict(response.headers))

        try:
            async with asyncio.timeout(SERVER_SECONDS):
                name = await probes.identify(get)
        except TimeoutError:
            return None
    return FoundServer(name, url) if name else None


async def _is_open(port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
