"""Leaves a provider alone for a while after it has failed several times in a row."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from app.errors import ProviderError, Unreachable
from app.llm.providers.interface import Provider
from app.llm.providers.policies.wrapper import Wrapper
from app.schema import Chunk, Health, ModelInfo, Request

FAILURES = 3  # in a row
REST_SECONDS = 20.0


class CircuitBreaker(Wrapper):
    """Open (it refuses at once) after repeated failures; then one trial decides."""

    def __init__(
        self,
        inner: Provider,
        failures: int = FAILURES,
        rest: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rest` is in seconds."""
        super().__init__(inner)
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._opened = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests are refused now."""
        return self._failures >= self._limit and self._clock() - self._opened < self._rest

    def reset(self) -> None:
        """Lets the next request through, as when the server is known to answer again."""
        self._failures = 0

    async def health(self) -> Health:
        """The inner provider's health; is asked also while the breaker is open, and closes it."""
        health = await self.inner.health()
        if health.works:
            self.reset()
        return health

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models; counts as a request."""
        self._check()
        try:
            models = await self.inner.list_models()
        except ProviderError as error:
            self._failed(error)
            raise
        self._failures = 0
        return models

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer. Raises Unreachable while the breaker is open."""
        self._check()
        try:
            async with aclosing(self.inner.stream(model, request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ProviderError as error:
            self._failed(error)
            raise
        self._failures = 0

    def _check(self) -> None:
        if self.is_open:
            wait = max(1, round(self._rest - (self._clock() - self._opened)))
            raise Unreachable(
                f"{self.title} has failed {self._failures} times in a row.",
                f"Hearth asks it again in {wait} seconds. See whether it is running.",
                provider=self.title,
            )

    def _failed(self, error: ProviderError) -> None:
        """Counts what says that the server is in trouble; a wrong key or model does not."""
        if error.may_pass:
            self._failures += 1
            self._opened = self._clock()
