"""text-generation-webui on loopback: one loaded model, and the internal API that changes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill


@dataclass
class TextGenerationWebUI:
    """One server; with `admin_key` only its holder sees and changes the models on disk."""

    server: FakeServer
    files: tuple[str, ...] = ("small.gguf", "large.gguf")
    loaded: str = "small.gguf"
    args: dict[str, Any] = field(default_factory=dict)  # of the newest load
    admin_key: str = ""
    broken: tuple[str, ...] = ()  # files that cannot be loaded
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "text-generation-webui")
        route, path = self.server.route, "/v1/internal/model"
        route("GET", f"{path}/info", lambda _: as_json(self._info()))
        route("GET", f"{path}/list", self._admin(lambda _: as_json({"model_names": self.files})))
        route("POST", f"{path}/load", self._admin(self._load))
        route("POST", f"{path}/unload", self._admin(lambda _: self._unload()))

    def _info(self) -> dict[str, Any]:
        return {"model_name": self.loaded or "None", "lora_names": [], "loader": "llama.cpp"}

    def _admin(self, handler: Any) -> Any:
        def guard(request: Received) -> Reply:
            given = request.headers.get("authorization")
            if self.admin_key and given != f"Bearer {self.admin_key}":
                return as_json({"detail": "Unauthorized"}, 401)
            reply: Reply = handler(request)
            return reply

        return guard

    def _load(self, request: Received) -> Reply:
        name, self.loaded = request.json["model_name"], ""
        if name in self.broken or name not in self.files:
            return as_json({"detail": "Failed to load the model."}, 400)
        self.loaded, self.args = name, request.json["args"]
        return Reply(json.dumps("OK").encode())

    def _unload(self) -> Reply:
        self.loaded = ""
        return as_json("OK")
