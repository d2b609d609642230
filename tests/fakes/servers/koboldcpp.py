"""KoboldCpp on loopback: one model, and a restart whenever it is to change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json
from tests.fakes.servers.openai import OpenAIServer, fill


@dataclass
class KoboldCpp:
    """One server. A reload only notes what is to come: `restart` is for the test to await."""

    server: FakeServer
    loaded: str = "koboldcpp/small"
    files: tuple[str, ...] = ("small.gguf", "large.gguf", "story.kcpps")
    contents: dict[str, str] = field(default_factory=lambda: {"story.kcpps": "koboldcpp/tale"})
    context: int = 16_384
    is_admin: bool = True
    password: str = ""
    wanted: str = ""  # the file of the newest reload
    reloads: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # for its model since the reload
    chat: OpenAIServer = field(init=False)

    def __post_init__(self) -> None:
        self.chat = fill(self.server, "koboldcpp")
        route = self.server.route
        route("GET", "/v1/models", lambda _: as_json(self._listed()))
        route("GET", "/api/v1/model", lambda _: self._model())
        route("GET", "/api/extra/version", lambda _: as_json(self._version()))
        length = "/api/extra/true_max_context_length"
        route("GET", length, lambda _: as_json({"value": self.context}))
        route("GET", "/api/admin/list_options", lambda request: as_json(self._options(request)))
        route("POST", "/api/admin/reload_config", self._reload)

    async def restart(self) -> None:
        """Goes away and comes back on the same port with what was wanted."""
        port = self.server.port
        await self.server.stop()
        if self.wanted == "unload_model":
            self.loaded = "inactive"
        else:
            name = self.wanted.removesuffix(".gguf")
            self.loaded = self.contents.get(self.wanted, f"koboldcpp/{name}")
        await self.server.start(port=port)

    def _listed(self) -> dict[str, Any]:
        return {"object": "list", "data": [self.chat.about(self.loaded)]}

    def _model(self) -> Reply:
        if self.reloads.is_set():
            self.asked.set()
        return as_json({"result": self.loaded})

    def _version(self) -> dict[str, Any]:
        admin = (2 if self.password else 1) if self.is_admin else 0
        return {"result": "KoboldCpp", "version": "1.115.1", "protected": False, "admin": admin}

    def _may(self, request: Received) -> bool:
        given = request.headers.get("authorization")
        return self.is_admin and (not self.password or given == f"Bearer {self.password}")

    def _options(self, request: Received) -> list[str]:
        return [*self.files, "unload_model", "initial_model"] if self._may(request) else []

    def _reload(self, request: Received) -> Reply:
        file = request.json["filename"]
        if not self._may(request) or file not in self._options(request):
            return as_json({"success": False})
        self.wanted = file
        self.asked.clear()
        self.reloads.set()
        return as_json({"success": True})
