"""What an Ollama server tells of itself and of its models; what stays the same is asked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ApiError, HearthError
from app.llm.providers.server import Server
from app.llm.providers.wire import ollama_address, ollama_context, ollama_models
from app.llm.providers.wire.fields import as_object, objects, string
from app.llm.providers.wire.ollama_models import Shown, full_name
from app.schema import Endpoint, ModelInfo, ModelRef, RunningModel

CHECK_SECONDS = 5.0  # for what is asked beside an answer, which nobody should wait for


class OllamaFacts:
    """Asks one server."""

    def __init__(self, server: Server, endpoint: Endpoint) -> None:
        """The endpoint's address is whole."""
        self._server = server
        self._endpoint = endpoint
        self._shown: dict[str, Shown] = {}  # by the model's full name

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked leaves for a company's computers, whatever the model."""
        return ollama_address.is_cloud(self._endpoint.url)

    def info(self, model: str, about: Mapping[str, Any]) -> ModelInfo:
        """What `about`, an entry of the list or the reply for one model, says of it."""
        ref = ModelRef(self._endpoint.name, model)
        return ollama_models.model_info(ref, self._server.name, about, is_cloud=self.is_cloud)

    async def listed(self) -> list[ModelInfo]:
        """The server's list, with what is known besides."""
        reply = as_object(self._server.name, await self._server.get("/api/tags"))
        infos = []
        for about in objects(reply.get("models")):
            name = about.get("model") or about.get("name")
            if isinstance(name, str):
                info = self.info(name, about)
                shown = self._shown.get(full_name(name))
                infos.append(shown.added_to(info) if shown else info)
        return infos

    async def show(self, model: str) -> Shown:
        """What the server knows of a model, asked once. Raises ModelMissing."""
        name = full_name(model)
        if name not in self._shown:
            try:
                reply = await self._server.post("/api/show", {"model": model})
            except ApiError as error:
                if error.status != 404:
                    raise
                return Shown(self.info(model, {}))  # an imitator that does not know the path
            about = as_object(self._server.name, reply)
            self._shown[name] = ollama_models.shown(self.info(model, about), about)
        return self._shown[name]

    def forget(self, model: str) -> None:
        """Has a model that was changed asked for anew."""
        self._shown.pop(full_name(model), None)

    async def running(self, seconds: float | None = None) -> list[RunningModel]:
        """The models in the server's memory; `seconds` replaces the usual time-out."""
        reply = await self._server.call("GET", "/api/ps", seconds=seconds)
        return ollama_models.running(as_object(self._server.name, reply))

    async def running_now(self) -> list[RunningModel]:
        """The models in the server's memory, none where it does not tell in a moment."""
        try:
            return await self.running(CHECK_SECONDS)
        except HearthError:
            return []

    async def given_context(self, model: str) -> int:
        """The context that a model was loaded with, in tokens; 0 if unknown."""
        name = full_name(model)
        same = (run.context for run in await self.running_now() if full_name(run.model) == name)
        return next(same, 0)

    async def version(self, seconds: float | None = None) -> str:
        """The server's version, "" if it tells none; `seconds` replaces the usual time-out."""
        reply = await self._server.call("GET", "/api/version", seconds=seconds)
        return string(as_object(self._server.name, reply), "version")

    async def counts_whole_prompt(self) -> bool:
        """Whether it counts the cached part of a prompt with the rest; if it tells its version."""
        try:
            return ollama_context.counts_whole_prompt(await self.version(CHECK_SECONDS))
        except HearthError:
            return False
