"""What the providers of the clouds' own APIs share: the key, refused options, reading an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Protocol

from app.errors import BadReply, Misconfigured, ModelMissing, ProviderError, Unsupported
from app.llm.providers.server import Server, Stream
from app.llm.providers.wire.options import Body, refused_option
from app.schema import Chunk, Endpoint, LoadedModel, ModelInfo, Request

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


class Refusals:
    """The options that models of one provider have refused; they are not sent again."""

    def __init__(self) -> None:
        self._of: dict[str, frozenset[str]] = {}

    async def open(
        self,
        stack: AsyncExitStack,
        server: Server,
        path: str,
        build: Callable[[frozenset[str]], Body],
        *,
        model: str,
        query: Mapping[str, str] | None = None,
    ) -> tuple[Stream, Body]:
        """Opens a stream, without the options that the model refuses, and says what was sent.

        `build` makes the body from the names of the options that are to be left out.

        Raises:
            HearthError: it failed for another reason.
        """
        while True:
            refused = self._of.get(model, frozenset())
            body = build(refused)
            try:
                opened = server.stream(path, body.json, query=query)
                return await stack.enter_async_context(opened), body
            except ProviderError as error:
                name = refused_option(error.message, body.options) if error.status == 400 else None
                if name is None:
                    raise
                self._of[model] = refused | {name}


def check_key(title: str, endpoint: Endpoint) -> None:
    """Raises Misconfigured where there is neither a key nor a header of the person's with one."""
    if endpoint.key or any(name.lower() in KEY_HEADERS for name, _ in endpoint.headers):
        return
    raise Misconfigured(
        f"{title} needs a key.", "Give one in the provider's settings.", provider=title
    )


def check_chat(title: str, request: Request) -> None:
    """Raises Unsupported for a text that is to be continued as it is."""
    if request.raw is not None:
        raise Unsupported(
            f"{title} answers messages only: it cannot continue a raw text.",
            "Send it as a message, or choose a model that runs on this computer.",
            provider=title,
        )


def chosen(title: str, known: Sequence[ModelInfo], names: Collection[str]) -> LoadedModel:
    """The model of the list that has one of the names, ready to answer. Raises ModelMissing."""
    info = next((info for info in known if info.ref.model in names), None)
    if info is None:
        raise ModelMissing(
            f"{title} has no model called “{next(iter(names))}”.",
            "Choose one of its list.",
            provider=title,
        )
    return LoadedModel(info, context=info.trained_context, threads=0, device=title)


async def spoken(title: str, stream: Stream, answer: Answer) -> AsyncGenerator[Chunk, None]:
    """The chunks of an answer as its bytes come. Raises HearthError."""
    if stream.content_type == "text/html":
        raise BadReply(
            f"{title} sent a web page where Hearth expected an answer.",
            "Check the address in its settings.",
            provider=title,
        )
    async with aclosing(stream.pieces) as pieces:
        async for piece in pieces:
            for chunk in answer.feed(piece):
                yield chunk
            if answer.is_complete:
                break
    for chunk in answer.end():
        yield chunk
