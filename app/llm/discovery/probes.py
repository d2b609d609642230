"""Tells which program answers on a port, from what it says. No I/O of its own.

A status code proves nothing: LM Studio answers 200 to any path, and LocalAI and KoboldCpp imitate
Ollama's routes. So the bodies are matched, and the imitators are asked for before the imitated.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

OWNERS = {  # by `owned_by` in /v1/models
    "llamacpp": "llama.cpp server",
    "vllm": "vLLM",
    "koboldcpp": "KoboldCpp",
    "humanity": "GPT4All",
    "me": "llama-cpp-python server",
    "library": "Ollama",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one path; header names are in lower case."""

    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object, or {} where it is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


Get = Callable[[str], Awaitable[Reply]]


async def identify(get: Get) -> str | None:
    """The name of the program behind `get`, or None for one that is no model server."""
    for probe in (_lm_studio, _localai, _koboldcpp, _by_root, _llama_server, _by_owner, _webui):
        if name := await probe(get):
            return name
    return None


async def _lm_studio(get: Get) -> str | None:
    return "LM Studio" if (await get("/lmstudio-greeting")).json.get("lmstudio") is True else None


async def _localai(get: Get) -> str | None:
    about = (await get("/.well-known/localai.json")).json
    return "LocalAI" if "version" in about and "endpoints" in about else None


async def _koboldcpp(get: Get) -> str | None:
    about = (await get("/api/extra/version")).json
    return "KoboldCpp" if about.get("result") == "KoboldCpp" else None


async def _by_root(get: Get) -> str | None:
    root = await get("/")
    server = root.headers.get("server", "").lower()
    if server.startswith("llama.cpp"):
        return "llama.cpp server"
    if server.startswith("llamafile"):
        return "llamafile"
    if root.text.strip() == "Ollama is running":
        return "Ollama"
    if root.text.strip() == "OK" and (await get("/v1/system/info")).json:
        return "mistral.rs"
    return None


async def _llama_server(get: Get) -> str | None:
    return "llama.cpp server" if "build_info" in (await get("/props")).json else None


async def _by_owner(get: Get) -> str | None:
    models = (await get("/v1/models")).json.get("data")
    first = models[0] if isinstance(models, list) and models else {}
    if not isinstance(first, dict):
        return None
    owner = first.get("owned_by")
    if owner == "user":  # both say so; Jan dates its models with 1
        return "Jan" if first.get("created") == 1 else "text-generation-webui"
    return OWNERS.get(owner) if isinstance(owner, str) else None


async def _webui(get: Get) -> str | None:
    health = (await get("/v1/internal/health")).json
    return "text-generation-webui" if health == {"status": "ok"} else None
