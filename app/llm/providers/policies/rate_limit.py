"""Keeps to a number of requests and tokens per minute, by waiting."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from app.llm.providers.interface import Provider
from app.llm.providers.measuring import estimate
from app.llm.providers.policies.wrapper import Wrapper
from app.schema import Chunk, Request

MINUTE = 60.0  # seconds


class RateLimited(Wrapper):
    """A sliding minute: what was asked longer ago no longer counts."""

    def __init__(
        self,
        inner: Provider,
        *,
        requests: int = 0,
        tokens: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`requests` and `tokens` are allowed per minute; 0 is no limit."""
        super().__init__(inner)
        self._requests = requests
        self._tokens = tokens
        self._clock = clock
        self._sleep = sleep
        self._spent: deque[list[float]] = deque()  # [when, tokens] of each request
        self._turn = asyncio.Lock()

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams when there is room; says so while it waits."""
        needed = estimate(request).tokens
        async with self._turn:
            while (pause := self._pause(needed)) > 0:
                yield Chunk(waiting=1)
                await self._sleep(pause)
            entry = [self._clock(), float(needed)]
            self._spent.append(entry)
        async with aclosing(self.inner.stream(model, request)) as chunks:
            async for chunk in chunks:
                if chunk.finish is not None:
                    usage = chunk.finish.usage
                    entry[1] = float(usage.prompt_tokens + usage.generated_tokens)
                yield chunk

    def _pause(self, needed: int) -> float:
        """Seconds until a request of so many tokens is within the limits."""
        now = self._clock()
        while self._spent and self._spent[0][0] <= now - MINUTE:
            self._spent.popleft()
        used = sum(entry[1] for entry in self._spent)
        crowded = self._requests and len(self._spent) >= self._requests
        heavy = self._tokens and self._spent and used + needed > self._tokens
        if not crowded and not heavy:
            return 0.0
        return self._spent[0][0] + MINUTE - now
