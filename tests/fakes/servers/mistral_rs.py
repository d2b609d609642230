"""mistral.rs on loopback: models with a status that unloading and reloading change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill


@dataclass
class MistralRs:
    """One server; model -> status. Whatever it is told it answers with 200."""

    server: FakeServer
    models: dict[str, str] = field(default_factory=lambda: {"qwen3": "loaded"})
    reloading: int = 0  # answers that a model is being loaded for somebody else
    error: str = ""  # of the next reload
    keeps: tuple[str, ...] = ()  # models that it could not load again
    tells_status: bool = True
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "mistral-rs", models=("default", *self.models))
        route = self.server.route
        route("GET", "/v1/models", lambda _: as_json(self._listed()))
        route("POST", "/v1/models/unload", lambda request: self._told(request, "unloaded"))
        route("POST", "/v1/models/reload", lambda request: self._told(request, "loaded"))

    def _listed(self) -> dict[str, Any]:
        listed = [self.chat.about("default")]
        for name, status in self.models.items():
            about = self.chat.about(name)
            listed.append({**about, "status": status} if self.tells_status else about)
        return {"object": "list", "data": listed}

    def _told(self, request: Received, status: str) -> Reply:
        name = request.json["model_id"]
        answer = {"model_id": name}
        if name not in self.models:
            return as_json({**answer, "status": "not_found"})
        if name in self.keeps:
            return as_json({**answer, "status": "no_loader_config"})
        if status == "loaded" and self.reloading:
            self.reloading -= 1
            return as_json({**answer, "status": "reloading"})
        if status == "loaded" and self.error:
            return as_json({**answer, "status": "internal_error", "error": self.error})
        self.models[name] = status
        return as_json({**answer, "status": status})
