"""What the providers of the clouds' own APIs share: the key, refused options, reading an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, NamedTuple, Protocol

from app import net
from app.errors import HearthError, ProviderError, Unsupported
from app.llm.providers import failures
from app.llm.providers.measuring import estimate
from app.llm.providers.server import Server, Stream
from app.llm.providers.wire.fields import as_object, objects, whole_or
from app.llm.providers.wire.options import Body, refused_option
from app.schema import Chunk, Endpoint, Health, LoadedModel, ModelInfo, Request, TokenCount

KEY_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})
MOST_PAGES = 100  # of a list of models; a server that goes on for longer goes round in a circle


class Answer(Protocol):
    """A decoder of one answer."""

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that nothing follows."""
        ...

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that `data` completes. Raises HearthError."""
        ...

    def end(self) -> Iterator[Chunk]:
        """The last chunks. Raises StreamCut where the answer is not complete."""
        ...


class Chat(NamedTuple):
    """How a model is asked; `build` makes the body without the options of the names it is given."""

    path: str
    build: Callable[[frozenset[str]], Body]
    query: Mapping[str, str] | None = None


class Counting(NamedTuple):
    """How a prompt's tokens are asked for, and in which field of the reply they stand."""

    path: str
    body: Mapping[str, Any]
    field: str


class CloudProvider(ABC):
    """One account. What is asked leaves this computer."""

    is_cloud = True

    def __init__(
        self,
        endpoint: Endpoint,
        title: str,
        headers: Mapping[str, str],
        lock: net.OfflineLock | None = None,
    ) -> None:
        """The endpoint's address is whole; `title` is the API's own and `headers` its headers."""
        self.endpoint = endpoint
        self.title = endpoint.title or title
        self._server = Server(self.title, endpoint, headers=headers, lock=lock)
        self._refused: dict[str, frozenset[str]] = {}  # options by model; they are not sent again

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that can chat; those that the person named, where they did."""
        self._check_key()
        if self.endpoint.models:
            return [self._named(name) for name in self.endpoint.models]
        return [self._info(about) for about in await self._listed()]

    async def open(self, model: str) -> LoadedModel:
        """Looks the model up in the list."""
        names = self._names(model)
        known = await self.list_models()
        info = next((info for info in known if info.ref.model in names), None)
        if info is None:
            raise failures.missing(self.title, model)
        return LoadedModel(info, context=info.trained_context, threads=0, device=self.title)

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        self._check(request)
        chat = await self._chat(model, request)
        answer = self._answer(request)  # its clock runs from here
        async with AsyncExitStack() as stack:
            stream, body = await self._begin(stack, model, chat)
            if body.notice:
                yield Chunk(notice=body.notice)
            stream.check()
            async with aclosing(stream.pieces) as pieces:
                async for piece in pieces:
                    for chunk in answer.feed(piece):
                        yield chunk
                    if answer.is_complete:
                        break
            for chunk in answer.end():
                yield chunk

    async def count_tokens(self, model: str, request: Request) -> TokenCount:
        """The prompt's tokens as the server counts them, else an estimate."""
        try:
            self._check(request)
            path, body, field = self._counting(model, request)
            reply = as_object(self.title, await self._server.post(path, body))
        except HearthError:
            return estimate(request)
        count = whole_or(reply, field, None)
        return estimate(request) if count is None else TokenCount(count)

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

    @abstractmethod
    async def _listed(self) -> list[dict[str, Any]]:
        """The entries of the list of models that can chat."""

    @abstractmethod
    def _info(self, about: Mapping[str, Any]) -> ModelInfo:
        """What an entry of the list says of a model."""

    @abstractmethod
    def _named(self, name: str) -> ModelInfo:
        """A model that the person named."""

    @abstractmethod
    async def _chat(self, model: str, request: Request) -> Chat:
        """How the request is sent. Raises HearthError where the model cannot do it."""

    @abstractmethod
    def _answer(self, request: Request) -> Answer:
        """What decodes the answer."""

    @abstractmethod
    def _counting(self, model: str, request: Request) -> Counting:
        """How the request's tokens are counted."""

    def _names(self, model: str) -> Collection[str]:
        """The names under which a model may stand in the list."""
        return (model,)

    def _check_key(self) -> None:
        """Raises Misconfigured where there is no key, nor a header of the person's with one."""
        given = (name.lower() for name, _ in self.endpoint.headers)
        if not self.endpoint.key and KEY_HEADERS.isdisjoint(given):
            raise failures.no_key(self.title)

    def _check(self, request: Request) -> None:
        """Raises Misconfigured without a key, Unsupported for a text to be continued as it is."""
        self._check_key()
        if request.raw is not None:
            raise Unsupported(
                f"{self.title} answers messages only: it cannot continue a raw text.",
                "Send it as a message, or choose a model that runs on this computer.",
                provider=self.title,
            )

    async def _begin(self, stack: AsyncExitStack, model: str, chat: Chat) -> tuple[Stream, Body]:
        """Opens a stream, without the options that the model refuses, and says what was sent.

        Raises:
            HearthError: it failed for another reason.
        """
        while True:
            refused = self._refused.get(model, frozenset())
            body = chat.build(refused)
            opened = self._server.stream(chat.path, body.json, query=chat.query)
            try:
                return await stack.enter_async_context(opened), body
            except ProviderError as error:
                name = refused_option(error.message, body.options) if error.status == 400 else None
                if name is None:
                    raise
                self._refused[model] = refused | {name}

    async def _pages(
        self,
        path: str,
        field: str,
        query: Mapping[str, str],
        cursor: str,
        following: Callable[[Mapping[str, Any]], Any],
    ) -> list[dict[str, Any]]:
        """The entries in `field` of all pages of a list.

        `following` reads from a page what `cursor` of the next one's query is, if there is one.
        """
        found: list[dict[str, Any]] = []
        place = ""
        for _ in range(MOST_PAGES):
            asked = {**query, cursor: place} if place else query
            reply = as_object(self.title, await self._server.get(path, asked))
            found += objects(reply.get(field))
            before, place = place, str(following(reply) or "")
            if place in ("", before):
                break
        return found
