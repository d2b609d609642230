"""The providers' contract: local and remote models reach the window through this one code path.

What only some of them can do (load, pull, delete, embed) is an ability: a protocol of its own that
is asked for with `ability`, never assumed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from app.llm.trials import Test, TuningProgress
from app.schema import (
    Chunk,
    Health,
    LoadedModel,
    LoadPlan,
    LoadProgress,
    ModelInfo,
    PullProgress,
    Request,
    RunningModel,
    TokenCount,
)


class Provider(Protocol):
    """A place that models live in. To cancel a stream is to close its generator."""

    @property
    def title(self) -> str:
        """The provider's name as a person reads it."""
        ...

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can be asked for. Raises HearthError."""
        ...

    def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; the last chunk is the finish. Raises HearthError."""
        ...

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """How many tokens the prompt has; an estimate names itself. Raises HearthError."""
        ...

    async def health(self) -> Health:
        """Whether it can be used now; never raises for a server that is away."""
        ...

    async def aclose(self) -> None:
        """Gives everything back."""
        ...


@runtime_checkable
class Opens(Protocol):
    """The ability of servers: getting ready to answer with one of their models."""

    async def open(self, model: str) -> LoadedModel:
        """Checks that the model is there, and says what is known of it. Raises HearthError."""
        ...


@runtime_checkable
class LoadsModels(Protocol):
    """The ability of the provider whose models are loaded into this process."""

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
class Benches(Protocol):
    """The ability of the provider whose models' speed can be measured without a chat."""

    def bench(
        self, model: str, test: Test, plan: LoadPlan | None = None
    ) -> AsyncGenerator[float, None]:
        """The seconds of each run of a test on the loaded model. Raises HearthError.

        `plan` has other threads, steps or cache than those that the model was loaded with.
        """
        ...


@runtime_checkable
class Tunes(Protocol):
    """The ability to find out by trying how a model runs fastest here."""

    def tune(self, model: str) -> AsyncGenerator[TuningProgress, None]:
        """Tries settings on the loaded model and keeps the best. Raises HearthError."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """The ability of providers whose models turn texts into vectors."""

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text. Raises HearthError."""
        ...


@runtime_checkable
class ManagesMemory(Protocol):
    """The ability of servers whose models can be loaded and unloaded from here."""

    async def running(self) -> Sequence[RunningModel]:
        """The models that the server holds in memory. Raises HearthError."""
        ...

    async def load_remote(self, model: str, context: int = 0) -> None:
        """Has the server load a model; `context` 0 leaves its size to the server."""
        ...

    async def unload_remote(self, model: str) -> None:
        """Has the server give a model's memory back."""
        ...


@runtime_checkable
class Pulls(Protocol):
    """The ability of servers that fetch models by name."""

    def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Fetches a model; it is there when the generator ends. Raises HearthError."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """The ability of servers that delete their models when asked to."""

    async def delete(self, model: str) -> None:
        """Deletes a model from the server's disk. Raises HearthError."""
        ...


@runtime_checkable
class Clouded(Protocol):
    """The ability of providers that know whose computers they reach."""

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked leaves for a company's computers."""
        ...


@runtime_checkable
class Wraps(Protocol):
    """A provider around another one, such as the retrying one."""

    @property
    def inner(self) -> Provider:
        """The provider that it stands before."""
        ...


_Ability = TypeVar("_Ability")


def ability(provider: Provider, kind: type[_Ability]) -> _Ability | None:
    """The provider as one that has an ability, its wrappers taken off; None where it has it not."""
    found: object = provider
    while not isinstance(found, kind):
        if not isinstance(found, Wraps):
            return None
        found = found.inner
    return found
