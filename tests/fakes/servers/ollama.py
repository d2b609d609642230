"""Ollama's API on a loopback server, with models that pulling and deleting really change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, ndjson

CHARACTERS_PER_TOKEN = 4
TEMPLATE_TOKENS = 6  # around each message


@dataclass
class Model:
    """A model as the server keeps it."""

    name: str
    size: int = 4_683_087_332
    parameters: str = "7.6B"
    quantisation: str = "Q4_K_M"
    family: str = "qwen2"
    context: int = 32_768  # trained
    settings: str = ""  # of its Modelfile
    capabilities: tuple[str, ...] = ("completion",)
    remote_host: str = ""
    memory: int = 0  # the largest context that fits, in tokens; 0: any

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()

    def listed(self) -> dict[str, Any]:
        remote = {"remote_host": self.remote_host, "remote_model": self.name}
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": "2026-08-21T10:00:00Z",
            "size": self.size,
            "digest": self.digest,
            "details": self.details(),
            **(remote if self.remote_host else {}),
        }

    def details(self) -> dict[str, Any]:
        return {
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameters,
            "quantization_level": self.quantisation,
        }


@dataclass
class Ollama:
    """The routes and the state behind them; a test changes the fields as it likes."""

    server: FakeServer
    models: dict[str, Model] = field(default_factory=dict)
    registry: dict[str, Model] = field(default_factory=dict)  # what can be pulled
    loaded: dict[str, int] = field(default_factory=dict)  # name -> context
    version: str = "0.33.2"
    says: tuple[str, ...] = ("Hello", " there", ".")
    thinks: tuple[str, ...] = ()
    calls: tuple[dict[str, Any], ...] = ()
    truncates: bool = False  # as versions do that do not know `truncate`
    tells_cached: bool = True
    cached: int = 0  # tokens of the next prompts that are in the KV cache
    counts_cached: bool = True

    def __post_init__(self) -> None:
        route = self.server.route
        route("GET", "/", lambda _: Reply(b"Ollama is running", content_type="text/plain"))
        route("GET", "/api/version", lambda _: as_json({"version": self.version}))
        route("GET", "/api/tags", lambda _: self._tags())
        route("GET", "/api/ps", lambda _: self._running())
        route("POST", "/api/show", self._show)
        route("POST", "/api/chat", self._answer)
        route("POST", "/api/generate", self._answer)
        route("POST", "/api/embed", self._embed)
        route("POST", "/api/pull", self._pull)
        route("DELETE", "/api/delete", self._delete)

    def add(self, name: str, **about: Any) -> Model:
        model = Model(name, **about)
        self.models[name] = model
        return model

    def _find(self, asked: str) -> Model | None:
        return self.models.get(asked if ":" in asked else f"{asked}:latest")

    def _tags(self) -> Reply:
        return as_json({"models": [model.listed() for model in self.models.values()]})

    def _running(self) -> Reply:
        return as_json(
            {
                "models": [
                    {
                        **self.models[name].listed(),
                        "size": 6_000_000_000,
                        "size_vram": 3_000_000_000,
                        "expires_at": "2026-08-21T10:05:00Z",
                        "context_length": context,
                    }
                    for name, context in self.loaded.items()
                ]
            }
        )

    def _show(self, request: Received) -> Reply:
        model = self._find(request.json["model"])
        if model is None:
            return missing(request)
        about = {
            "details": model.details(),
            "model_info": {
                "general.architecture": model.family,
                f"{model.family}.context_length": model.context,
            },
            "capabilities": list(model.capabilities),
            "parameters": model.settings,
        }
        if model.remote_host:
            about["remote_host"] = model.remote_host
        return as_json(about)

    def _answer(self, request: Received) -> Reply:
        asked = request.json
        model = self._find(asked["model"])
        if model is None:
            return missing(request)
        if asked.get("keep_alive") == 0:
            self.loaded.pop(model.name, None)
            return as_json({"model": model.name, "done": True, "done_reason": "unload"})
        if asked.get("think") and "thinking" not in model.capabilities:
            return as_json({"error": f'"{model.name}" does not support thinking'}, 400)
        if asked.get("tools") and "tools" not in model.capabilities:
            return as_json({"error": f"{model.name} does not support tools"}, 400)
        context = self._load(model, asked)
        if not asked.get("messages") and not asked.get("prompt"):
            return as_json({"model": model.name, "done": True, "done_reason": "load"})
        prompt = count_prompt(asked)
        if prompt >= context and not self.truncates:
            return as_json({"error": "the input length exceeds the context length"}, 400)
        if prompt >= context:
            prompt = context // 2 + 2
        return ndjson(*self._lines(model, prompt, chats=request.path == "/api/chat"))

    def _load(self, model: Model, asked: dict[str, Any]) -> int:
        wanted = asked.get("options", {}).get("num_ctx", 4096)
        context = int(min(wanted, model.context or wanted, model.memory or wanted))
        if not model.remote_host:
            self.loaded[model.name] = context
        return context

    def _lines(self, model: Model, prompt: int, *, chats: bool) -> Iterable[dict[str, Any]]:
        def line(text: str = "", **more: Any) -> dict[str, Any]:
            said = {"content" if chats else "response": text, **more}
            return {
                "model": model.name,
                "created_at": "2026-08-21T10:00:00Z",
                **({"message": {"role": "assistant", **said}} if chats else said),
            }

        for thought in self.thinks:
            yield {**line(thinking=thought), "done": False}
        for text in self.says:
            yield {**line(text), "done": False}
        for call in self.calls:
            yield {**line(tool_calls=[call]), "done": False}
        cached = min(self.cached, prompt)
        count = prompt if self.counts_cached else prompt - cached
        made = len(self.thinks) + len(self.says)
        counters = {
            "total_duration": 5_000_000_000,
            "load_duration": 1_000_000_000,
            "prompt_eval_count": count,
            "prompt_eval_duration": 500_000_000,
            "eval_count": made,
            "eval_duration": 2_000_000_000,
        }
        told = {name: value for name, value in counters.items() if value}
        if self.tells_cached:
            told["prompt_eval_cached_count"] = cached
        yield {**line(), "done": True, "done_reason": "stop", **told}

    def _embed(self, request: Received) -> Reply:
        asked = request.json
        model = self._find(asked["model"])
        if model is None:
            return missing(request)
        context = self._load(model, asked)
        texts = asked["input"]
        if any(len(text) // CHARACTERS_PER_TOKEN > context for text in texts):
            return as_json({"error": "the input length exceeds the context length"}, 400)
        vectors = [[len(text) / 1000, 0.5, -1] for text in texts]
        return as_json({"model": model.name, "embeddings": vectors})

    def _pull(self, request: Received) -> Reply:
        name = request.json["model"]
        name = name if ":" in name else f"{name}:latest"
        model = self.registry.get(name)
        start: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if model is None:
            return ndjson(*start, {"error": "pull model manifest: file does not exist"})
        self.models[name] = model
        return ndjson(*start, *pull_lines(model.size), {"status": "success"})

    def _delete(self, request: Received) -> Reply:
        model = self._find(request.json["model"])
        if model is None:
            return missing(request)
        del self.models[model.name]
        self.loaded.pop(model.name, None)
        return Reply()


def pull_lines(size: int) -> list[dict[str, Any]]:
    """A model in two files that come together; what has not begun leaves `completed` out."""
    weights = {"status": "pulling aaaaaaaaaaaa", "digest": "sha256:" + "a" * 64, "total": size}
    template = {"status": "pulling bbbbbbbbbbbb", "digest": "sha256:" + "b" * 64, "total": 100}
    return [
        weights,
        {**weights, "completed": size // 2},
        {**template, "completed": 100},
        {**weights, "completed": size},
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
    ]


def count_prompt(asked: dict[str, Any]) -> int:
    """The tokens of a request, by this server's own simple tokenizer."""
    if "prompt" in asked:
        return len(asked["prompt"]) // CHARACTERS_PER_TOKEN + 1
    texts = [message["content"] for message in asked["messages"]]
    return sum(len(text) // CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS for text in texts)


def missing(request: Received) -> Reply:
    """The answer for a model that is not there."""
    return as_json({"error": f"model '{json.loads(request.body)['model']}' not found"}, 404)
