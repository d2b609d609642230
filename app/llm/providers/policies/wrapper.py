"""A provider around another one, which changes nothing; the policies build on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from app.llm.providers.interface import Provider
from app.schema import Chunk, Health, ModelInfo, Request, TokenCount


class Wrapper:
    """Hands everything on; abilities are found behind it (`interface.ability`)."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    @property
    def inner(self) -> Provider:
        """The provider that it stands before."""
        return self._inner

    @property
    def title(self) -> str:
        """The inner provider's name."""
        return self._inner.title

    async def list_models(self) -> Sequence[ModelInfo]:
        """The inner provider's models."""
        return await self._inner.list_models()

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """The inner provider's answer."""
        async with aclosing(self._inner.stream(model, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The inner provider's count."""
        return await self._inner.count_tokens(model, request)

    async def health(self) -> Health:
        """The inner provider's health."""
        return await self._inner.health()

    async def aclose(self) -> None:
        """Closes the inner provider."""
        await self._inner.aclose()


def is_answer(chunk: Chunk) -> bool:
    """Whether the model itself has begun to speak: from then on nothing is asked twice."""
    return bool(chunk.text or chunk.reasoning or chunk.tool_calls)
