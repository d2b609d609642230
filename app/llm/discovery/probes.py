"""Tells which program answers on a port, from what it says. No I/O of its own.

A status code proves nothing: LM Studio answers 200 to any path, and LocalAI and KoboldCpp imitate
Ollama's routes. So the bodies are matched, and the imitators are recognised before the imitated.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

NAMES: Mapping[str, str] = {  # of the programs, by the kind of provider that speaks with them
    "lm-studio": "LM Studio",
    "localai": "LocalAI",
    "koboldcpp": "KoboldCpp",
    "llama-server": "llama.cpp server",
    "llamafile": "llamafile",
    "ollama": "Ollama",
    "mistral-rs": "mistral.rs",
    "vllm": "vLLM",
    "gpt4all": "GPT4All",
    "llama-cpp-python": "llama-cpp-python server",
    "jan": "Jan",
    "text-generation-webui": "text-generation-webui",
}
OWNERS: Mapping[str, str] = {  # by `owned_by` in /v1/models
    "llamacpp": "llama-server",
    "vllm": "vllm",
    "koboldcpp": "koboldcpp",
    "humanity": "gpt4all",
    "me": "llama-cpp-python",
    "library": "ollama",
}
VERSIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # the path, and the field in its JSON
    "ollama": ("/api/version", ("version",)),
    "localai": ("/.well-known/localai.json", ("version",)),
    "koboldcpp": ("/api/extra/version", ("version",)),
    "llama-server": ("/props", ("build_info",)),
    "llama-cpp-python": ("/openapi.json", ("info", "version")),
    "vllm": ("/version", ("version",)),
}
# Asked of every server. The rest is asked only of one that these leave unknown: LM Studio, for
# one, logs each path that it does not have as an error.
FIRST = ("/lmstudio-greeting", "/.well-known/localai.json", "/api/extra/version", "/", "/v1/models")
SECOND = ("/props", "/v1/internal/health", "/v1/system/info", "/openapi.json", "/version")


@dataclass(frozen=True)
class Reply:
    """What came back from one path; header names are in lower case, status 0 is no answer."""

    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 0

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as an object, or {} where it is none."""
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def value(self, *path: str) -> Any:
        """A field inside the JSON, or None."""
        found: Any = self.json
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


class Identity(NamedTuple):
    """What a server turned out to be."""

    kind: str
    version: str
    needs_key: bool


class Replies(dict[str, Reply]):
    """The replies by path; a path that was not asked, or not answered, has an empty one."""

    def __missing__(self, path: str) -> Reply:
        return NOTHING


NOTHING = Reply()
Get = Callable[[str], Awaitable[Reply]]


async def identify(get: Get, say: Callable[[Identity], None]) -> None:
    """Asks a server who it is; `say` hears it as soon as it is known, and again when more is."""
    replies = Replies()

    async def ask(path: str) -> None:
        replies[path] = await get(path)
        if (known := judge(replies)) is not None:
            say(known)

    async def ask_all(paths: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(ask(path))

    await ask_all(FIRST)
    known = judge(replies)
    wanted = SECOND if known is None else VERSIONS.get(known.kind, ())[:1]
    await ask_all(path for path in wanted if path not in replies)


def judge(replies: Replies) -> Identity | None:
    """Who says such things, or None for no model server that is known."""
    kind = next((kind for tell in TELLS if (kind := tell(replies))), None)
    if kind is None:
        return None
    path, fields = VERSIONS.get(kind, ("", ()))
    version = replies[path].value(*fields) if path else None
    needs_key = replies["/v1/models"].status == 401 or (
        kind == "koboldcpp" and replies["/api/extra/version"].value("protected") is True
    )
    return Identity(kind, version if isinstance(version, str) else "", needs_key)


def _lm_studio(replies: Replies) -> str | None:
    return "lm-studio" if replies["/lmstudio-greeting"].value("lmstudio") is True else None


def _localai(replies: Replies) -> str | None:
    about = replies["/.well-known/localai.json"].json
    return "localai" if "version" in about and "endpoints" in about else None


def _koboldcpp(replies: Replies) -> str | None:
    result = replies["/api/extra/version"].value("result")
    return "koboldcpp" if result == "KoboldCpp" else None


def _by_root(replies: Replies) -> str | None:
    root = replies["/"]
    server = root.headers.get("server", "").lower()
    if server.startswith("llama.cpp"):
        return "llama-server"
    if server.startswith("llamafile"):
        return "llamafile"
    if root.text.strip() == "Ollama is running":
        return "ollama"
    # Any small server may say OK.
    if root.text.strip() == "OK" and "cpu" in replies["/v1/system/info"].json:
        return "mistral-rs"
    return None


def _llama_server(replies: Replies) -> str | None:
    """By /props, or by the way it refuses: while it loads its model, and without a key."""
    if "build_info" in replies["/props"].json:
        return "llama-server"
    refusal = replies["/v1/models"]
    kind, code = refusal.value("error", "type"), refusal.value("error", "code")
    return (
        "llama-server"
        if (kind, code) in (("unavailable_error", 503), ("authentication_error", 401))
        else None
    )


def _by_owner(replies: Replies) -> str | None:
    models = replies["/v1/models"].value("data")
    first = models[0] if isinstance(models, list) and models else {}
    if not isinstance(first, dict):
        return None
    owner = first.get("owned_by")
    if owner == "user":  # both say so; Jan dates its models with 1
        return "jan" if first.get("created") == 1 else "text-generation-webui"
    if owner == "local" and first.get("id") == "default":
        return "mistral-rs"
    return OWNERS.get(owner) if isinstance(owner, str) else None


def _webui(replies: Replies) -> str | None:
    is_healthy = replies["/v1/internal/health"].json == {"status": "ok"}
    return "text-generation-webui" if is_healthy else None


def _by_title(replies: Replies) -> str | None:
    """By the title of the API's description, which needs no key."""
    title = replies["/openapi.json"].value("info", "title")
    if not isinstance(title, str):
        return None
    if title.endswith("llama.cpp Python API"):
        return "llama-cpp-python"
    return "jan" if title.startswith("Jan API") else None


def _vllm(replies: Replies) -> str | None:
    """A vLLM that wants a key; another one is known by its models."""
    about = replies["/version"]
    is_vllm = (
        about.headers.get("server", "").lower() == "uvicorn"
        and isinstance(about.value("version"), str)
        and replies["/v1/models"].status == 401
        and replies["/v1/models"].value("error") == "Unauthorized"
    )
    return "vllm" if is_vllm else None


TELLS = (
    _lm_studio,
    _localai,
    _koboldcpp,
    _by_root,
    _llama_server,
    _by_owner,
    _webui,
    _by_title,
    _vllm,
)
