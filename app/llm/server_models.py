"""The models that servers keep: listed, fetched, deleted, loaded and unloaded there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from app.errors import HearthError, Unsupported
from app.llm.providers.interface import Deletes, ManagesMemory, Provider, Pulls, ability
from app.llm.registry import Registry
from app.schema import ModelInfo, ModelRef, PullProgress

WAIT_SECONDS = 5.0  # for one server


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server, its models, and what can be done with them from here."""

    name: str  # the provider's
    title: str
    models: tuple[ModelInfo, ...] = ()
    can_pull: bool = False
    can_delete: bool = False
    can_load: bool = False
    error: HearthError | None = None  # it does not answer now


class ServerModels:
    """Asks the providers that can do this; the others are left out."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def servers(self) -> Sequence[ModelServer]:
        """The servers whose models can be changed from here, as they answer now."""
        names = [name for name in self._registry.names() if self._registry.fixed(name) is None]
        asked = await asyncio.gather(*(self._server(name) for name in names))
        return [one for one in asked if one.can_pull or one.can_delete or one.can_load]

    async def pull(self, name: str, model: str) -> AsyncGenerator[PullProgress, None]:
        """Has a server fetch a model; closing the generator stops it. Raises HearthError."""
        provider = await self._registry.get(name)
        puller = ability(provider, Pulls)  # type: ignore[type-abstract]
        if puller is None:
            raise _cannot(provider, "fetch models")
        async with aclosing(puller.pull(model)) as states:
            async for state in states:
                yield state

    async def delete(self, ref: ModelRef) -> None:
        """Deletes a model from its server's disk. Raises HearthError."""
        provider = await self._registry.get(ref.provider)
        deleter = ability(provider, Deletes)  # type: ignore[type-abstract]
        if deleter is None:
            raise _cannot(provider, "delete models")
        await deleter.delete(ref.model)

    async def load(self, ref: ModelRef) -> None:
        """Has a server load a model. Raises HearthError."""
        await (await self._memory(ref)).load_remote(ref.model)

    async def unload(self, ref: ModelRef) -> None:
        """Has a server give a model's memory back. Raises HearthError."""
        await (await self._memory(ref)).unload_remote(ref.model)

    async def _memory(self, ref: ModelRef) -> ManagesMemory:
        provider = await self._registry.get(ref.provider)
        manages = ability(provider, ManagesMemory)  # type: ignore[type-abstract]
        if manages is None:
            raise _cannot(provider, "load and unload models")
        return manages

    async def _server(self, name: str) -> ModelServer:
        found = ModelServer(name, name)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                provider = await self._registry.get(name)
                found = ModelServer(
                    name,
                    provider.title,
                    can_pull=ability(provider, Pulls) is not None,  # type: ignore[type-abstract]
                    can_delete=ability(provider, Deletes) is not None,  # type: ignore[type-abstract]
                    can_load=ability(provider, ManagesMemory) is not None,  # type: ignore[type-abstract]
                )
                if not (found.can_pull or found.can_delete or found.can_load):
                    return found
                return await self._with_models(provider, found)
        except HearthError as error:
            return replace(found, error=error)
        except TimeoutError:
            late = HearthError("It does not answer in time.", "Try again in a moment.")
            return replace(found, error=late)

    async def _with_models(self, provider: Provider, found: ModelServer) -> ModelServer:
        models = tuple(await provider.list_models())
        manages = ability(provider, ManagesMemory)  # type: ignore[type-abstract]
        if manages is not None:
            loaded = {running.model for running in await manages.running()}
            models = tuple(
                replace(model, is_loaded=model.is_loaded or model.ref.model in loaded)
                for model in models
            )
        return replace(found, models=models)


def _cannot(provider: Provider, what: str) -> Unsupported:
    return Unsupported(
        f"{provider.title} does not {what} for other programs.", "Do it there instead."
    )
