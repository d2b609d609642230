"""The runner's contract: one model in this process, used by one job at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.llm.trials import Test
from app.schema import Chunk, LoadPlan, LoadProgress, Request, Weights

OnProgress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load led to: the context in tokens, where the model runs, what is amiss with it."""

    context: int
    device: str
    notice: str = ""
    weights: Weights | None = None


class Runner(Protocol):
    """Loads a model and answers with it. To cancel is to close the generator or awaiting task."""

    async def load(self, plan: LoadPlan, on_progress: OnProgress) -> Loaded:
        """Replaces the loaded model; `on_progress` is called on the event loop."""
        ...

    def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer. Raises GenerationError."""
        ...

    def bench(self, plan: LoadPlan, test: Test) -> AsyncGenerator[float, None]:
        """The seconds of each run of a test, on the loaded model with a plan's other settings."""
        ...

    async def count_tokens(self, request: Request) -> int:
        """How many tokens the request's prompt has."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text."""
        ...

    async def unload(self) -> None:
        """Gives the model's memory back."""
        ...
