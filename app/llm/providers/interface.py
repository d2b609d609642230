"""The providers' contract: local and remote models reach the window through this one code path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, runtime_checkable

from app.schema import Chunk, LoadedModel, LoadProgress, ModelInfo, Request


class Provider(Protocol):
    """A place that models live in. To cancel a stream is to close its generator."""

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can be asked for."""
        ...

    def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; the last chunk is the finish. Raises HearthError."""
        ...

    async def count_tokens(self, model: str, request: Request) -> int:
        """How many tokens the request's prompt has."""
        ...

    async def aclose(self) -> None:
        """Gives everything back."""
        ...


@runtime_checkable
class LoadsModels(Protocol):
    """The ability of providers whose models are loaded before they answer."""

    @property
    def loaded(self) -> str | None:
        """The model that is loaded."""
        ...

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        """Loads a model; cancelling the task cancels the load. Raises ModelError."""
        ...

    async def unload(self) -> None:
        """Gives the model's memory back."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """The ability of providers whose models turn texts into vectors."""

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text. Raises HearthError."""
        ...
