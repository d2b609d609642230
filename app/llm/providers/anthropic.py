"""Anthropic's models, by the Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any

from app import net
from app.errors import HearthError, ProviderError, TimedOut, Unreachable, Unsupported
from app.llm.providers.cloud import (
    MOST_PAGES,
    Refusals,
    check_chat,
    check_key,
    chosen,
    spoken,
)
from app.llm.providers.measuring import estimate
from app.llm.providers.server import Server, as_object, objects
from app.llm.providers.wire import anthropic_messages
from app.llm.providers.wire.anthropic_events import Answer
from app.llm.providers.wire.anthropic_messages import Abilities
from app.schema import (
    Chunk,
    Endpoint,
    Health,
    LoadedModel,
    ModelInfo,
    ModelRef,
    Request,
    TokenCount,
)

TITLE = "Anthropic"
URL = "https://api.anthropic.com"
PREFIX = "/v1"
VERSION = "2023-06-01"
PAGE = "1000"  # models, the most that the server gives at once


class AnthropicProvider:
    """One account. What is asked leaves this computer."""

    is_cloud = True

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        url = net.checked_url(endpoint.url or URL).removesuffix(PREFIX)
        self.endpoint = replace(endpoint, url=url)
        self.title = endpoint.title or TITLE
        headers = {"anthropic-version": VERSION}
        if endpoint.key:
            headers["x-api-key"] = endpoint.key
        self._server = Server(self.title, self.endpoint, headers=headers, lock=lock)
        self._refusals = Refusals()
        self._abilities: dict[str, Abilities] | None = None  # as the last list told them

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can be asked for; those that the person named, where they did."""
        check_key(self.title, self.endpoint)
        if self.endpoint.models:
            return [self._info({"id": name}) for name in self.endpoint.models]
        return [self._info(about) for about in await self._listed()]

    async def open(self, model: str) -> LoadedModel:
        """Looks the model up in the list."""
        return chosen(self.title, await self.list_models(), [model])

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        check_key(self.title, self.endpoint)
        check_chat(self.title, request)
        can = await self._able(model)
        if request.schema is not None and can.schema is False:
            raise Unsupported(
                f"“{model}” cannot be held to a JSON schema.",
                "Choose a newer model, or ask without the schema.",
                provider=self.title,
            )
        answer = Answer(self.title, request)  # its clock runs from here
        async with AsyncExitStack() as stack:
            stream, body = await self._refusals.open(
                stack,
                self._server,
                f"{PREFIX}/messages",
                lambda refused: anthropic_messages.body(model, request, can, refused),
                model=model,
            )
            if body.notice:
                yield Chunk(notice=body.notice)
            chunks = spoken(self.title, stream, answer)
            async for chunk in await stack.enter_async_context(aclosing(chunks)):
                yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The prompt's tokens as the server counts them, else an estimate."""
        try:
            check_key(self.title, self.endpoint)
            check_chat(self.title, request)
            asked = anthropic_messages.conversation(model, request)
            reply = await self._server.post(f"{PREFIX}/messages/count_tokens", asked)
            count = as_object(self.title, reply).get("input_tokens")
        except HearthError:
            return estimate(request)
        return TokenCount(count) if isinstance(count, int) else estimate(request)

    async def health(self) -> Health:
        """Whether the list of models can be had with this key."""
        try:
            await self.list_models()
        except HearthError as error:
            return Health(works=False, message=error.message)
        return Health(works=True)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()

    async def _listed(self) -> list[dict[str, Any]]:
        """The entries of all pages of the list, without models that are no longer to be had."""
        found: list[dict[str, Any]] = []
        query = {"limit": PAGE}
        for _ in range(MOST_PAGES):
            reply = as_object(self.title, await self._server.get(f"{PREFIX}/models", query))
            found += objects(reply.get("data"))
            last = reply.get("last_id")
            if not reply.get("has_more") or not last or query.get("after_id") == last:
                break
            query["after_id"] = str(last)
        found = [about for about in found if about.get("id")]
        self._abilities = {str(about["id"]): anthropic_messages.abilities(about) for about in found}
        return [about for about in found if about.get("lifecycle") != "retired"]

    async def _able(self, model: str) -> Abilities:
        """What the list says of a model; it is read once where nobody has asked for it yet."""
        if self._abilities is None:
            self._abilities = {}
            try:
                await self._listed()
            except (Unreachable, TimedOut):
                self._abilities = None
                raise
            except ProviderError:  # a server that imitates the API may have no list
                pass
        return (self._abilities or {}).get(model, Abilities())

    def _info(self, about: dict[str, Any]) -> ModelInfo:
        """What the list says of a model."""
        name, window = str(about["id"]), about.get("max_input_tokens")
        can = anthropic_messages.abilities(about)
        features = {"chat", "tools"}
        features |= {"vision"} if can.images is not False else set()  # all that are sold today
        features |= {"thinking"} if can.can_think else set()
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, name),
            name=str(about.get("display_name") or name),
            trained_context=window if isinstance(window, int) else 0,
            provider=self.title,
            features=frozenset(features),
            is_cloud=self.is_cloud,
        )
