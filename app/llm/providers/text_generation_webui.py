"""text-generation-webui: OpenAI's API for the one model that is loaded, and its own to change it.

Source: extensions/openai/script.py of text-generation-webui 4.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app import net
from app.errors import Misconfigured, ModelMissing
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import as_object
from app.schema import Endpoint, LoadedModel, ModelInfo, RunningModel

LOAD_SECONDS = 900.0  # for a model to be read; the answer comes when it is loaded
NOTHING = ("", "None")  # its names for no model at all
INTERNAL = "/v1/internal/model"


class TextGenerationWebUIProvider(OpenAIProvider):
    """One text-generation-webui. Changing the model needs its admin key, where it has one."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["text-generation-webui"], lock)

    async def running(self) -> Sequence[RunningModel]:
        """The model in its memory."""
        current = await self._current()
        return [RunningModel(current)] if current else []

    async def load_remote(self, model: str, context: int = 0) -> None:
        """Has it load a model in place of the one it has."""
        if model == await self._current() and not context:
            return
        if model not in await self._names():
            raise failures.missing(self.title, model)
        args = {"ctx_size": context} if context else {}
        body = {"model_name": model, "args": args}
        await self._server.post(f"{INTERNAL}/load", body, seconds=LOAD_SECONDS)

    async def unload_remote(self, model: str) -> None:
        """Has it give the memory of its model back."""
        if await self._current() == model:
            await self._server.call("POST", f"{INTERNAL}/unload")

    async def _list(self) -> Sequence[ModelInfo]:
        current = await self._current()
        try:
            names = await self._names()
        except Misconfigured:  # without the admin key it tells only what is loaded
            names = [current] if current else []
        infos = [self._info({"id": name}) for name in names]
        return [replace(info, is_loaded=info.ref.model == current) for info in infos]

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        """Whatever name is sent, the loaded model answers: so the chosen one is loaded first."""
        model, context = info.ref.model, 0
        if await self._current() != model:
            context = self.endpoint.context
            try:
                await self.load_remote(model, context)
            except ModelMissing:
                if not self.endpoint.models:  # else the name is the person's own
                    raise
        return LoadedModel(
            replace(info, is_loaded=True), context=context, threads=0, device=self.title
        )

    async def _current(self) -> str:
        reply: dict[str, Any] = as_object(self.title, await self._server.get(f"{INTERNAL}/info"))
        name = str(reply.get("model_name") or "")
        return "" if name in NOTHING else name

    async def _names(self) -> Sequence[str]:
        """The models on its disk. Raises Misconfigured where it wants an admin key for that."""
        reply = as_object(self.title, await self._server.get(f"{INTERNAL}/list"))
        names = reply.get("model_names")
        return [str(name) for name in names if name not in NOTHING] if names else []
