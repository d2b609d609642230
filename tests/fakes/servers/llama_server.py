"""llama.cpp's server on loopback: with one model, and as a router that loads several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill


@dataclass
class LlamaServer:
    """The server with one model; what it says in a chat is a field of `chat`."""

    server: FakeServer
    context: int = 8192  # of a slot; the list tells that of all of them
    busy: int = 0  # slots at work
    is_sleeping: bool = False
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "llama-server", context=4 * self.context)
        self.server.route("GET", "/props", lambda _: self.chat.not_ready() or self._props())
        self.server.route("GET", "/slots", lambda _: as_json(slots(self.context, self.busy)))

    def _props(self) -> Reply:
        return as_json(
            {
                "default_generation_settings": {"params": {}, "n_ctx": self.context},
                "total_slots": 4,
                "model_path": "/models/tiny.gguf",
                "build_info": "b9000-0c1e570",
                "is_sleeping": self.is_sleeping,
            }
        )


@dataclass
class RoutedModel:
    """A model as the router keeps it."""

    state: str = "unloaded"
    looks: int = 2  # at the list, until it is loaded or has failed
    fails: bool = False
    has_failed: bool = False
    context: int = 8192
    aliases: tuple[str, ...] = ()
    sees: bool = False

    def advance(self) -> None:
        """Another look at a model that is on its way."""
        if self.state != "loading":
            return
        self.looks -= 1
        if self.looks <= 0:
            self.state = "unloaded" if self.fails else "loaded"
            self.has_failed = self.fails

    def about(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = {"value": self.state, "args": ["llama-server"]}
        if self.has_failed:
            status |= {"failed": True, "exit_code": 1}
        made = {
            "id": name,
            "aliases": list(self.aliases),
            "object": "model",
            "owned_by": "llamacpp",
            "status": status,
            "architecture": {"input_modalities": ["text", "image"] if self.sees else ["text"]},
        }
        if self.state == "loaded":
            made["meta"] = {"n_ctx": self.context, "n_ctx_train": 32_768, "size": 397_808_192}
        return made


@dataclass
class LlamaRouter:
    """The server without a model of its own; a chat loads the model that it names."""

    server: FakeServer
    models: dict[str, RoutedModel] = field(default_factory=dict)
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "llama-server")
        route = self.server.route
        route("GET", "/props", self._props)
        route("GET", "/slots", lambda request: as_json(slots(self._named(request).context, 1)))
        route("GET", "/models", lambda _: self._list())
        route("GET", "/v1/models", lambda _: self._list())
        route("POST", "/models/load", self._load)
        route("POST", "/models/unload", self._unload)

    def add(self, name: str, **about: Any) -> RoutedModel:
        self.models[name] = model = RoutedModel(**about)
        return model

    def _named(self, request: Received) -> RoutedModel:
        return self.models[request.query["model"]]

    def _props(self, request: Received) -> Reply:
        if "model" not in request.query:
            return as_json({"role": "router", "max_instances": 4, "model_alias": "llama-server"})
        model = self._named(request)
        if model.state != "loaded":
            assert request.query["autoload"] == "false", "a question must not load a model"
            return self.chat.refusal(400, "model is not loaded")
        return as_json({"default_generation_settings": {"n_ctx": model.context}})

    def _list(self) -> Reply:
        for model in self.models.values():
            model.advance()
        return as_json({"data": [model.about(name) for name, model in self.models.items()]})

    def _load(self, request: Received) -> Reply:
        model = self.models.get(request.json["model"])
        if model is None:
            return self.chat.refusal(404, "model is not found", "not_found_error")
        if model.state in ("loading", "loaded"):
            return self.chat.refusal(400, "model is already running")
        model.state, model.has_failed = "loading", False
        return as_json({"success": True})

    def _unload(self, request: Received) -> Reply:
        model = self.models.get(request.json["model"])
        if model is None:
            return self.chat.refusal(404, "model is not found", "not_found_error")
        if model.state == "unloaded":
            return self.chat.refusal(400, "model is not running")
        model.state = "unloaded"
        return as_json({"success": True})


def slots(context: int, busy: int) -> list[dict[str, Any]]:
    """Four slots, of which so many are at work."""
    return [
        {"id": number, "n_ctx": context, "is_processing": number < busy, "id_task": -1}
        for number in range(4)
    ]
