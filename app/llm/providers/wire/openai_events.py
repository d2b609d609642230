"""OpenAI's chat and completion API: the events of the reply, as chunks.

Source: https://github.com/openai/openai-openapi (2.3.0), and what its imitators send beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.wire.calls import Call, completed
from app.llm.providers.wire.fields import mapping, objects, parsed, string, whole, whole_or
from app.llm.providers.wire.sse import Event
from app.llm.providers.wire.thinking import Speech
from app.schema import Chunk, Finish, FinishReason, PromptProgress, Request

DONE = "[DONE]"
REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOLS,
    "function_call": FinishReason.TOOLS,
    "content_filter": FinishReason.FILTER,
}


class Answer:
    """Turns the events of one answer into chunks."""

    def __init__(self, name: str, request: Request, *, needs_reason: bool = False) -> None:
        """`name` is the server's.

        With `needs_reason` an answer that ends without a finish reason was cut.
        """
        self._name = name
        self._request = request
        self._meter = Meter()
        self._speech = Speech(self._meter, by_tags=request.raw is None)
        self._calls: dict[int, Call] = {}
        self._reason = ""
        self._ended = False
        self._needs_reason = needs_reason

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that nothing follows."""
        return self._ended

    @property
    def has_reason(self) -> bool:
        """Whether the server has said why the text ended; its usage may still follow."""
        return bool(self._reason)

    def complete(self) -> None:
        """Nothing follows: the reply was no stream."""
        self._ended = True
        self._needs_reason = False

    def feed(self, event: Event) -> list[Chunk]:
        """The chunks of one event.

        Raises:
            HearthError: the event is an error, or cannot be read.
        """
        if event.data.strip() == DONE:
            self._ended = True
            return []
        if self._ended or event.name not in ("", "message", "error"):
            return []  # some servers add events of their own
        if event.name == "error":
            raise failures.in_event(self._name, event.data)
        return self.take(parsed(self._name, event.data))

    def take(self, reply: Mapping[str, Any]) -> list[Chunk]:
        """The chunks of one decoded event, or of a reply that was no stream. Raises HearthError."""
        if reply.get("error") or reply.get("object") == "error":  # the latter: older vLLM
            raise failures.failure(self._name, None, reply)
        self._measure(reply)
        progress = reply.get("prompt_progress")
        if isinstance(progress, dict):
            return [_progress(progress)]
        choices = objects(reply.get("choices"))
        if not choices:
            return []
        choice = choices[0]
        self._reason = str(choice.get("finish_reason") or self._reason)
        if self._reason == "error":
            raise failures.failure(self._name, None, {"error": "the model failed"})
        said = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        return self._said(said) if isinstance(said, dict) else []

    def end(self) -> list[Chunk]:
        """The last chunks, when the stream is over.

        Raises:
            StreamCut: the server had not said that the answer is complete.
        """
        if not self._reason and (self._needs_reason or not self._ended):
            raise failures.cut_off(self._name)
        reason = REASONS.get(self._reason, FinishReason.STOP)
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOLS
        finish = Finish(reason, self._meter.usage(self._request))
        return [*self._speech.end(), *completed(self._calls), Chunk(finish=finish)]

    def _said(self, delta: Mapping[str, Any]) -> list[Chunk]:
        for part in objects(delta.get("tool_calls")):
            self._call(part)
        text = _text(delta.get("content") or delta.get("refusal"))
        return self._speech.say(_thought(delta), text)

    def _call(self, part: Mapping[str, Any]) -> None:
        index = whole_or(part, "index", len(self._calls))
        call = self._calls.setdefault(index, Call())
        about = mapping(part, "function")
        call.id = str(part.get("id") or call.id)
        call.name = str(about.get("name") or call.name)
        arguments = about.get("arguments")
        if isinstance(arguments, str):
            call.arguments += arguments
        elif arguments is not None:  # whole, as an object
            call.arguments = json.dumps(arguments)

    def _measure(self, reply: Mapping[str, Any]) -> None:
        meter = self._meter
        usage, timings = reply.get("usage"), reply.get("timings")
        if isinstance(usage, dict):
            meter.prompt_tokens = whole_or(usage, "prompt_tokens", meter.prompt_tokens)
            meter.generated_tokens = whole_or(usage, "completion_tokens", meter.generated_tokens)
            details = usage.get("prompt_tokens_details")
            if isinstance(details, dict):
                meter.cached_tokens = whole(details, "cached_tokens")
            spent = usage.get("timing_token_generation")  # LocalAI, milliseconds
            if isinstance(spent, int | float) and spent > 0:
                meter.generation_seconds = spent / 1000
                meter.prompt_seconds = _number(usage, "timing_prompt_processing") / 1000
            rate = _number(usage, "avg_compl_tok_per_sec")  # mistral.rs
            if rate > 0 and meter.generated_tokens:
                meter.generation_seconds = meter.generated_tokens / rate
        if isinstance(timings, dict):  # llama.cpp
            fresh, cached = whole(timings, "prompt_n"), whole(timings, "cache_n")
            meter.cached_tokens = cached
            meter.prompt_tokens = meter.prompt_tokens or fresh + cached
            meter.generated_tokens = whole_or(timings, "predicted_n", meter.generated_tokens)
            meter.prompt_seconds = _number(timings, "prompt_ms") / 1000
            meter.generation_seconds = _number(timings, "predicted_ms") / 1000
        stats = reply.get("stats")
        if isinstance(stats, dict):  # LM Studio
            spent = _number(stats, "generation_time")
            meter.generation_seconds = spent or meter.generation_seconds


def _progress(about: Mapping[str, Any]) -> Chunk:
    done, total = whole(about, "processed"), whole(about, "total")
    return Chunk(progress=PromptProgress(done, total, whole(about, "cache")))


def _thought(delta: Mapping[str, Any]) -> str:
    """The reasoning, under the name that the server gives it."""
    for key in ("reasoning_content", "reasoning", "thinking"):
        if value := string(delta, key):
            return value
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in objects(content))


def _number(source: Mapping[str, Any], key: str) -> float:
    value = source.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
