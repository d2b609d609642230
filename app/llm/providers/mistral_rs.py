"""mistral.rs: OpenAI's API, with models that can be unloaded and loaded again.

Source: mistralrs-server-core/src/handlers.rs of mistral.rs 0.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from app import net
from app.errors import HearthError, Unsupported
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import as_object
from app.schema import Chunk, Endpoint, LoadedModel, ModelInfo, Request, RunningModel

DEFAULT = "default"  # the server's own name for the model that it takes when none is named
LOAD_SECONDS = 900.0  # for a model to be read; the answer comes when it is loaded
LOAD_PAUSE = 0.5  # seconds between two looks at a model that somebody else has it load


class MistralRsProvider(OpenAIProvider):
    """One mistral.rs server; an empty model name stands for the one that is used by default."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["mistral-rs"], lock)
        self._default = endpoint.models[0] if endpoint.models else DEFAULT

    async def open(self, model: str) -> LoadedModel:
        """Gets ready to answer; a model that was unloaded is loaded again."""
        return await super().open(model or self._default)

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        async with aclosing(super().stream(model or self._default, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def running(self) -> Sequence[RunningModel]:
        """The models in its memory; it does not tell their sizes."""
        loaded = (info.ref.model for info in await self._list() if info.is_loaded)
        return [RunningModel(name) for name in loaded if name != DEFAULT]

    async def load_remote(self, model: str, context: int = 0) -> None:  # noqa: ARG002
        """Has it load a model that was unloaded, with the settings that it was started with."""
        while True:
            if await self._told("reload", model) != "reloading":  # for somebody else
                return
            await asyncio.sleep(LOAD_PAUSE)

    async def unload_remote(self, model: str) -> None:
        """Has it give a model's memory back; it can be loaded again."""
        await self._told("unload", model)

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        if not info.is_loaded:
            await self.load_remote(info.ref.model)
            info = replace(info, is_loaded=True)
        return await super()._opened(info)

    def _info(self, about: dict[str, Any]) -> ModelInfo:
        is_loaded = about.get("status") in (None, "loaded")  # older versions tell no status
        return replace(super()._info(about), is_loaded=is_loaded)

    async def _told(self, what: str, model: str) -> str:
        """The model's status after the server was told to unload or reload it."""
        path = f"{self._prefix}/models/{what}"
        body = {"model_id": model}
        reply = as_object(self.title, await self._server.post(path, body, seconds=LOAD_SECONDS))
        status = str(reply.get("status"))
        if reply.get("error") or status not in ("loaded", "unloaded", "reloading"):
            raise self._refusal(model, status, reply)
        return status

    def _refusal(self, model: str, status: str, reply: dict[str, Any]) -> HearthError:
        if status == "not_found":
            return failures.missing(self.title, model)
        if status == "no_loader_config":
            return Unsupported(
                f"{self.title} cannot load “{model}” again, and so does not unload it.",
                "Restart the server to change its models.",
                provider=self.title,
            )
        words = reply.get("error") or f"the model “{model}” failed ({status})"
        return failures.failure(self.title, None, {"error": words})
