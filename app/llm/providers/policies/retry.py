"""Asks again when a server failed for the moment, before the first token and never after it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from app.errors import ProviderError, Unreachable
from app.llm.providers.interface import Provider
from app.llm.providers.policies.wrapper import Wrapper, is_answer
from app.schema import Chunk, Request


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long; times in seconds."""

    attempts: int = 4  # in all
    first_pause: float = 0.5  # doubled each time
    longest_pause: float = 30.0  # a server that wants a longer one is not waited for
    waits_for_server: bool = True  # False: no connection at all is told at once


class Retrying(Wrapper):
    """Exponential back-off, half of it by chance; a pause that the server asks for is kept."""

    def __init__(
        self,
        inner: Provider,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`sleep` and `jitter` (from 0 to 1) stand for time and chance."""
        super().__init__(inner)
        self._patience = patience
        self._sleep = sleep
        self._jitter = jitter

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams the first answer that begins. Raises what the last attempt raised."""
        attempt = 1
        reason = ""
        while True:
            begun = False
            try:
                async with aclosing(self.inner.stream(model, request)) as chunks:
                    async for chunk in chunks:
                        if not begun and is_answer(chunk):
                            begun = True
                            if reason:
                                yield Chunk(notice=f"Asked {attempt} times. At first: {reason}")
                        yield chunk
            except ProviderError as error:
                pause = self._pause(error, attempt)
                if begun or pause is None:
                    raise
                reason = error.message
            else:
                return
            await self._sleep(pause)
            attempt += 1

    def _pause(self, error: ProviderError, attempt: int) -> float | None:
        """Seconds until the next attempt, or None for no further one."""
        patience = self._patience
        if attempt >= patience.attempts or not error.may_pass:
            return None
        if isinstance(error, Unreachable) and not patience.waits_for_server:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= patience.longest_pause else None
        longest = min(patience.longest_pause, patience.first_pause * 2.0 ** (attempt - 1))
        return float(longest * (0.5 + self._jitter() / 2))
