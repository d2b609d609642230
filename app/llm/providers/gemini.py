"""Google's Gemini models, by the generateContent API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from app import net
from app.llm.providers.cloud import Chat, CloudProvider, Counting
from app.llm.providers.wire import gemini_content
from app.llm.providers.wire.fields import as_object, objects, vectors, whole
from app.llm.providers.wire.gemini_content import Answer, resource
from app.schema import Endpoint, ModelInfo, ModelRef, Request

TITLE = "Google Gemini"
URL = "https://generativelanguage.googleapis.com"
PREFIX = "/v1beta"  # of the paths; an address with a path of its own is taken as it is
PAGE = "1000"  # models, the most that the server gives at once
CHAT = "generateContent"
EMBEDDING = "embedContent"
BATCH = 100  # texts in one request for vectors


class GeminiProvider(CloudProvider):
    """One account. What is asked leaves this computer."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        url = net.checked_url(endpoint.url or URL)
        self._prefix = "" if urlsplit(url).path.strip("/") else PREFIX
        # A header: a key in the address would stand in the logs of whatever lies between.
        headers = {"x-goog-api-key": endpoint.key} if endpoint.key else {}
        super().__init__(replace(endpoint, url=url), TITLE, headers, lock)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, as the server makes it."""
        self._check_key()
        made: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            made += await self._vectors(model, texts[start : start + BATCH])
        return made

    async def _vectors(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        name = resource(model)
        asked = [{"model": name, "content": {"parts": [{"text": text}]}} for text in texts]
        path = self._path(model, "batchEmbedContents")
        reply = as_object(self.title, await self._server.post(path, {"requests": asked}))
        listed = [about.get("values") for about in objects(reply.get("embeddings"))]
        return vectors(self.title, listed, len(texts))

    async def _listed(self) -> list[dict[str, Any]]:
        found = await self._pages(
            f"{self._prefix}/models", "models", {"pageSize": PAGE}, "pageToken", _next
        )
        return [about for about in found if about.get("name") and CHAT in _methods(about)]

    def _info(self, about: Mapping[str, Any]) -> ModelInfo:
        name = str(about["name"])
        features = {"chat"}
        features |= {"thinking"} if about.get("thinking") else set()
        features |= {"embedding"} if EMBEDDING in _methods(about) else set()
        if "gemini" in name:  # the list does not say it; all of the family do
            features |= {"vision", "tools"}
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, name),
            name=name.removeprefix("models/"),
            trained_context=whole(about, "inputTokenLimit"),
            description=str(about.get("description") or about.get("displayName") or ""),
            provider=self.title,
            features=frozenset(features),
            is_cloud=self.is_cloud,
        )

    def _named(self, name: str) -> ModelInfo:
        return self._info({"name": name})

    def _names(self, model: str) -> Collection[str]:
        """With and without the `models/` before it."""
        return (model, resource(model))

    async def _chat(self, model: str, request: Request) -> Chat:
        return Chat(
            self._path(model, "streamGenerateContent"),
            lambda refused: gemini_content.body(model, request, refused),
            {"alt": "sse"},
        )

    def _answer(self, request: Request) -> Answer:
        return Answer(self.title, request)

    def _counting(self, model: str, request: Request) -> Counting:
        asked = {"model": resource(model), **gemini_content.conversation(request)}
        body = {"generateContentRequest": asked}
        return Counting(self._path(model, "countTokens"), body, "totalTokens")

    def _path(self, model: str, method: str) -> str:
        return f"{self._prefix}/{quote(resource(model))}:{method}"


def _next(page: Mapping[str, Any]) -> Any:
    return page.get("nextPageToken")


def _methods(about: Mapping[str, Any]) -> list[Any]:
    methods = about.get("supportedGenerationMethods")
    return methods if isinstance(methods, list) else []
