"""KoboldCpp: OpenAI's API for its one model; it changes the model by starting itself anew.

Source: koboldcpp.py of KoboldCpp 1.115.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from app import net
from app.errors import (
    ApiError,
    ModelMissing,
    ProviderError,
    StreamCut,
    TimedOut,
    Unreachable,
    Unsupported,
)
from app.llm.providers import failures
from app.llm.providers.openai import OpenAIProvider
from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire.fields import as_object, whole
from app.schema import Endpoint, LoadedModel, ModelInfo, RunningModel

RESTART_PAUSE = 0.5  # seconds between two looks at a server that starts itself anew
RESTART_SECONDS = 600.0  # for the new model to be read
STILL_SECONDS = 10.0  # after which a server that was never away has stayed as it was
PREFIX = "koboldcpp/"  # before the name of every model
NOTHING = "inactive"  # its name for no model at all
UNLOAD, INITIAL = "unload_model", "initial_model"  # options that are no files


class KoboldCppProvider(OpenAIProvider):
    """One KoboldCpp. Changing its model needs `--admin`, and its admin password as the key."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        super().__init__(endpoint, PROFILES["koboldcpp"], lock)
        self._settings = ("", "")  # a file of settings that was loaded, and its model's name

    async def running(self) -> Sequence[RunningModel]:
        """The model in its memory."""
        current = await self._current()
        if not current:
            return []
        named = next((file for file in await self._files() if self._is(file, current)), current)
        return [RunningModel(named, context=await self._context())]

    async def load_remote(self, model: str, context: int = 0) -> None:  # noqa: ARG002
        """Has it start anew with another model and waits for it; its settings give the context."""
        current = await self._current()
        if self._is(model, current):
            return
        if model not in await self._files():
            raise failures.missing(self.title, model)
        async with self._turn or nullcontext():  # an answer that is being given would break off
            now = await self._restarted(model, current)
        if not model.endswith(".gguf"):  # which model its settings name is known only now
            self._settings = (model, now)
        elif now == current:
            raise ApiError(
                f"{self.title} could not load “{model}” and has {now or 'no model'} still.",
                "Its window says why. Often the memory is too small: choose a smaller model.",
                provider=self.title,
            )

    async def unload_remote(self, model: str) -> None:
        """Has it start anew without a model."""
        current = await self._current()
        if current and self._is(model, current):
            async with self._turn or nullcontext():
                await self._restarted(UNLOAD, current)

    async def _list(self) -> Sequence[ModelInfo]:
        """The files that it can switch to, where it lets itself be switched, and what it has."""
        current = await self._current()
        names = list(await self._files())
        if current and not any(self._is(name, current) for name in names):
            names.insert(0, current)
        return [
            replace(self._info({"id": name}), is_loaded=self._is(name, current)) for name in names
        ]

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        """Whatever name is sent, the loaded model answers: so the chosen one is loaded first."""
        try:
            await self.load_remote(info.ref.model)
        except ModelMissing:
            if not self.endpoint.models:  # else the name is the person's own
                raise
        return LoadedModel(
            replace(info, is_loaded=True),
            context=await self._context(),
            threads=0,
            device=self.title,
        )

    def _is(self, name: str, current: str) -> bool:
        """Whether the loaded model is the one of that name in the list."""
        if not current:
            return False
        if name.endswith(".gguf"):
            return _plain(name.removesuffix(".gguf")) == _plain(current)
        return name == current or (name, current) == self._settings

    async def _current(self) -> str:
        """The loaded model's name, "" for none."""
        reply = as_object(self.title, await self._server.get("/api/v1/model"))
        name = str(reply.get("result") or "")
        return "" if name.removeprefix(PREFIX) == NOTHING else name

    async def _files(self) -> Sequence[str]:
        """The files that it can load; none where it was started without `--admin`."""
        try:
            listed = await self._server.get("/api/admin/list_options")
        except ProviderError as error:
            if error.status is None:
                raise
            return []
        names = listed if isinstance(listed, list) else []
        return [name for name in names if isinstance(name, str) and name not in (UNLOAD, INITIAL)]

    async def _context(self) -> int:
        path = "/api/extra/true_max_context_length"
        return whole(as_object(self.title, await self._server.get(path)), "value")

    async def _restarted(self, file: str, before: str) -> str:
        """Has it start anew with a file; returns the name of the model that it has then."""
        reply = as_object(
            self.title, await self._server.post("/api/admin/reload_config", {"filename": file})
        )
        if reply.get("success") is not True:
            raise Unsupported(
                f"{self.title} does not let its model be changed from here.",
                "Start it with --admin and --admindir, and give its admin password as the key.",
                provider=self.title,
            )
        loop = asyncio.get_running_loop()
        began, was_away = loop.time(), False
        while loop.time() < began + RESTART_SECONDS:
            await asyncio.sleep(RESTART_PAUSE)
            try:
                now = await self._current()
            except (Unreachable, StreamCut, TimedOut):
                was_away = True
                continue
            if was_away or now != before or loop.time() > began + STILL_SECONDS:
                return now
        raise TimedOut(
            f"{self.title} has not come back with the new model.",
            "See in its window whether it still loads, or start it again.",
            provider=self.title,
        )


def _plain(name: str) -> str:
    """A model's name as KoboldCpp shows it: without folders and signs that it leaves out."""
    return re.sub(r"[^\w.\- ]", "", name.removeprefix(PREFIX).replace("\\", "/").rpartition("/")[2])
