"""The LLM manager: the only LLM object that the window and the command line know."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from app.errors import NoModel
from app.llm.model_list import Listing, ModelList
from app.llm.neighbours import FindServers, Neighbours, absent
from app.llm.overview import ProviderStatus, overview
from app.llm.providers.interface import Embeds, LoadsModels, Provider, ability
from app.llm.providers.kinds import kinds
from app.llm.providers.policies.fallback import Candidate, first_answer
from app.llm.registry import Registry
from app.llm.selection import Listener, Selection
from app.llm.state import ModelState
from app.schema import (
    Chunk,
    FoundServer,
    InstalledServer,
    LoadedModel,
    ModelInfo,
    ModelRef,
    Request,
    TokenCount,
)

if TYPE_CHECKING:
    from app.llm.usage import UsageLedger

SHOWN_NAMES = 3  # of models, in a message
_LOG = logging.getLogger(__name__)


FindInstalled = Callable[[], Awaitable[list[InstalledServer]]]


class LLMManager:
    """Selects, loads and asks models, whichever provider they live in."""

    def __init__(
        self,
        registry: Registry,
        find_servers: FindServers | None = None,
        find_installed: FindInstalled | None = None,
        usage: UsageLedger | None = None,
        embedding: Callable[[], ModelRef | None] = lambda: None,
    ) -> None:
        """`find_servers` looks for model servers on this computer; without it there are none.

        `find_installed` looks for their programs, `usage` counts what is asked, and `embedding`
        gives the model that turns texts into vectors where none is named.
        """
        self._registry = registry
        self._find_installed = find_installed
        self._usage = usage
        self._embedding = embedding
        self._list = ModelList(registry)
        self._selection = Selection(registry, self._provider)
        self._answering = 0  # streams that run now
        self._neighbours = Neighbours(registry, find_servers)

    @property
    def state(self) -> ModelState:
        """The present state; listeners are told when it changes."""
        return self._selection.state

    @property
    def registry(self) -> Registry:
        """The providers."""
        return self._registry

    @property
    def listings(self) -> dict[str, Listing]:
        """What each provider's list of models was last, or why there is none."""
        return self._list.listings

    @property
    def is_answering(self) -> bool:
        """Whether a stream runs now."""
        return self._answering > 0

    @property
    def holds_memory(self) -> bool:
        """Whether a model is in this process's memory."""
        return self._selection.holds_memory

    def is_here(self, ref: ModelRef) -> bool:
        """Whether a model runs in this process, and not at a server."""
        return self._registry.fixed(ref.provider) is not None

    async def models(self) -> list[ModelInfo]:
        """The models of all providers, within about a second; what is old is marked stale."""
        return await self._list.read()

    async def servers(self, *, use: bool = True) -> list[FoundServer]:
        """The model servers that run on this computer now; with `use` they become providers."""
        return await self._neighbours.look(use=use)

    @property
    def found(self) -> Sequence[FoundServer]:
        """The servers that were there when they were looked for last."""
        return self._neighbours.found

    def watch(self, listener: Callable[[], None]) -> None:
        """Looks for servers from now on, and calls `listener` when some have come or gone."""
        self._neighbours.watch(listener)

    async def stop_watching(self) -> None:
        """Looks no more."""
        await self._neighbours.stop_watching()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` at each change of the state; returns what ends that."""
        return self._selection.subscribe(listener)

    def select(self, ref: ModelRef) -> None:
        """Chooses a model without loading it; that happens when it is first asked."""
        self._selection.select(ref)

    async def load(self, ref: ModelRef) -> None:
        """Gets a model ready in place of the present one. Raises HearthError; the state has it."""
        await self._selection.load(ref)

    async def reload(self, ref: ModelRef) -> None:
        """Loads a model of this process anew, as it is planned now. Raises HearthError."""
        if self.state.ref == ref:
            await self.unload()
            await self.load(ref)

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Within it the manager counts as answering: nothing is unloaded for idleness."""
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1

    async def cancel_load(self) -> None:
        """Ends a load that is running, and returns when it has ended."""
        await self._selection.cancel_load()

    async def unload(self) -> None:
        """Gives the memory of models in this process back; the selected one stays selected."""
        await self._selection.unload()

    async def ensure_ready(self) -> LoadedModel:
        """The selected model, loaded if it is not. Raises HearthError."""
        return await self._selection.ensure_ready()

    async def stream(
        self, request: Request, fallback: Sequence[ModelRef] = ()
    ) -> AsyncGenerator[Chunk, None]:
        """Streams the selected model's answer, loading the model first where needed.

        Where it cannot answer, the models of `fallback` are asked, one after the other.
        """
        selected = self.state.ref
        candidates = [
            Candidate(self._name(ref), partial(self._stand_in, ref, request, selected))
            for ref in fallback
        ]
        first = Candidate(self._name(self.state.ref), partial(self._selected, request))
        with self.occupied():
            async with aclosing(first_answer([first, *candidates])) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, request: Request) -> TokenCount:
        """How many tokens the request's prompt has for the selected model."""
        ref = (await self.ensure_ready()).info.ref
        provider = await self._registry.get(ref.provider)
        return await provider.count_tokens(ref.model, request)

    async def embed(self, texts: Sequence[str], ref: ModelRef | None = None) -> list[list[float]]:
        """A vector for each text, by `ref`, else the embedding model, else the selected one.

        Raises:
            NoModel: none is selected, or it lives where texts cannot be turned into vectors.
            HearthError: the model cannot be used for this.
        """
        ref = ref or self._embedding() or (await self.ensure_ready()).info.ref
        provider = await self._provider(ref.provider)
        embedder = ability(provider, Embeds)  # type: ignore[type-abstract]
        if embedder is None:
            raise NoModel(f"The models of {provider.title} cannot turn texts into vectors.")
        return await embedder.embed(ref.model, texts)

    async def default_model(self, name: str) -> ModelRef:
        """The model that is meant where only a provider is named.

        That is the one which the person set, else one that its server has loaded, else the only
        one that can chat.

        Raises:
            NoModel: there is none, or there are several.
            ProviderError: it does not answer.
        """
        provider = await self._provider(name)
        endpoint = self._registry.endpoints.get(name)
        if endpoint is not None and endpoint.default_model:
            return ModelRef(name, endpoint.default_model)
        models = [one for one in await provider.list_models() if one.features != {"embedding"}]
        loaded = [one for one in models if one.is_loaded]
        for candidates in (loaded, models):
            if len(candidates) == 1:
                return candidates[0].ref
        if not models:
            raise NoModel(f"{provider.title} has no model that can chat.", "Give it one first.")
        names = ", ".join(str(one.ref) for one in models[:SHOWN_NAMES])
        raise NoModel(f"{provider.title} has several models.", f"Name one, such as {names}.")

    def alternatives(self, ref: ModelRef) -> list[ModelInfo]:
        """The same model at other providers, as their lists were last."""
        return self._list.alternatives(ref)

    async def providers(self) -> Sequence[ProviderStatus]:
        """How all providers answer now; asks each of them."""
        return await overview(self._registry)

    async def installed(self) -> list[InstalledServer]:
        """The model servers that are installed on this computer, running or not."""
        return await self._find_installed() if self._find_installed else []

    async def aclose(self) -> None:
        """Ends what runs and gives everything back."""
        await self.stop_watching()
        await self._selection.cancel_load()
        await self._list.aclose()
        await self._registry.aclose()
        await self._selection.aclose()

    async def _selected(self, request: Request) -> AsyncGenerator[Chunk, None]:
        loaded = await self.ensure_ready()
        async with aclosing(self._stream_of(loaded.info.ref, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _stand_in(
        self, ref: ModelRef, request: Request, selected: ModelRef | None
    ) -> AsyncGenerator[Chunk, None]:
        """Another model's answer; afterwards the selected one is selected as before."""
        try:
            async with aclosing(self._stream_of(ref, request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            if selected is not None and selected != ref:
                self._selection.return_to(selected, ref)

    async def _stream_of(self, ref: ModelRef, request: Request) -> AsyncGenerator[Chunk, None]:
        provider = await self._provider(ref.provider)
        loader = ability(provider, LoadsModels)  # type: ignore[type-abstract]
        if loader is not None and loader.loaded != ref.model:
            await self.load(ref)
        async with aclosing(provider.stream(ref.model, request)) as chunks:
            async for chunk in chunks:
                if chunk.finish is None:
                    yield chunk
                    continue
                if self._usage is not None:
                    await self._usage.add(ref, chunk.finish.usage)
                yield Chunk(finish=replace(chunk.finish, model=ref))

    async def _provider(self, name: str) -> Provider:
        """The provider of that name; a server of this computer is looked for first.

        Raises:
            NoModel: there is none of that name.
            Unreachable: it is a kind of server that does not run here now.
            Misconfigured: it is a kind that must be set up first.
        """
        if name not in self._registry.names() and (kind := kinds().get(name)) is not None:
            await self.servers()
            if name not in self._registry.names():
                raise absent(kind)
        return await self._registry.get(name)

    def _name(self, ref: ModelRef | None) -> str:
        """A model's name for the person."""
        if ref is None:
            return "The selected model"
        if self._registry.fixed(ref.provider) is not None:
            return ref.model.replace("\\", "/").rpartition("/")[2].removesuffix(".gguf")
        return str(ref)
