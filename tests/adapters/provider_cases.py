"""Every kind of provider with the server that it speaks to, for the suite that all must pass."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from app import net
from app.llm.providers import kinds
from app.llm.providers.interface import Provider
from tests.adapters.asking import endpoint
from tests.fakes.servers import anthropic, gemini, openai
from tests.fakes.servers.http import FakeServer, Received, Reply
from tests.fakes.servers.koboldcpp import KoboldCpp
from tests.fakes.servers.llama_server import LlamaServer
from tests.fakes.servers.lm_studio import LMStudio
from tests.fakes.servers.localai import LocalAI
from tests.fakes.servers.mistral_rs import MistralRs
from tests.fakes.servers.ollama import Ollama
from tests.fakes.servers.openai_events import HELLO
from tests.fakes.servers.text_generation_webui import TextGenerationWebUI

KEY = "sk-of-the-suite"
NDJSON_ERROR = b'{"error": "boom"}\n'
SSE_ERROR = b'data: {"error": {"message": "boom"}}\n\n'
ANTHROPIC_ERROR = anthropic.event("error", error={"type": "api_error", "message": "boom"})


@dataclass(frozen=True)
class Case:
    """One kind: `fill` makes a server say “Hello, world” to a chat at `path`."""

    kind: str
    fill: Callable[[FakeServer], object]
    path: str = "/v1/chat/completions"
    model: str = "tiny"
    key: str = KEY
    base: str = ""  # behind the server's address
    error: bytes = SSE_ERROR  # as it comes in the middle of a stream
    streams: bool = True
    waits_while_loading: bool = False

    @asynccontextmanager
    async def provider(
        self, url: str, lock: net.OfflineLock | None = None, **about: Any
    ) -> AsyncIterator[Provider]:
        """The provider as the program makes it."""
        where = endpoint(url + self.base, kind=self.kind, **{"key": self.key, **about})
        made = kinds.makers(lock or net.OfflineLock())[self.kind](where)
        try:
            yield made
        finally:
            await made.aclose()

    def halfway(self, server: FakeServer, **how: Any) -> None:
        """Ends the streams of a server behind the piece with “Hello”; `how` is of Reply."""

        def change(reply: Reply) -> Reply:
            pieces = list(reply.pieces or ())
            said = [b"Hello" in piece for piece in pieces].index(True)
            return replace(reply, pieces=pieces[: said + 1] + how.pop("then", []), **how)

        server.changes[self.path] = change


def _says_hello(fake: Callable[[FakeServer], Any], **about: Any) -> Callable[[FakeServer], None]:
    """Fills a server by a fake whose chat is a field of its own."""

    def fill(server: FakeServer) -> None:
        made = fake(server, **about)
        made.chat.says = HELLO

    return fill


def _plain(kind: str, **about: Any) -> Case:
    return Case(kind, lambda server: openai.fill(server, kind, says=HELLO), **about)


def _lm_studio(server: FakeServer) -> None:
    made = LMStudio(server)
    made.add("tiny")
    made.chat.says = HELLO


def _ollama(server: FakeServer) -> None:
    Ollama(server, says=HELLO).add("tiny:latest")


def _in_pieces(server: FakeServer) -> None:
    """GPT4All's whole answer, sent so that it can be cut like a stream."""
    made = openai.fill(server, "gpt4all", says=HELLO)

    def answer(request: Received) -> Reply:
        reply: Reply = made.guarded(made._answer)(request)
        return replace(reply, pieces=[reply.body])

    server.route("POST", "/v1/chat/completions", answer)


CASES = (
    Case("ollama", _ollama, "/api/chat", "tiny:latest", error=NDJSON_ERROR),
    Case(
        "anthropic",
        lambda server: anthropic.fill(server, says=HELLO),
        anthropic.MESSAGES,
        "claude-old-1",
        anthropic.KEY,
        error=ANTHROPIC_ERROR,
    ),
    Case(
        "gemini",
        lambda server: gemini.fill(server, says=HELLO),
        gemini.path(gemini.CHAT, "streamGenerateContent"),
        gemini.CHAT,
        gemini.KEY,
        gemini.PREFIX,
        error=json.dumps(gemini.error(500, "INTERNAL", "boom"), indent=2).encode(),
    ),
    Case("llama-server", _says_hello(LlamaServer), waits_while_loading=True),
    Case("lm-studio", _lm_studio),
    Case("localai", _says_hello(LocalAI), waits_while_loading=True),
    Case("mistral-rs", _says_hello(MistralRs, models={"tiny": "loaded"})),
    Case("text-generation-webui", _says_hello(TextGenerationWebUI, files=("tiny",), loaded="tiny")),
    Case("koboldcpp", _says_hello(KoboldCpp, loaded="tiny")),
    _plain("llamafile", waits_while_loading=True),
    _plain("llama-cpp-python"),
    _plain("jan"),
    Case("gpt4all", _in_pieces, streams=False),
    _plain("vllm"),
    _plain("openai-compatible"),
    _plain("openai", base="/v1"),
    _plain("openrouter", path="/api/v1/chat/completions", base="/api/v1"),
)
DIALECTS = ("ollama", "anthropic", "gemini", "gpt4all", "openai-compatible")
