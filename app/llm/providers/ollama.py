"""Ollama, by its own API: the one that takes a context's size and tells what became of it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any

from app import net
from app.errors import HearthError, Misconfigured, Unsupported
from app.llm.providers.measuring import estimate
from app.llm.providers.ollama_facts import OllamaFacts
from app.llm.providers.server import Server, Stream
from app.llm.providers.wire import ollama_address, ollama_chat, ollama_context
from app.llm.providers.wire.fields import as_object, vectors
from app.llm.providers.wire.lines import Lines
from app.llm.providers.wire.ollama_models import Pull, Shown, full_name
from app.schema import (
    Chunk,
    Endpoint,
    Health,
    LoadedModel,
    ModelInfo,
    PullProgress,
    Request,
    RunningModel,
    TokenCount,
)

TITLE = "Ollama"
DEFAULT_CONTEXT = 8192  # tokens, where neither the person nor the model's settings name another
LOAD_SECONDS = 3600.0  # a large model from a slow disk; Ollama itself gives up when it is stuck
PULL_SILENCE = 1800.0  # seconds; nothing is said while the checksum of a large file is made


class OllamaProvider:
    """One Ollama server."""

    def __init__(self, endpoint: Endpoint, lock: net.OfflineLock | None = None) -> None:
        """`lock` keeps it from leaving this computer, also by way of Ollama's cloud models.

        Raises:
            Misconfigured: the address is none.
        """
        self.endpoint = replace(endpoint, url=ollama_address.server_url(endpoint.url))
        self.title = endpoint.title or TITLE
        headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        patient = replace(
            self.endpoint, silence_seconds=max(endpoint.silence_seconds, PULL_SILENCE)
        )
        self._server = Server(self.title, self.endpoint, headers=headers, lock=lock)
        self._fetcher = Server(self.title, patient, headers=headers, lock=lock)
        self._lock = lock
        self._facts = OllamaFacts(self._server, self.endpoint)

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked leaves for a company's computers, whatever the model."""
        return self._facts.is_cloud

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that are there; those that the person named, where they did."""
        if self.endpoint.models:
            return [self._facts.info(name, {}) for name in self.endpoint.models]
        infos = await self._facts.listed()
        loaded = {full_name(model.model) for model in await self._facts.running_now()}
        return [
            replace(info, is_loaded=True) if full_name(info.ref.model) in loaded else info
            for info in infos
        ]

    async def open(self, model: str) -> LoadedModel:
        """Gets ready to answer; the model itself is loaded by the first question."""
        shown = await self._facts.show(model)
        listed = {full_name(info.ref.model): info for info in await self._facts.listed()}
        # A model of the cloud can be used without being in the list.
        info = shown.added_to(listed.get(full_name(model), shown.info))
        return LoadedModel(info, context=self._context(shown), threads=0, device=self.title)

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        shown = await self._facts.show(model)
        self._check_offline(shown.info)
        asked = self._context(shown)
        answer = ollama_chat.Answer(self.title, request)  # its clock runs from here
        async with AsyncExitStack() as stack:
            stream = await self._begin(stack, model, request, asked)
            lines = await stack.enter_async_context(aclosing(self._lines(stream)))
            async for line in lines:
                for chunk in answer.feed(line):
                    yield chunk
                if answer.is_complete:
                    break
        for chunk in answer.end():
            yield chunk
        given = 0  # unknown for the cloud's models, which have a context of their own
        if not shown.info.is_cloud:
            given = await self._facts.given_context(model) or asked
            if given < asked:
                yield Chunk(notice=ollama_context.context_notice(self.title, asked, given))
        notice = await self._cut_notice(request, answer, given)
        if notice:
            yield Chunk(notice=notice)
        yield answer.finish(given)

    async def count_tokens(self, model: str, request: Request) -> TokenCount:  # noqa: ARG002
        """An estimate: Ollama counts tokens only while it answers."""
        return estimate(request)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text; one that is longer than the context is an error."""
        if not texts:
            return []
        shown = await self._facts.show(model)
        self._check_offline(shown.info)
        body: dict[str, Any] = {
            "model": model,
            "input": list(texts),
            "truncate": False,
            "options": {"num_ctx": self._context(shown)},
        }
        reply = as_object(self.title, await self._server.post("/api/embed", body, LOAD_SECONDS))
        return vectors(self.title, reply.get("embeddings"), len(texts))

    async def health(self) -> Health:
        """Whether the server answers, and its version."""
        try:
            return Health(works=True, version=await self._facts.version())
        except HearthError as error:
            return Health(works=False, message=error.message)

    async def running(self) -> Sequence[RunningModel]:
        """The models that the server holds in memory."""
        return await self._facts.running()

    async def load_remote(self, model: str, context: int = 0) -> None:
        """Loads a model; `context` 0 takes what chats will ask for, to not load it twice."""
        shown = await self._facts.show(model)
        self._check_offline(shown.info)
        body: dict[str, Any] = {
            "model": model,
            "stream": False,
            "shift": False,
            "options": {"num_ctx": context or self._context(shown)},
        }
        if "embedding" in shown.info.features and "chat" not in shown.info.features:
            path = "/api/embed"
            body["input"] = []
        else:
            path = "/api/generate"
        as_object(self.title, await self._server.post(path, body, LOAD_SECONDS))

    async def unload_remote(self, model: str) -> None:
        """Has the server give a model's memory back."""
        body = {"model": model, "stream": False, "keep_alive": 0}
        as_object(self.title, await self._server.post("/api/generate", body, LOAD_SECONDS))

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Fetches a model; what came before an interruption is not fetched twice."""
        pull = Pull(self.title, model)
        body = {"model": model, "stream": True}
        async with (
            self._fetcher.stream("/api/pull", body) as stream,
            aclosing(self._lines(stream)) as lines,
        ):
            async for line in lines:
                progress = pull.feed(line)
                if progress is not None:
                    yield progress
                if pull.is_complete:
                    break
        pull.end()
        self._facts.forget(model)

    async def delete(self, model: str) -> None:
        """Deletes a model from the server's disk."""
        await self._server.call("DELETE", "/api/delete", {"model": model})
        self._facts.forget(model)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()
        await self._fetcher.aclose()

    def _context(self, shown: Shown) -> int:
        """How many tokens of context are asked for, never more than the model was trained with."""
        wanted = self.endpoint.context or shown.own_context or DEFAULT_CONTEXT
        return min(wanted, shown.info.trained_context or wanted)

    def _check_offline(self, info: ModelInfo) -> None:
        if info.is_cloud and self._lock is not None and self._lock.closed:
            raise Misconfigured(
                f"Hearth is set to stay offline, and “{info.name}” runs on another computer.",
                "Allow connections in the settings, or choose a model on this computer.",
                provider=self.title,
            )

    async def _begin(
        self, stack: AsyncExitStack, model: str, request: Request, context: int
    ) -> Stream:
        path = "/api/chat" if request.raw is None else "/api/generate"
        body = ollama_chat.body(model, request, context)
        try:
            return await stack.enter_async_context(self._server.stream(path, body))
        except Unsupported as error:
            if "think" not in body or "think" not in error.message.lower():
                raise
            body = ollama_chat.body(model, request, context, thinks=False)
            return await stack.enter_async_context(self._server.stream(path, body))

    async def _lines(self, stream: Stream) -> AsyncGenerator[str, None]:
        stream.check()
        lines = Lines(self.title)
        async with aclosing(stream.pieces) as pieces:
            async for piece in pieces:
                for line in lines.feed(piece):
                    yield line
        for line in lines.end():
            if not _is_half(line):  # the connection ended in the middle of it
                yield line

    async def _cut_notice(self, request: Request, answer: ollama_chat.Answer, context: int) -> str:
        """A sentence where the server cannot have read the whole prompt, else ""."""
        read = answer.prompt_tokens
        limit = min((count for count in (read, context) if count), default=0)
        if not limit or not ollama_context.may_exceed(request, limit):
            return ""
        fewest = ollama_context.fewest_tokens(request)
        if (
            read < fewest
            and not answer.tells_cached
            and not await self._facts.counts_whole_prompt()
        ):
            read = 0  # the cached part of the prompt may be missing from it
        return ollama_context.cut_notice(self.title, fewest, read, context)


def _is_half(line: str) -> bool:
    """Whether a line is the beginning of an object whose end never came."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.lstrip().startswith("{")
    return False
