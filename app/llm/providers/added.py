"""The edge of the providers that packages add: whatever they raise becomes one of our errors."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress

from app.errors import ApiError, HearthError
from app.llm.providers.interface import Provider
from app.llm.providers.policies.wrapper import Wrapper
from app.schema import Chunk, Health, ModelInfo, Request, TokenCount

_LOG = logging.getLogger(__name__)


class AddedProvider(Wrapper):
    """Keeps one package's mistake from taking the other providers with it."""

    def __init__(self, inner: Provider, kind: str) -> None:
        """`kind` names it in messages."""
        super().__init__(inner)
        self._kind = kind

    async def list_models(self) -> Sequence[ModelInfo]:
        """The inner provider's models. Raises HearthError alone."""
        with self._translated():
            return await self.inner.list_models()

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """The inner provider's answer. Raises HearthError alone."""
        with self._translated():
            async with aclosing(self.inner.stream(model, request)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The inner provider's count. Raises HearthError alone."""
        with self._translated():
            return await self.inner.count_tokens(model, request)

    async def health(self) -> Health:
        """The inner provider's health."""
        try:
            with self._translated():
                return await self.inner.health()
        except HearthError as error:
            return Health(works=False, message=error.message)

    async def aclose(self) -> None:
        """Closes the inner provider; its trouble is only logged."""
        with suppress(HearthError), self._translated():
            await self.inner.aclose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except HearthError:
            raise
        except Exception as error:  # a stranger's code may raise anything
            _LOG.info("the added provider %s failed", self._kind, exc_info=True)
            raise ApiError(
                f"The added provider “{self._kind}” failed: {str(error) or type(error).__name__}.",
                "Try again; if it stays, update the package that adds it.",
                repr(error),
                provider=self._kind,
            ) from error
