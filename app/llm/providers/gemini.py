"""Google's Gemini models, by the generateContent API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from app import net
from app.errors import BadReply, HearthError
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
from app.llm.providers.wire import gemini_content
from app.llm.providers.wire.gemini_content import Answer, resource
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

TITLE = "Google Gemini"
URL = "https://generativelanguage.googleapis.com"
PREFIX = "/v1beta"  # of the paths; an address with a path of its own is taken as it is
PAGE = "1000"  # models, the most that the server gives at once
CHAT = "generateContent"
EMBEDDING = "embedContent"
BATCH = 100  # texts in one request for vectors


class GeminiProvider:
    """One account. What is asked leaves this computer."""

    is_cloud = True

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer."""
        url = net.checked_url(endpoint.url or URL)
        self.endpoint = replace(endpoint, url=url)
        self.title = endpoint.title or TITLE
        self._prefix = "" if urlsplit(url).path.strip("/") else PREFIX
        # A header: a key in the address would stand in the logs of whatever lies between.
        headers = {"x-goog-api-key": endpoint.key} if endpoint.key else {}
        self._server = Server(self.title, self.endpoint, headers=headers, lock=lock)
        self._refusals = Refusals()

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can chat; those that the person named, where they did."""
        check_key(self.title, self.endpoint)
        if self.endpoint.models:
            return [self._info({"name": name}) for name in self.endpoint.models]
        return [self._info(about) for about in await self._listed()]

    async def open(self, model: str) -> LoadedModel:
        """Looks the model up in the list, with and without the `models/` before its name."""
        return chosen(self.title, await self.list_models(), (model, resource(model)))

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        check_key(self.title, self.endpoint)
        check_chat(self.title, request)
        answer = Answer(self.title, request)  # its clock runs from here
        async with AsyncExitStack() as stack:
            stream, body = await self._refusals.open(
                stack,
                self._server,
                self._path(model, "streamGenerateContent"),
                lambda refused: gemini_content.body(model, request, refused),
                model=model,
                query={"alt": "sse"},
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
            asked = {"model": resource(model), **gemini_content.conversation(request)}
            reply = await self._server.post(
                self._path(model, "countTokens"), {"generateContentRequest": asked}
            )
            count = as_object(self.title, reply).get("totalTokens")
        except HearthError:
            return estimate(request)
        return TokenCount(count) if isinstance(count, int) else estimate(request)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, as the server makes it."""
        check_key(self.title, self.endpoint)
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._vectors(model, texts[start : start + BATCH])
        return vectors

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

    def _path(self, model: str, method: str) -> str:
        return f"{self._prefix}/{quote(resource(model))}:{method}"

    async def _vectors(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        name = resource(model)
        asked = [{"model": name, "content": {"parts": [{"text": text}]}} for text in texts]
        reply = as_object(
            self.title,
            await self._server.post(self._path(model, "batchEmbedContents"), {"requests": asked}),
        )
        vectors = [about.get("values") for about in objects(reply.get("embeddings"))]
        if len(vectors) != len(texts) or not all(isinstance(vector, list) for vector in vectors):
            raise BadReply(
                f"{self.title} did not give a vector for each text.",
                "Choose an embedding model.",
                provider=self.title,
            )
        return [[float(value) for value in vector] for vector in vectors if vector is not None]

    async def _listed(self) -> list[dict[str, Any]]:
        """The entries of all pages of the list, as far as they can chat."""
        found: list[dict[str, Any]] = []
        query = {"pageSize": PAGE}
        for _ in range(MOST_PAGES):
            reply = as_object(self.title, await self._server.get(f"{self._prefix}/models", query))
            found += objects(reply.get("models"))
            token = reply.get("nextPageToken")
            if not token or query.get("pageToken") == token:
                break
            query["pageToken"] = str(token)
        return [about for about in found if about.get("name") and CHAT in _methods(about)]

    def _info(self, about: dict[str, Any]) -> ModelInfo:
        """What the list says of a model."""
        name, window = str(about["name"]), about.get("inputTokenLimit")
        features = {"chat"}
        features |= {"thinking"} if about.get("thinking") else set()
        features |= {"embedding"} if EMBEDDING in _methods(about) else set()
        if "gemini" in name:  # the list does not say it; all of the family do
            features |= {"vision", "tools"}
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, name),
            name=name.removeprefix("models/"),
            trained_context=window if isinstance(window, int) else 0,
            description=str(about.get("description") or about.get("displayName") or ""),
            provider=self.title,
            features=frozenset(features),
            is_cloud=self.is_cloud,
        )


def _methods(about: dict[str, Any]) -> list[Any]:
    methods = about.get("supportedGenerationMethods")
    return methods if isinstance(methods, list) else []
