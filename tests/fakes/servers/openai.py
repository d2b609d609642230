"""OpenAI's chat API on a loopback server, as each of the kinds that imitate it speaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, sse

CHARACTERS_PER_TOKEN = 4
TEMPLATE_TOKENS = 6  # around each message


@dataclass(frozen=True)
class Count:
    """A route that counts tokens: the field it reads, the field it answers with."""

    path: str
    reads: str
    tells: str
    as_list: bool = False  # the tokens themselves


@dataclass(frozen=True)
class Manner:
    """What one kind of server does in its own way; sources are the servers' own."""

    owner: str
    prefix: str = "/v1"
    created: int = 1_770_000_000
    thought: str = "reasoning_content"
    knows_models: bool = False  # else any name is answered with what is loaded
    counts: tuple[Count, ...] = ()
    health: Mapping[str, Reply] | None = None  # path -> what it answers
    version: tuple[str, str] = ("", "")  # a path and a field
    usage: str = "asked"  # in a chunk when asked for, "finish": in the last one, "never"
    streams: bool = True
    plain_errors: bool = False


TOKENIZE = Count("/tokenize", "content", "tokens", as_list=True)
OK_STATUS = as_json({"status": "ok"})
MANNERS: Mapping[str, Manner] = {
    "openai": Manner("openai", knows_models=True),
    "openai-compatible": Manner("somebody", knows_models=True),
    "openrouter": Manner("", "/api/v1", thought="reasoning", knows_models=True),
    "llama-server": Manner(
        "llamacpp",
        counts=(
            TOKENIZE,
            Count("/v1/chat/completions/input_tokens", "messages", "input_tokens"),
        ),
        health={"/health": OK_STATUS, "/v1/health": OK_STATUS},
    ),
    "llamafile": Manner("llamafile", counts=(TOKENIZE,)),
    "llama-cpp-python": Manner(
        "me", counts=(Count("/extras/tokenize/count", "input", "count"),), usage="never"
    ),
    "lm-studio": Manner("organization_owner", knows_models=True),
    "localai": Manner(
        "",
        thought="reasoning",
        knows_models=True,
        counts=(Count("/v1/tokenize", "content", "tokens", as_list=True),),
        health={"/healthz": Reply(), "/readyz": Reply()},
        version=("/version", "version"),
    ),
    "mistral-rs": Manner(
        "local",
        knows_models=True,
        health={"/health": Reply(b"OK", content_type="text/plain")},
        usage="finish",
    ),
    "koboldcpp": Manner(
        "koboldcpp",
        counts=(Count("/api/extra/tokencount", "prompt", "value"),),
        version=("/api/extra/version", "version"),
    ),
    "text-generation-webui": Manner(
        "user",
        created=0,
        counts=(Count("/v1/internal/token-count", "text", "length"),),
        health={"/v1/internal/health": OK_STATUS},
    ),
    "jan": Manner("user", created=1, knows_models=True, plain_errors=True),
    "gpt4all": Manner("humanity", streams=False),
    "vllm": Manner(
        "vllm",
        thought="reasoning",
        knows_models=True,
        counts=(Count("/tokenize", "messages", "count"),),
        health={"/health": Reply()},
        version=("/version", "version"),
    ),
}


@dataclass
class OpenAIServer:
    """The routes of one kind and the state behind them; a test changes the fields as it likes."""

    server: FakeServer
    kind: str = "openai"
    models: tuple[str, ...] = ("tiny",)
    says: tuple[str, ...] = ("Hello", " there", ".")
    thinks: tuple[str, ...] = ()
    finish: str = "stop"
    key: str = ""
    context: int = 4096
    told_version: str = "1.2.3"
    cached: int = 0  # tokens of the prompt that are in the KV cache
    loading: int = 0  # so many requests are refused with 503

    def __post_init__(self) -> None:
        manner, route = self.manner, self.server.route
        route("GET", f"{manner.prefix}/models", self.guarded(lambda _: as_json(self.listed())))
        for path in ("chat/completions", "completions"):
            route("POST", f"{manner.prefix}/{path}", self.guarded(self._answer))
        route("POST", f"{manner.prefix}/embeddings", self.guarded(self._embed))
        for count in manner.counts:
            route("POST", count.path, self.guarded(self._counter(count)))
        for path, reply in (manner.health or {}).items():
            route("GET", path, self._ready(reply))
        path, name = manner.version
        if path:
            route("GET", path, lambda _: as_json({name: self.told_version}))

    @property
    def manner(self) -> Manner:
        return MANNERS[self.kind]

    def listed(self) -> dict[str, Any]:
        """The list of models."""
        return {"object": "list", "data": [self.about(model) for model in self.models]}

    def about(self, model: str) -> dict[str, Any]:
        """A model of the list, with what the kind tells of it beside its name."""
        made: dict[str, Any] = {"id": model, "object": "model", "created": self.manner.created}
        if self.manner.owner:
            made["owned_by"] = self.manner.owner
        if self.kind == "llama-server":
            made["meta"] = {
                "n_ctx": self.context,
                "n_ctx_train": 32_768,
                "n_params": 494_032_768,
                "size": 397_808_192,
            }
        if self.kind == "vllm":
            made["max_model_len"] = self.context
        if self.kind == "openrouter":
            made["context_length"] = self.context
        return made

    def refusal(self, status: int, message: str, code: str = "invalid_request_error") -> Reply:
        """An error in the kind's own form."""
        if self.manner.plain_errors:
            return Reply(message.encode(), status, content_type="text/plain")
        error = {"message": message, "type": code, "param": None, "code": status}
        return as_json({"error": error}, status)

    def guarded(self, handler: Any) -> Any:
        """The handler behind the key and, while a model is loading, behind a 503."""

        def guard(request: Received) -> Reply:
            wrong = self.key and request.headers.get("authorization") != f"Bearer {self.key}"
            if wrong:
                return self.refusal(401, "Invalid API Key", "authentication_error")
            reply: Reply = self.not_ready() or handler(request)
            return reply

        return guard

    def not_ready(self) -> Reply | None:
        """The refusal while a model is loading."""
        if self.loading == 0:
            return None
        self.loading -= 1
        return self.refusal(503, "Loading model", "unavailable_error")

    def _ready(self, reply: Reply) -> Any:
        return lambda _: self.not_ready() or reply

    def _answer(self, request: Received) -> Reply:
        asked = request.json
        if self.manner.knows_models and asked["model"] not in self.models:
            return self.refusal(404, f"The model `{asked['model']}` does not exist: not found")
        wants_stream = asked.get("stream", False)
        if wants_stream and not self.manner.streams:
            return self.refusal(400, "'stream' is not supported")
        return sse(*self._events(request)) if wants_stream else as_json(self._whole(request))

    def _events(self, request: Received) -> list[dict[str, Any]]:
        asked = request.json
        is_chat = "messages" in asked
        events = [self._chunk({"role": "assistant", "content": None})] if is_chat else []
        if asked.get("return_progress"):
            total = count_prompt(asked)
            events += [
                {**self._chunk({}), "prompt_progress": {**about, "total": total, "time_ms": 5}}
                for about in (
                    {"cache": self.cached, "processed": self.cached},
                    {"cache": self.cached, "processed": total},
                )
            ]
        if is_chat:
            events += [self._chunk({self.manner.thought: thought}) for thought in self.thinks]
        events += [self._chunk({"content": text} if is_chat else text) for text in self.says]
        last = self._chunk({} if is_chat else "", self.finish)
        figures = self._figures(request)
        if self.manner.usage == "finish":
            return [*events, {**last, **figures}]
        wants_usage = (asked.get("stream_options") or {}).get("include_usage")
        if self.manner.usage == "asked" and wants_usage:
            return [*events, last, {**self._chunk({}), "choices": [], **figures}]
        if self.kind == "llama-server":  # without usage the timings are told all the same
            last["timings"] = figures["timings"]
        return [*events, last]

    def _whole(self, request: Received) -> dict[str, Any]:
        text = "".join(self.says)
        message = {"role": "assistant", "content": text, self.manner.thought: "".join(self.thinks)}
        said = {"message": message} if "messages" in request.json else {"text": text}
        choice = {"index": 0, "finish_reason": self.finish, **said}
        return {"object": "chat.completion", "choices": [choice], **self._figures(request)}

    def _chunk(self, said: dict[str, Any] | str, finish: str | None = None) -> dict[str, Any]:
        piece = {"text": said} if isinstance(said, str) else {"delta": said}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "model": self.models[0] if self.models else "",
            "choices": [{"index": 0, **piece, "finish_reason": finish}],
        }

    def _figures(self, request: Received) -> dict[str, Any]:
        """The usage, and whatever the kind tells of times."""
        prompt, made = count_prompt(request.json), len(self.says) + len(self.thinks)
        usage: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
        }
        figures: dict[str, Any] = {"usage": usage}
        if self.kind == "llama-server":
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached}
            figures["timings"] = {
                "cache_n": self.cached,
                "prompt_n": prompt - self.cached,
                "prompt_ms": 20.0,
                "predicted_n": made,
                "predicted_ms": 1500.0,
            }
        if self.kind == "localai" and request.headers.get("extra-usage"):
            usage |= {"timing_prompt_processing": 20.0, "timing_token_generation": 1500.0}
        if self.kind == "mistral-rs":
            usage |= {"avg_compl_tok_per_sec": made / 1.5, "avg_tok_per_sec": 3.0}
        if self.kind == "lm-studio":
            figures["stats"] = {"generation_time": 1.5, "tokens_per_second": made / 1.5}
        return figures

    def _embed(self, request: Received) -> Reply:
        given = request.json["input"]
        texts = [given] if isinstance(given, str) else given
        vectors = [
            {"object": "embedding", "index": index, "embedding": [len(text) / 1000, 0.5, -1]}
            for index, text in enumerate(texts)
        ]
        return as_json({"object": "list", "data": vectors})

    def _counter(self, count: Count) -> Any:
        def handle(request: Received) -> Reply:
            given = request.json[count.reads]
            tokens = count_text(given) if isinstance(given, str) else count_prompt(request.json)
            return as_json({count.tells: list(range(tokens)) if count.as_list else tokens})

        return handle


def fill(server: FakeServer, kind: str = "openai", **details: Any) -> OpenAIServer:
    """Makes a server speak like one of that kind; `details` are fields of OpenAIServer."""
    return OpenAIServer(server, kind, **details)


def count_text(text: str) -> int:
    """The tokens of a text, by these servers' own simple tokenizer."""
    return len(text) // CHARACTERS_PER_TOKEN + 1


def count_prompt(asked: Mapping[str, Any]) -> int:
    """The tokens of a request."""
    if "prompt" in asked:
        return count_text(asked["prompt"])
    texts = [json.dumps(message["content"]) for message in asked["messages"]]
    return sum(len(text) // CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS for text in texts)
