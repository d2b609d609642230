"""llama.cpp's server: one model, or as a router several that it loads and unloads.

Source: tools/server/README.md of llama.cpp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app import net
from app.errors import ApiError, ProviderError, Unsupported
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import as_object, mapping, objects, whole
from app.schema import Endpoint, LoadedModel, ModelInfo, RunningModel

LOAD_PAUSE = 0.5  # seconds between two looks at a model that the router loads or unloads
READY = ("loaded", "sleeping")  # a sleeping one wakes by itself at the next request
AS_WANTED = ("already", "not running", "not loaded")  # refusals that say it is so by now


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the requests that the server can work on at the same time; its context in tokens."""

    number: int
    context: int
    is_busy: bool


class LlamaServerProvider(OpenAIProvider):
    """A llama.cpp server in either of its modes; without a model it starts as a router."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["llama-server"], lock)

    async def props(self, model: str = "") -> dict[str, Any]:
        """What the server says of itself, or as a router of a model that is loaded."""
        query = {"model": model, "autoload": "false"} if model else None
        return as_object(self.title, await self._server.get("/props", query))

    async def slots(self, model: str = "") -> Sequence[Slot]:
        """The slots and whether they are at work; a router has those of each model."""
        query = {"model": model, "autoload": "false"} if model else None
        return [
            Slot(whole(slot, "id"), whole(slot, "n_ctx"), bool(slot.get("is_processing")))
            for slot in objects(await self._server.get("/slots", query))
        ]

    async def running(self) -> Sequence[RunningModel]:
        """The models in its memory."""
        props = await self.props()
        if _is_router(props):
            listed = await self._states()
            return [_running(about) for about in listed if _status(about) == "loaded"]
        if props.get("is_sleeping"):
            return []
        return [
            RunningModel(info.ref.model, size=info.size, context=_context(props))
            for info in await self._list()
        ]

    async def load_remote(self, model: str, context: int = 0) -> None:  # noqa: ARG002
        """Has a router load a model and waits for it.

        The context is not sent: the router takes it from its own settings.
        """
        if not _is_router(await self.props()):
            if all(info.ref.model != model for info in await self._list()):
                raise failures.missing(self.title, model)
            return
        await self._tell("load", model)
        await self._until(model, READY)

    async def unload_remote(self, model: str) -> None:
        """Has a router give a model's memory back, and waits until it has."""
        if not _is_router(await self.props()):
            raise Unsupported(
                f"{self.title} keeps its model for as long as it runs.",
                "Stop the server, or start it without a model: then it loads and unloads them.",
                provider=self.title,
            )
        await self._tell("unload", model)
        await self._until(model, ("unloaded",))

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        model = info.ref.model
        props = await self._told()
        if _is_router(props):
            await self.load_remote(model)
            props = await self.props(model)
        return LoadedModel(
            replace(info, is_loaded=True),
            context=_context(props) or info.trained_context,
            threads=0,
            device=self.title,
        )

    async def _told(self) -> dict[str, Any]:
        """The properties; none of a proxy before the server that does not pass them on."""
        try:
            return await self._patiently(self.props)
        except ProviderError as error:
            if error.status not in (404, 501):
                raise
            return {}

    def _info(self, about: dict[str, Any]) -> ModelInfo:
        info = super()._info(about)
        takes = mapping(about, "architecture").get("input_modalities")
        return replace(
            info,
            trained_context=whole(mapping(about, "meta"), "n_ctx_train") or info.trained_context,
            features=frozenset({"vision"}) if "image" in (takes or ()) else frozenset(),
            is_loaded=_status(about) == "loaded",
        )

    async def _tell(self, what: str, model: str) -> None:
        try:
            as_object(self.title, await self._server.post(f"/models/{what}", {"model": model}))
        except ProviderError as error:
            if not (error.status == 400 and any(sign in error.message for sign in AS_WANTED)):
                raise

    async def _until(self, model: str, wanted: tuple[str, ...]) -> None:
        """Waits until the router says that the model is in one of these states."""
        while (state := await self._state(model)) not in wanted:
            if state == "unloaded":  # it was to be loaded, and is not on its way
                raise ApiError(
                    f"{self.title} could not load “{model}”.",
                    "Its log says why. Often the memory is too small: choose a smaller model or "
                    "context.",
                    provider=self.title,
                )
            await asyncio.sleep(LOAD_PAUSE)

    async def _state(self, model: str) -> str:
        for about in await self._states():
            if model == about.get("id") or model in (about.get("aliases") or ()):
                return _status(about)
        raise failures.missing(self.title, model)

    async def _states(self) -> Sequence[dict[str, Any]]:
        return objects(as_object(self.title, await self._server.get("/models")).get("data"))


def _is_router(props: dict[str, Any]) -> bool:
    return props.get("role") == "router"


def _context(props: dict[str, Any]) -> int:
    return whole(mapping(props, "default_generation_settings"), "n_ctx")


def _status(about: dict[str, Any]) -> str:
    """The state of a model of the list; a server with one model gives it none."""
    status = about.get("status")
    return str(status.get("value") or "") if isinstance(status, dict) else "loaded"


def _running(about: dict[str, Any]) -> RunningModel:
    facts = mapping(about, "meta")
    return RunningModel(
        str(about.get("id")), size=whole(facts, "size"), context=whole(facts, "n_ctx")
    )
