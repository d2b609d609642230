"""Ollama, by its own API: the one that takes a context's size and tells what became of it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any

from app import net
from app.errors import ApiError, BadReply, HearthError, Misconfigured, Unsupported
from app.llm.providers.measuring import estimate
from app.llm.providers.server import Server, Stream, as_object, objects
from app.llm.providers.wire import ollama_address, ollama_chat, ollama_models
from app.llm.providers.wire.lines import Lines
from app.llm.providers.wire.ollama_models import Pull, Shown, full_name
from app.schema import (
    Chunk,
    Endpoint,
    Health,
    LoadedModel,
    ModelInfo,
    ModelRef,
    PullProgress,
    Request,
    RunningModel,
    TokenCount,
)

TITLE = "Ollama"
DEFAULT_CONTEXT = 8192  # tokens, where neither the person nor the model's settings name another
LOAD_SECONDS = 3600.0  # a large model from a slow disk; Ollama itself gives up when it is stuck
PULL_SILENCE = 1800.0  # seconds; nothing is said while the checksum of a large file is made
CHECK_SECONDS = 5.0  # for what is asked after an answer, which nobody should wait for


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
        self._shown: dict[str, Shown] = {}  # by the model's full name

    @property
    def is_cloud(self) -> bool:
        """Whether what is asked leaves for a company's computers, whatever the model."""
        return ollama_address.is_cloud(self.endpoint.url)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that are there; those that the person named, where they did."""
        if self.endpoint.models:
            return [self._info(name, {}) for name in self.endpoint.models]
        infos = await self._listed()
        loaded = {full_name(model.model) for model in await self._running_now()}
        return [
            replace(info, is_loaded=True) if full_name(info.ref.model) in loaded else info
            for info in infos
        ]

    async def open(self, model: str) -> LoadedModel:
        """Gets ready to answer; the model itself is loaded by the first question."""
        shown = await self._show(model)
        listed = {full_name(info.ref.model): info for info in await self._listed()}
        # A model of the cloud can be used without being in the list.
        info = shown.added_to(listed.get(full_name(model), shown.info))
        return LoadedModel(info, context=self._context(shown), threads=0, device=self.title)

    async def stream(self, model: str, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator closes the connection."""
        shown = await self._show(model)
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
            given = await self._given_context(model) or asked
            if given < asked:
                yield Chunk(notice=ollama_chat.context_notice(self.title, asked, given))
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
        shown = await self._show(model)
        self._check_offline(shown.info)
        body: dict[str, Any] = {
            "model": model,
            "input": list(texts),
            "truncate": False,
            "options": {"num_ctx": self._context(shown)},
        }
        reply = as_object(self.title, await self._server.post("/api/embed", body, LOAD_SECONDS))
        vectors = reply.get("embeddings")
        listed = vectors if isinstance(vectors, list) else []
        if len(listed) != len(texts) or not all(isinstance(vector, list) for vector in listed):
            raise BadReply(
                f"{self.title} did not give a vector for each text.",
                "Choose an embedding model.",
                provider=self.title,
            )
        return [[float(value) for value in vector] for vector in listed]

    async def health(self) -> Health:
        """Whether the server answers, and its version."""
        try:
            return Health(works=True, version=await self._read_version())
        except HearthError as error:
            return Health(works=False, message=error.message)

    async def running(self) -> Sequence[RunningModel]:
        """The models that the server holds in memory."""
        return await self._running()

    async def load_remote(self, model: str, context: int = 0) -> None:
        """Loads a model; `context` 0 takes what chats will ask for, to not load it twice."""
        shown = await self._show(model)
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
        self._shown.pop(full_name(model), None)

    async def delete(self, model: str) -> None:
        """Deletes a model from the server's disk."""
        await self._server.call("DELETE", "/api/delete", {"model": model})
        self._shown.pop(full_name(model), None)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()
        await self._fetcher.aclose()

    def _info(self, model: str, about: Mapping[str, Any]) -> ModelInfo:
        ref = ModelRef(self.endpoint.name, model)
        return ollama_models.model_info(ref, self.title, about, is_cloud=self.is_cloud)

    async def _listed(self) -> list[ModelInfo]:
        """The server's list, with what is known besides."""
        reply = as_object(self.title, await self._server.get("/api/tags"))
        infos = []
        for about in objects(reply.get("models")):
            name = about.get("model") or about.get("name")
            if isinstance(name, str):
                info = self._info(name, about)
                shown = self._shown.get(full_name(name))
                infos.append(shown.added_to(info) if shown else info)
        return infos

    async def _show(self, model: str) -> Shown:
        """What the server knows of a model, asked once. Raises ModelMissing."""
        name = full_name(model)
        if name not in self._shown:
            try:
                reply = await self._server.post("/api/show", {"model": model})
            except ApiError as error:
                if error.status != 404:
                    raise
                return Shown(self._info(model, {}))  # an imitator that does not know the path
            about = as_object(self.title, reply)
            self._shown[name] = ollama_models.shown(self._info(model, about), about)
        return self._shown[name]

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
        if stream.content_type == "text/html":
            raise BadReply(
                f"{self.title} sent a web page where Hearth expected an answer.",
                "Check the address in its settings.",
                provider=self.title,
            )
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
        if not limit or not ollama_chat.may_exceed(request, limit):
            return ""
        fewest = ollama_chat.fewest_tokens(request)
        if read < fewest and not answer.tells_cached and not await self._counts_all():
            read = 0  # the cached part of the prompt may be missing from it
        return ollama_chat.cut_notice(self.title, fewest, read, context)

    async def _counts_all(self) -> bool:
        try:
            version = await self._read_version(CHECK_SECONDS)
        except HearthError:
            return False
        return ollama_chat.counts_whole_prompt(version)

    async def _read_version(self, seconds: float | None = None) -> str:
        reply = await self._server.call("GET", "/api/version", seconds=seconds)
        return str(as_object(self.title, reply).get("version") or "")

    async def _given_context(self, model: str) -> int:
        """The context that a model was loaded with, in tokens; 0 if unknown."""
        name = full_name(model)
        same = (run.context for run in await self._running_now() if full_name(run.model) == name)
        return next(same, 0)

    async def _running_now(self) -> list[RunningModel]:
        """The running models, none where the server does not tell."""
        try:
            return await self._running(CHECK_SECONDS)
        except HearthError:
            return []

    async def _running(self, seconds: float | None = None) -> list[RunningModel]:
        reply = as_object(self.title, await self._server.call("GET", "/api/ps", seconds=seconds))
        return ollama_models.running(reply)


def _is_half(line: str) -> bool:
    """Whether a line is the beginning of an object whose end never came."""
    try:
        json.loads(line)
    except ValueError:
        return line.lstrip().startswith("{")
    return False
