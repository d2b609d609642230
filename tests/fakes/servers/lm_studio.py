"""LM Studio on loopback: its REST API in both versions, and a status of success for everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill

OWN_CONTEXT = 4096  # of a model that is loaded without one


@dataclass
class StudioModel:
    """A model on its disk, with the contexts of its loaded copies by their ids."""

    kind: str = "llm"
    display: str = "Gemma 3 270m Instruct Qat"
    size: int = 241_410_208
    parameters: str | None = "270M"
    max_context: int = 32_768
    sees: bool = False
    copies: dict[str, int] = field(default_factory=dict)


@dataclass
class LMStudio:
    """One LM Studio; `api` 1 is 0.4 and later, 0 is 0.3, and -1 has OpenAI's API alone."""

    server: FakeServer
    api: int = 1
    models: dict[str, StudioModel] = field(default_factory=dict)
    catalogue: dict[str, int] = field(default_factory=dict)  # what it can fetch, with its bytes
    breaks: bool = False  # a download fails half way
    _fetching: str = ""
    _looks: int = 0
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "lm-studio", models=())
        self.server.otherwise = unexpected
        if self.api == 1:
            self.server.route("GET", "/api/v1/models", self.chat.guarded(lambda _: self._new()))
            self.server.route("POST", "/api/v1/models/load", self._load)
            self.server.route("POST", "/api/v1/models/unload", self._unload)
            self.server.route("POST", "/api/v1/models/download", self._download)
            self.server.route("GET", "/api/v1/models/download/status/job-1", self._status)
        if self.api >= 0:
            self.server.route("GET", "/api/v0/models", lambda _: self._old())

    def add(self, key: str, **about: Any) -> StudioModel:
        self.models[key] = model = StudioModel(**about)
        self.chat.models = tuple(self.models)
        return model

    def _download(self, request: Received) -> Reply:
        key = request.json["model"]
        if key in self.models:
            return as_json({"status": "already_downloaded"})
        if key not in self.catalogue:
            error = {"type": "model_not_found", "message": f"Model {key} was not found"}
            return as_json({"error": error}, 404)
        self._fetching = key
        total = self.catalogue[key]
        return as_json({"job_id": "job-1", "status": "downloading", "total_size_bytes": total})

    def _status(self, _request: Received) -> Reply:
        total = self.catalogue[self._fetching]
        self._looks += 1
        about = {"job_id": "job-1", "total_size_bytes": total, "downloaded_bytes": total // 2}
        if self._looks == 1:
            return as_json({**about, "status": "downloading", "bytes_per_second": 1000})
        if self.breaks:
            return as_json({**about, "status": "failed", "error": "the disk is full"})
        self.add(self._fetching)
        return as_json({**about, "status": "completed", "downloaded_bytes": total})

    def _new(self) -> Reply:
        return as_json({"models": [self._about(key, it) for key, it in self.models.items()]})

    def _about(self, key: str, model: StudioModel) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": model.kind,
            "publisher": "lmstudio-community",
            "key": key,
            "display_name": model.display,
            "quantization": {"name": "Q4_0", "bits_per_weight": 4},
            "size_bytes": model.size,
            "params_string": model.parameters,
            "loaded_instances": [
                {"id": name, "config": {"context_length": context, "parallel": 4}}
                for name, context in model.copies.items()
            ],
            "max_context_length": model.max_context,
            "format": "gguf",
        }
        if model.kind == "llm":
            made["architecture"] = "gemma3"
            made["capabilities"] = {"vision": model.sees, "trained_for_tool_use": True}
        return made

    def _old(self) -> Reply:
        listed = []
        for key, model in self.models.items():
            about = {
                "id": key,
                "object": "model",
                "type": "vlm" if model.sees else "embeddings" if model.kind != "llm" else "llm",
                "arch": "gemma3",
                "quantization": "Q4_0",
                "state": "loaded" if model.copies else "not-loaded",
                "max_context_length": model.max_context,
                "capabilities": ["tool_use"],
            }
            if model.copies:
                about["loaded_context_length"] = next(iter(model.copies.values()))
            listed.append(about)
        return as_json({"object": "list", "data": listed})

    def _load(self, request: Received) -> Reply:
        asked = request.json
        model = self.models.get(asked["model"])
        if model is None:
            error = {"type": "model_not_found", "message": f"Model {asked['model']} not found"}
            return as_json({"error": error}, 404)
        number = len(model.copies) + 1
        name = asked["model"] if number == 1 else f"{asked['model']}:{number}"
        model.copies[name] = asked.get("context_length", OWN_CONTEXT)
        return as_json({"type": "llm", "instance_id": name, "status": "loaded"})

    def _unload(self, request: Received) -> Reply:
        name = request.json["instance_id"]
        for model in self.models.values():
            if model.copies.pop(name, None) is not None:
                return as_json({"instance_id": name})
        return as_json({"error": {"type": "model_not_found", "message": "Model not found"}}, 404)


def unexpected(request: Received) -> Reply:
    """What it answers, with 200, to every path that it does not know."""
    words = f"Unexpected endpoint or method. ({request.method} {request.path})"
    return as_json({"error": words}, 200, **{"X-Powered-By": "Express"})
