"""Servers that speak OpenAI's chat API: OpenAI itself, and the many that imitate it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, nullcontext
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from app import net
from app.errors import HearthError, ProviderError, StreamCut
from app.llm.providers import failures
from app.llm.providers.measuring import estimate, plain_text
from app.llm.providers.profiles import Counting, Profile
from app.llm.providers.server import Server, Stream
from app.llm.providers.wire import openai_chat
from app.llm.providers.wire.fields import as_object, mapping, objects, vectors, whole
from app.llm.providers.wire.openai_events import Answer
from app.llm.providers.wire.openai_reply import Reply
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

LOADING_PAUSE = 0.5  # seconds between two looks at a server that is loading its model
PREFIX = "/v1"  # of the API's paths; an address with another path of its own is taken as it is
NOT_OPTIONS = (400, 422)  # what a server may answer to a field that it does not know
_T = TypeVar("_T")


class OpenAIProvider:
    """One server. What is special about its kind stands in the profile."""

    def __init__(
        self, endpoint: Endpoint, profile: Profile, lock: net.OfflineLock | None = None
    ) -> None:
        """`lock` keeps it from leaving this computer."""
        url = net.checked_url(endpoint.url or profile.url)
        has_path = bool(urlsplit(url).path.strip("/"))
        self._prefix = "" if has_path and not url.endswith(PREFIX) else PREFIX
        self.endpoint = replace(endpoint, url=url.removesuffix(PREFIX))
        self.profile = profile
        self.title = endpoint.title or profile.title
        headers = dict(profile.headers)
        if endpoint.key:
            bearer = "Bearer " if profile.key_header == "Authorization" else ""
            headers[profile.key_header] = bearer + endpoint.key
        self._server = Server(self.title, self.endpoint, headers=headers, lock=lock)
        self._wants_usage = profile.wants_usage
        self._turn = asyncio.Lock() if profile.one_at_a_time else None
        self._listed: Sequence[ModelInfo] = ()  # the newest list of models

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked leaves for a company's computers."""
        public = self.profile.may_be_cloud and self._server.link.is_public
        return self.profile.is_cloud or public

    @property
    def _is_busy(self) -> bool:
        """Whether the server must not be asked anything now, as that would disturb an answer."""
        return self._turn is not None and self._turn.locked()

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can be asked for; those that the person named, where they did."""
        if self.endpoint.models:
            return [self._info({"id": name}) for name in self.endpoint.models]
        if self._is_busy:
            return self._listed
        self._listed = await self._list()
        return self._listed

    async def open(self, model: str) -> LoadedModel:
        """Gets ready to answer; a server that is loading its model is waited for."""
        known = {info.ref.model: info for info in await self._patiently(self.list_models)}
        info = known.get(model)
        if info is None and known and not self.endpoint.models:
            raise failures.missing(self.title, model)
        return await self._opened(info or self._info({"id": model}))

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        async with AsyncExitStack() as stack:
            if self._turn is not None:
                if self._turn.locked():
                    yield Chunk(waiting=1)
                await stack.enter_async_context(self._turn)
            self._listed = self._listed or [self._info({"id": model})]
            # Its clock runs from here.
            answer = Answer(self.title, request, needs_reason=self.profile.interrupts)
            stream = await self._begin(stack, model, request)
            async with aclosing(self._read(stream, answer)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The prompt's tokens by the server's tokenizer, else an estimate."""
        for how in () if self._is_busy else self.profile.counting:
            if how.chat and request.raw is not None:
                continue
            try:
                count = await self._count(how, model, request)
            except ProviderError:
                continue
            if count is not None:
                return count
        return estimate(request)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, as the server makes it."""
        body = {"model": model, "input": list(texts)}
        async with self._turn or nullcontext():
            made = await self._server.post(f"{self._prefix}/embeddings", body)
        reply = as_object(self.title, made)
        listed = sorted(objects(reply.get("data")), key=lambda item: whole(item, "index"))
        return vectors(self.title, [item.get("embedding") for item in listed], len(texts))

    async def health(self) -> Health:
        """Whether the server answers, and its version where it tells one."""
        if self._is_busy:
            return Health(works=True)
        try:
            if self.profile.health:
                await self._server.get(self.profile.health)
            else:
                await self.list_models()
        except HearthError as error:
            return Health(works=False, message=error.message)
        return Health(works=True, version=await self._version())

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()

    async def _list(self) -> Sequence[ModelInfo]:
        """The server's own list, asked for anew."""
        reply = as_object(self.title, await self._server.get(f"{self._prefix}/models"))
        listed = objects(reply.get("data")) or objects(reply.get("models"))
        return [self._info(model) for model in listed if model.get("id") or model.get("name")]

    async def _opened(self, info: ModelInfo) -> LoadedModel:
        """The model as it answers from now on; servers that can be told to load it are told."""
        return LoadedModel(info, context=info.trained_context, threads=0, device=self.title)

    def _info(self, about: dict[str, Any]) -> ModelInfo:
        """What the list says of a model."""
        name = str(about.get("id") or about.get("name"))
        facts = {**about, **mapping(about, "meta")}
        windows = (whole(facts, key) for key in ("n_ctx", "context_length", "max_model_len"))
        return ModelInfo(
            ref=ModelRef(self.endpoint.name, name),
            name=_short_name(name),
            size=whole(facts, "size"),
            parameters=whole(facts, "n_params"),
            quantisation=str(facts.get("ftype") or ""),
            trained_context=next(filter(None, windows), 0),
            provider=self.title,
            is_cloud=self.is_cloud,
        )

    async def _read(self, stream: Stream, answer: Answer) -> AsyncGenerator[Chunk, None]:
        reply = Reply(self.title, answer)
        try:
            async with aclosing(stream.pieces) as pieces:
                async for piece in pieces:
                    for chunk in reply.feed(piece):
                        yield chunk
                    if reply.is_complete:
                        break
        except StreamCut:
            if not reply.can_end:
                raise
        for chunk in reply.end():
            yield chunk

    async def _begin(self, stack: AsyncExitStack, model: str, request: Request) -> Stream:
        path = f"{self._prefix}/{'completions' if request.raw is not None else 'chat/completions'}"

        async def send() -> Stream:
            profile = replace(self.profile, wants_usage=self._wants_usage)
            body = openai_chat.body(profile, model, request)
            return await stack.enter_async_context(self._server.stream(path, body))

        try:
            return await self._patiently(send)
        except ProviderError as error:
            refused = error.status in NOT_OPTIONS and "stream_options" in error.message
            if not (refused and self._wants_usage):
                raise
            self._wants_usage = False
            return await self._patiently(send)

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Asks, and asks again while the server says that it is loading its model."""
        while True:
            try:
                return await ask()
            except ProviderError as error:
                if not (self.profile.waits_while_loading and error.status == 503):
                    raise
                await asyncio.sleep(min(error.retry_after or LOADING_PAUSE, 5.0))

    async def _count(self, how: Counting, model: str, request: Request) -> TokenCount | None:
        body: dict[str, Any] = {"model": model} if how.sends_model else {}
        if how.chat:
            body[how.field] = openai_chat.messages(request.messages)
        else:
            raw = request.raw
            body[how.field] = plain_text(request.messages) if raw is None else raw
        reply = as_object(self.title, await self._server.post(how.path, body))
        value = reply.get(how.result)
        count = len(value) if isinstance(value, list) else value
        if not isinstance(count, int):
            return None
        if how.chat or request.raw is not None:
            return TokenCount(count)
        return TokenCount(count, f"{self.title} counts the text without its template")

    async def _version(self) -> str:
        path, field = self.profile.version
        if not path:
            return ""
        try:
            reply = await self._server.get(path)
        except HearthError:
            return ""
        return str(reply.get(field) or "") if isinstance(reply, dict) else ""


def _short_name(model: str) -> str:
    """A model's name without the folders of a path; `publisher/model` keeps its publisher."""
    return model.replace("\\", "/").rpartition("/")[2] if model.lower().endswith(".gguf") else model
