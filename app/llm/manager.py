"""The LLM manager: the only LLM object that the window and the command line know."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from app.errors import HearthError, NoModel
from app.llm.providers.interface import Embeds, LoadsModels, Provider
from app.llm.state import ModelState, Phase
from app.schema import Chunk, FoundServer, LoadedModel, LoadProgress, ModelInfo, ModelRef, Request

_LOG = logging.getLogger(__name__)


Listener = Callable[[ModelState], None]
FindServers = Callable[[], Awaitable[list[FoundServer]]]


class LLMManager:
    """Selects, loads and asks models, whichever provider they live in."""

    def __init__(
        self, providers: Mapping[str, Provider], find_servers: FindServers | None = None
    ) -> None:
        """`find_servers` looks for model servers on this computer; without it there are none."""
        self._providers = dict(providers)
        self._find_servers = find_servers
        self._state = ModelState()
        self._listeners: list[Listener] = []
        self._load: asyncio.Task[None] | None = None

    @property
    def state(self) -> ModelState:
        """The present state; listeners are told when it changes."""
        return self._state

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` at each change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def models(self) -> list[ModelInfo]:
        """The models of all providers; one that fails is left out."""
        found: list[ModelInfo] = []
        for name, provider in self._providers.items():
            try:
                found += await provider.list_models()
            except HearthError as error:
                _LOG.info("%s has no list of models: %s", name, error)
        return found

    async def servers(self) -> list[FoundServer]:
        """The model servers that run on this computer now."""
        return await self._find_servers() if self._find_servers else []

    def select(self, ref: ModelRef) -> None:
        """Chooses a model without loading it; that happens when it is first asked."""
        if self._state.phase in (Phase.NOTHING, Phase.IDLE):
            self._change(ModelState(Phase.IDLE, ref))

    async def load(self, ref: ModelRef) -> None:
        """Loads a model in place of the present one; a load that runs already is given up.

        Raises:
            ModelError: it cannot be loaded; the state then holds the error as well.
            NoModel: the load was stopped by `cancel_load`.
        """
        await self.cancel_load()
        task = asyncio.ensure_future(self._run_load(self._loader(ref), ref))
        self._load = task
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        if task.cancelled():
            raise NoModel("The model was not loaded.", "Load it, or choose another.")
        task.result()

    async def cancel_load(self) -> None:
        """Ends a load that is running, and returns when it has ended."""
        if self._load is not None and not self._load.done():
            self._load.cancel()
            await asyncio.wait([self._load])

    async def unload(self) -> None:
        """Gives the model's memory back; it stays selected."""
        await self.cancel_load()
        if self._state.phase is Phase.READY and self._state.ref is not None:
            provider = self._provider(self._state.ref)
            self._change(ModelState(Phase.IDLE, self._state.ref))
            if isinstance(provider, LoadsModels):
                await provider.unload()

    async def ensure_ready(self) -> LoadedModel:
        """The selected model, loaded if it is not.

        Raises:
            NoModel: none is selected, or its load was stopped.
            ModelError: it cannot be loaded.
        """
        if self._state.phase is Phase.LOADING and self._load is not None:
            await asyncio.wait([self._load])
            if self._state.error is not None:
                raise self._state.error
        elif self._state.phase is Phase.IDLE and self._state.ref is not None:
            await self.load(self._state.ref)
        if self._state.loaded is None:
            raise NoModel("No model is chosen yet.", "Open a GGUF file, or choose a model.")
        return self._state.loaded

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams the selected model's answer, loading the model first where needed."""
        loaded = await self.ensure_ready()
        ref = loaded.info.ref
        async with aclosing(self._provider(ref).stream(ref.model, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, request: Request) -> int:
        """How many tokens the request's prompt has for the selected model."""
        ref = (await self.ensure_ready()).info.ref
        return await self._provider(ref).count_tokens(ref.model, request)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text, by the selected model.

        Raises:
            NoModel: none is selected, or it lives where texts cannot be turned into vectors.
        """
        ref = (await self.ensure_ready()).info.ref
        provider = self._provider(ref)
        if not isinstance(provider, Embeds):
            raise NoModel(f"The models of {ref.provider} cannot turn texts into vectors.")
        return await provider.embed(ref.model, texts)

    async def aclose(self) -> None:
        """Ends what runs and gives everything back."""
        await self.cancel_load()
        for provider in self._providers.values():
            await provider.aclose()
        self._change(ModelState())

    async def _run_load(self, loader: LoadsModels, ref: ModelRef) -> None:
        before = self._state
        self._change(ModelState(Phase.LOADING, ref))
        try:
            loaded = await loader.load(ref.model, self._on_progress)
        except BaseException as error:
            known = error if isinstance(error, HearthError) else None
            if before.loaded and loader.loaded == before.loaded.info.ref.model:
                self._change(before._replace(error=known))
            else:
                self._change(ModelState(Phase.IDLE, ref, error=known))
            raise
        self._change(ModelState(Phase.READY, loaded.info.ref, loaded=loaded))

    def _on_progress(self, progress: LoadProgress) -> None:
        if self._state.phase is Phase.LOADING:
            self._change(self._state._replace(progress=progress))

    def _provider(self, ref: ModelRef) -> Provider:
        with contextlib.suppress(KeyError):
            return self._providers[ref.provider]
        raise NoModel(
            f"There is no provider called “{ref.provider}”.",
            f"Known are: {', '.join(self._providers)}.",
        )

    def _loader(self, ref: ModelRef) -> LoadsModels:
        provider = self._provider(ref)
        if not isinstance(provider, LoadsModels):
            raise NoModel(f"The models of {ref.provider} cannot be loaded from here.")
        return provider

    def _change(self, state: ModelState) -> None:
        self._state = state
        for listener in tuple(self._listeners):
            listener(state)
