"""The selected model: chosen, made ready, loaded and unloaded; its state is told to listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.errors import HearthError, NoModel
from app.llm.providers.interface import LoadsModels, Opens, Provider, ability
from app.llm.providers.policies.breaker import CircuitBreaker
from app.llm.registry import Registry
from app.llm.state import ModelState, Phase
from app.schema import LoadedModel, LoadProgress, ModelInfo, ModelRef

Listener = Callable[[ModelState], None]
FindProvider = Callable[[str], Awaitable[Provider]]


@dataclass(slots=True)
class _Load:
    """A load, for which one or more callers wait."""

    ref: ModelRef
    task: asyncio.Task[None]
    waiting: int = 0
    successor: ModelRef | None = None  # the model for which it is given up


class _GivenUp(NoModel):
    """A load was stopped, perhaps for that of another model."""

    def __init__(self, successor: ModelRef | None) -> None:
        super().__init__("The model was not loaded.", "Load it, or choose another.")
        self.successor = successor


class Selection:
    """One model at a time, in this process or at a server."""

    def __init__(self, registry: Registry, find: FindProvider) -> None:
        """`find` gives a provider by its name, looking for its server where that is needed."""
        self._registry = registry
        self._find = find
        self._state = ModelState()
        self._listeners: list[Listener] = []
        self._load: _Load | None = None

    @property
    def state(self) -> ModelState:
        """The present state; listeners are told when it changes."""
        return self._state

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` at each change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def select(self, ref: ModelRef) -> None:
        """Chooses a model without loading it; that happens when it is first asked."""
        if self._state.phase in (Phase.NOTHING, Phase.IDLE):
            self._change(ModelState(Phase.IDLE, ref))

    async def load(self, ref: ModelRef) -> None:
        """Loads a model in place of the present one; a load of another one is given up.

        Where this one is being loaded already, its end is waited for.

        Raises:
            ModelError: it cannot be loaded; the state then holds the error as well.
            ProviderError: its server does not have it ready; likewise.
            NoModel: the load was stopped by `cancel_load`, or by the load of another model.
        """
        while (load := self._running()) is not None and load.ref != ref:
            load.successor = ref
            load.task.cancel()
            await asyncio.wait([load.task])
        if load is None:
            load = self._load = _Load(ref, asyncio.ensure_future(self._run_load(ref)))
        load.waiting += 1
        try:
            await asyncio.wait([load.task])
        except asyncio.CancelledError:
            if load.waiting == 1:  # nobody else wants it
                load.task.cancel()
                await asyncio.wait([load.task])
            raise
        finally:
            load.waiting -= 1
        if load.task.cancelled():
            raise _GivenUp(load.successor)
        load.task.result()

    async def cancel_load(self) -> None:
        """Ends a load that is running, and returns when it has ended."""
        while (load := self._running()) is not None:  # another may have begun by then
            load.task.cancel()
            await asyncio.wait([load.task])

    def _running(self) -> _Load | None:
        return self._load if self._load is not None and not self._load.task.done() else None

    def return_to(self, ref: ModelRef, stand_in: ModelRef) -> None:
        """Selects a model again for which another one stood in; that one stays in memory."""
        if self._state.ref == stand_in and self._state.phase is Phase.READY:
            self._change(ModelState(Phase.IDLE, ref))

    @property
    def holds_memory(self) -> bool:
        """Whether a model is in this process's memory, be it the selected one or a stand-in."""
        loaders = (self._loader(name) for name in self._registry.made)
        return any(loader is not None and loader.loaded is not None for loader in loaders)

    async def unload(self) -> None:
        """Gives the memory back that models have in this process; the selected one stays so."""
        await self.cancel_load()
        if self._state.phase is Phase.READY:
            self._change(ModelState(Phase.IDLE, self._state.ref))
        for name in self._registry.made:
            await self._unload(name)

    async def ensure_ready(self) -> LoadedModel:
        """The selected model, loaded if it is not.

        Raises:
            NoModel: none is selected, or its load was stopped.
            ModelError: it cannot be loaded.
        """
        wanted = self._wanted()
        while wanted is not None:
            try:
                await self.load(wanted)
            except _GivenUp as error:
                if error.successor is None:
                    raise
                wanted = error.successor
            else:
                wanted = self._wanted()
        if self._state.loaded is None:
            raise NoModel("No model is chosen yet.", "Open a GGUF file, or choose a model.")
        return self._state.loaded

    def _wanted(self) -> ModelRef | None:
        """The model that is being loaded, or is chosen and not loaded."""
        if (load := self._running()) is not None:
            return load.ref
        return self._state.ref if self._state.phase is Phase.IDLE else None

    async def aclose(self) -> None:
        """Ends a load that runs, and selects nothing."""
        await self.cancel_load()
        self._change(ModelState())

    async def _run_load(self, ref: ModelRef) -> None:
        before = self._state
        self._change(ModelState(Phase.LOADING, ref))
        try:
            provider = await self._find(ref.provider)
            loaded = await self._get_ready(provider, ref)
        except BaseException as error:
            known = error if isinstance(error, HearthError) else None
            if before.loaded is not None and self._is_still_ready(before.loaded.info.ref):
                self._change(before._replace(error=known))
            else:
                self._change(ModelState(Phase.IDLE, ref, error=known))
            raise
        self._change(ModelState(Phase.READY, loaded.info.ref, loaded=loaded))

    async def _get_ready(self, provider: Provider, ref: ModelRef) -> LoadedModel:
        loader = ability(provider, LoadsModels)  # type: ignore[type-abstract]
        if loader is not None:
            await self._unload_others(ref.provider)  # their memory is needed
            loaded = await loader.load(ref.model, self._on_progress)
        else:
            loaded = await _opened(provider, ref)
            await self._unload_others(ref.provider)
        if (breaker := ability(provider, CircuitBreaker)) is not None:
            breaker.reset()  # it answers
        return loaded

    def _is_still_ready(self, ref: ModelRef) -> bool:
        """Whether a failed load has left the model before it as it was."""
        loader = self._loader(ref.provider)
        return loader is None or loader.loaded == ref.model  # none: it is a server's

    def _loader(self, name: str) -> LoadsModels | None:
        """A provider whose models are in this process; None for others."""
        provider = self._registry.made.get(name)
        return ability(provider, LoadsModels) if provider else None  # type: ignore[type-abstract]

    async def _unload(self, name: str) -> None:
        loader = self._loader(name)
        if loader is not None:
            await loader.unload()

    async def _unload_others(self, name: str) -> None:
        """Gives the memory back that models of other providers have in this process."""
        for other in self._registry.made:
            if other != name:
                await self._unload(other)

    def _on_progress(self, progress: LoadProgress) -> None:
        if self._state.phase is Phase.LOADING:
            self._change(self._state._replace(progress=progress))

    def _change(self, state: ModelState) -> None:
        self._state = state
        for listener in tuple(self._listeners):
            listener(state)


async def _opened(provider: Provider, ref: ModelRef) -> LoadedModel:
    """A server's model, ready; a provider that cannot say more is taken at its list's word."""
    opener = ability(provider, Opens)  # type: ignore[type-abstract]
    if opener is not None:
        return await opener.open(ref.model)
    listed = {info.ref.model: info for info in await provider.list_models()}
    info = listed.get(ref.model) or ModelInfo(ref, ref.model, provider=provider.title)
    return LoadedModel(info, context=info.trained_context, threads=0, device=provider.title)
