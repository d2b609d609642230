"""What each model server says when it is asked who it is, and servers that say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from app.llm.discovery import probes
from tests.fakes.servers.http import FakeServer, Received, Reply, as_json

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
