"""Anthropic's models, by the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app import net
from app.errors import ProviderError, TimedOut, Unreachable, Unsupported
from app.llm.providers.cloud import Chat, CloudProvider, Counting
from app.llm.providers.wire import anthropic_messages
from app.llm.providers.wire.anthropic_events import Answer
from app.llm.providers.wire.anthropic_messages import Abilities
from app.llm.providers.wire.fields import whole
from app.schema import Endpoint, ModelInfo, ModelRef, Request

TITLE = "Anthropic"
URL = "https://api.anthropic.com"
PREFIX = "/v1"
VERSION = "2023-06-01"
PAGE = "1000"  # models, the most that the server gives at once


class AnthropicProvider(CloudProvider):
    """One account. What is asked leaves this computer."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        url = net.checked_url(endpoint.url or URL).removesuffix(PREFIX)
        headers = {"anthropic-version": VERSION}
        if endpoint.key:
            headers["x-api-key"] = endpoint.key
        super().__init__(replace(endpoint, url=url), TITLE, headers, lock)
        self._abilities: dict[str, Abilities] | None = None  # as the last list told them

    async def _listed(self) -> list[dict[str, Any]]:
        """The entries of all pages of the list, without models that are no longer to be had."""
        query = {"limit": PAGE}
        found = await self._pages(f"{PREFIX}/models", "data", query, "after_id", _last)
        found = [about for about in found if about.get("id")]
        self._abilities = {str(about["id"]): anthropic_messages.abilities(about) for about in found}
        return [about for about in found if about.get("lifecycle") != "retired"]

    def _info(self, about: Mapping[str, Any]) -> ModelInfo:
        name = str(about["id"])
        can = anthropic_messages.abilities(about)
        features = {"chat", "tools"}
        features |= {"vision"} if can.images is not False else set()  # all that are sold today
        features |= {"thinking"} if can.can_think else set()
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, name),
            name=str(about.get("display_name") or name),
            trained_context=whole(about, "max_input_tokens"),
            provider=self.title,
            features=frozenset(features),
            is_cloud=self.is_cloud,
        )

    def _named(self, name: str) -> ModelInfo:
        return self._info({"id": name})

    async def _chat(self, model: str, request: Request) -> Chat:
        can = await self._able(model)
        if request.schema is not None and can.schema is False:
            raise Unsupported(
                f"“{model}” cannot be held to a JSON schema.",
                "Choose a newer model, or ask without the schema.",
                provider=self.title,
            )
        return Chat(
            f"{PREFIX}/messages",
            lambda refused: anthropic_messages.body(model, request, can, refused),
        )

    def _answer(self, request: Request) -> Answer:
        return Answer(self.title, request)

    def _counting(self, model: str, request: Request) -> Counting:
        asked = anthropic_messages.conversation(model, request)
        return Counting(f"{PREFIX}/messages/count_tokens", asked, "input_tokens")

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


def _last(page: Mapping[str, Any]) -> Any:
    """After which model the next page begins."""
    return page.get("last_id") if page.get("has_more") else None
