"""LM Studio: its own REST API for models and their memory, OpenAI's for the chat.

Source: https://lmstudio.ai/docs/developer/rest; `/api/v1` came with 0.4.0, `/api/v0` before it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app import net
from app.errors import ProviderError, Unsupported
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import as_object, mapping, objects, string, whole
from app.schema import Endpoint, LoadedModel, ModelInfo, ModelRef, PullProgress, RunningModel

LOOK_SECONDS = 0.7  # between two looks at a download
DOWNLOADED = ("completed", "already_downloaded")
LOAD_SECONDS = 900.0  # for a model to be read; the answer comes when it is loaded
UNKNOWN_PATH = "Unexpected endpoint"  # what it says, with a status of success
UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class LMStudioProvider(OpenAIProvider):
    """LM Studio on this computer or another; older versions can do less."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["lm-studio"], lock)

    async def running(self) -> Sequence[RunningModel]:
        """The models in its memory, each loaded copy by itself."""
        models = await self._newest()
        if models is not None:
            return [copy for about in models for copy in _copies(about)]
        older = await self._models("/api/v0/models", "data")
        if older is None:
            raise self._too_old("say which models are loaded")
        return [
            RunningModel(str(about.get("id")), context=whole(about, "loaded_context_length"))
            for about in older
            if about.get("state") == "loaded"
        ]

    async def load_remote(self, model: str, context: int = 0) -> None:
        """Has it load a model; one that is loaded with another context is loaded anew."""
        copies = await self._copies_of(model)
        if copies and (not context or any(copy.context == context for copy in copies)):
            return
        await self._unload(copies)  # else there would be two in memory
        body = {"model": model, "context_length": context} if context else {"model": model}
        as_object(
            self.title, await self._server.post("/api/v1/models/load", body, seconds=LOAD_SECONDS)
        )

    async def unload_remote(self, model: str) -> None:
        """Has it give the memory of all copies of a model back; `model` may also name one copy."""
        await self._unload(await self._copies_of(model))

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Has it fetch a model, named as in its catalogue or by the address of its page.

        Closing the generator ends the watching alone: it has no way to cancel a download.
        """
        state = await self._download("POST", "/api/v1/models/download", {"model": model})
        job = string(state, "job_id")
        while True:
            status = string(state, "status")
            if status == "failed":
                raise failures.failure(self.title, None, {"error": state.get("error") or status})
            yield PullProgress(
                status, whole(state, "downloaded_bytes"), whole(state, "total_size_bytes")
            )
            if status in DOWNLOADED or not job:
                return
            await asyncio.sleep(LOOK_SECONDS)
            state = await self._download("GET", f"/api/v1/models/download/status/{job}")

    async def _download(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """What it says of a download. Raises Unsupported where this version fetches none."""
        try:
            return as_object(self.title, await self._server.call(method, path, body))
        except ProviderError as error:
            if error.status == 404 and "odel" not in error.message:
                raise self._too_old("fetch models") from error
            if UNKNOWN_PATH in error.message:
                raise self._too_old("fetch models") from error
            raise

    async def _list(self) -> Sequence[ModelInfo]:
        models = await self._newest()
        if models is not None:
            return [self._described(about) for about in models]
        older = await self._models("/api/v0/models", "data")
        if older is not None:
            return [self._described_before(about) for about in older]
        return await super()._list()

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        if await self._newest() is not None:
            copies = await self._copies_of(info.ref.model)
            if not copies:  # loading it at the first message is not reliable in every version
                await self.load_remote(info.ref.model, self.endpoint.context)
                copies = await self._copies_of(info.ref.model)
        else:
            copies = await self._copies_if_told(info.ref.model)
        context = max((copy.context for copy in copies), default=0)
        return LoadedModel(
            replace(info, is_loaded=bool(copies)),
            context=context or info.trained_context,
            threads=0,
            device=self.title,
        )

    async def _newest(self) -> Sequence[dict[str, Any]] | None:
        return await self._models("/api/v1/models", "models")

    async def _models(self, path: str, field: str) -> Sequence[dict[str, Any]] | None:
        """The models of one of its APIs, or None where this version has not got it."""
        try:
            reply = as_object(self.title, await self._server.get(path))
        except ProviderError as error:
            if error.status in (404, 405) or UNKNOWN_PATH in error.message:
                return None
            raise
        listed = reply.get(field)
        return objects(listed) if isinstance(listed, list) else None

    async def _copies_of(self, model: str) -> Sequence[RunningModel]:
        """The loaded copies of a model. Raises Unsupported where they cannot be managed."""
        models = await self._newest()
        if models is None:
            raise self._too_old("load and unload models")
        copies = [copy for about in models for copy in _copies(about)]
        return [copy for copy in copies if model in (copy.model, copy.instance)]

    async def _copies_if_told(self, model: str) -> Sequence[RunningModel]:
        try:
            return [copy for copy in await self.running() if copy.model == model]
        except Unsupported:
            return []

    async def _unload(self, copies: Sequence[RunningModel]) -> None:
        for copy in copies:
            body = {"instance_id": copy.instance}
            as_object(self.title, await self._server.post("/api/v1/models/unload", body))

    def _too_old(self, what: str) -> Unsupported:
        return Unsupported(
            f"This version of {self.title} does not {what} for other programs.",
            "Update it to 0.4 or newer, or load the model there.",
            provider=self.title,
        )

    def _described(self, about: dict[str, Any]) -> ModelInfo:
        """A model as `/api/v1` tells it."""
        key = str(about.get("key"))
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, key),
            name=str(about.get("display_name") or key),
            size=whole(about, "size_bytes"),
            quantisation=string(mapping(about, "quantization"), "name"),
            architecture=str(about.get("architecture") or ""),
            parameters=_parameters(about.get("params_string")),
            trained_context=whole(about, "max_context_length"),
            provider=self.title,
            features=_features(about, mapping(about, "capabilities")),
            is_loaded=bool(about.get("loaded_instances")),
        )

    def _described_before(self, about: dict[str, Any]) -> ModelInfo:
        """A model as `/api/v0` tells it."""
        model = str(about.get("id"))
        can = about.get("capabilities")
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, model),
            name=model,
            quantisation=str(about.get("quantization") or ""),
            architecture=str(about.get("arch") or ""),
            trained_context=whole(about, "max_context_length"),
            provider=self.title,
            features=_features(about, {"trained_for_tool_use": "tool_use" in (can or ())}),
            is_loaded=about.get("state") == "loaded",
        )


def _copies(about: dict[str, Any]) -> Sequence[RunningModel]:
    return [
        RunningModel(
            str(about.get("key")),
            size=whole(about, "size_bytes"),
            context=whole(mapping(instance, "config"), "context_length"),
            instance=str(instance.get("id")),
        )
        for instance in objects(about.get("loaded_instances"))
    ]


def _features(about: dict[str, Any], can: Mapping[str, Any]) -> frozenset[str]:
    kind = about.get("type")
    if kind in ("embedding", "embeddings"):
        return frozenset({"embedding"})
    told = {
        "vision": kind == "vlm" or can.get("vision"),
        "tools": can.get("trained_for_tool_use"),
        "thinking": can.get("reasoning"),
    }
    return frozenset({"chat", *(name for name, has in told.items() if has)})


def _parameters(text: Any) -> int:
    """A count of parameters such as 270M or 8x7B; 0 where it is not told."""
    match = re.fullmatch(r"(?:(\d+)x)?([\d.]+)([KMBT])", str(text or "").strip(), re.IGNORECASE)
    if match is None:
        return 0
    experts, number, unit = match.groups()
    try:
        return round(int(experts or 1) * float(number) * UNITS[unit.upper()])
    except ValueError:
        return 0
