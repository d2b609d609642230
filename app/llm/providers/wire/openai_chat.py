"""OpenAI's chat and completion API: the body of a request, and the events of the reply.

Source: https://github.com/openai/openai-openapi (2.3.0), and what its imitators send beside it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import StreamCut
from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.profiles import Profile
from app.llm.providers.server import objects, parsed
from app.llm.providers.wire.sse import Event
from app.llm.providers.wire.thinking import Thinking
from app.schema import (
    Chunk,
    Finish,
    FinishReason,
    Message,
    PromptProgress,
    Request,
    Sampling,
    ToolCall,
)

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


def body(profile: Profile, model: str, request: Request) -> dict[str, Any]:
    """The request as JSON; `raw` is a completion, everything else a chat."""
    made: dict[str, Any] = {"model": model}
    if request.raw is not None:
        made["prompt"] = request.raw
        if profile.open_ended:
            made[profile.limit] = None
    else:
        made["messages"] = messages(request.messages)
    made |= sampling(profile, request.sampling)
    if profile.streams:
        made["stream"] = True
        if profile.wants_usage:
            made["stream_options"] = {"include_usage": True}
    if profile.reports_prompt:
        made["return_progress"] = True
    if request.tools:
        made["tools"] = [dict(tool) for tool in request.tools]
    if request.schema is not None:
        answer = {"name": "answer", "schema": dict(request.schema), "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": answer}
    if request.think is not None:
        made |= _thinking(profile.thinking, wanted=request.think)
    return made


def messages(turns: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in OpenAI's shape; pictures travel as data URIs."""
    made: list[dict[str, Any]] = []
    for turn in turns:
        if not turn.images:
            made.append({"role": str(turn.role), "content": turn.text})
            continue
        parts: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
        for image in turn.images:
            data = base64.b64encode(image.data).decode()
            url = f"data:{image.media_type};base64,{data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        made.append({"role": str(turn.role), "content": parts})
    return made


def sampling(profile: Profile, wanted: Sampling) -> dict[str, Any]:
    """The sampling fields that the server knows."""
    made: dict[str, Any] = {}
    for ours, theirs in profile.sampling.items():
        value = getattr(wanted, ours)
        is_default = value == getattr(Sampling(), ours)
        if value is not None and not (profile.is_cloud and is_default):
            made[theirs] = value
    if wanted.max_tokens is not None:
        made[profile.limit] = wanted.max_tokens
    if wanted.stop:
        made["stop"] = list(wanted.stop)
    return made


def _thinking(how: str, *, wanted: bool | str) -> dict[str, Any]:
    if how == "template" and isinstance(wanted, bool):
        return {"chat_template_kwargs": {"enable_thinking": wanted}}
    effort = wanted if isinstance(wanted, str) else "medium" if wanted else "none"
    if how in ("template", "effort"):
        return {"reasoning_effort": effort}
    if how == "nested":
        return {"reasoning": {"effort": effort} if effort != "none" else {"enabled": False}}
    return {}


@dataclass(slots=True)
class _Call:
    """A tool call while its parts arrive."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class Answer:
    """Turns the events of one answer into chunks."""

    def __init__(
        self,
        name: str,
        request: Request,
        *,
        splits_thinking: bool = True,
        needs_reason: bool = False,
    ) -> None:
        """`name` is the server's; `splits_thinking` follows `<think>` through the text.

        With `needs_reason` an answer that ends without a finish reason was cut.
        """
        self._name = name
        self._request = request
        self._meter = Meter()
        self._thinking = Thinking() if splits_thinking and request.raw is None else None
        self._calls: dict[int, _Call] = {}
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
            raise StreamCut(
                f"{self._name} broke off in the middle of the answer.",
                "What came is kept. Try again.",
                provider=self._name,
            )
        chunks: list[Chunk] = []
        if self._thinking is not None:
            rest = self._thinking.end()
            if rest.text or rest.reasoning:
                chunks.append(Chunk(text=rest.text, reasoning=rest.reasoning))
        if self._calls:
            calls = (self._calls[index] for index in sorted(self._calls))
            made = tuple(ToolCall(call.id, call.name, call.arguments or "{}") for call in calls)
            chunks.append(Chunk(tool_calls=made))
        reason = REASONS.get(self._reason, FinishReason.STOP)
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOLS
        return [*chunks, Chunk(finish=Finish(reason, self._meter.usage(self._request)))]

    def _said(self, delta: Mapping[str, Any]) -> list[Chunk]:
        for part in objects(delta.get("tool_calls")):
            self._call(part)
        thought, text = _thought(delta), _text(delta.get("content") or delta.get("refusal"))
        if not text and not thought:
            return []
        self._meter.piece()
        if thought:
            if self._thinking is not None:
                text = self._thinking.end().text + text
            self._thinking = None  # this server splits by itself
        elif self._thinking is not None:
            split = self._thinking.feed(text)
            thought, text = split.reasoning, split.text
            if not thought and not text:
                return []
        return [Chunk(text=text, tokens=1, reasoning=thought)]

    def _call(self, part: Mapping[str, Any]) -> None:
        index = part.get("index")
        call = self._calls.setdefault(
            index if isinstance(index, int) else len(self._calls), _Call()
        )
        function = part.get("function")
        about = function if isinstance(function, dict) else {}
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
            meter.prompt_tokens = _count(usage, "prompt_tokens", meter.prompt_tokens)
            meter.generated_tokens = _count(usage, "completion_tokens", meter.generated_tokens)
            details = usage.get("prompt_tokens_details")
            if isinstance(details, dict):
                meter.cached_tokens = _count(details, "cached_tokens", 0) or 0
            spent = usage.get("timing_token_generation")  # LocalAI, milliseconds
            if isinstance(spent, int | float) and spent > 0:
                meter.generation_seconds = spent / 1000
                meter.prompt_seconds = _number(usage, "timing_prompt_processing") / 1000
            rate = _number(usage, "avg_compl_tok_per_sec")  # mistral.rs
            if rate > 0 and meter.generated_tokens:
                meter.generation_seconds = meter.generated_tokens / rate
        if isinstance(timings, dict):  # llama.cpp
            fresh, cached = _count(timings, "prompt_n", 0) or 0, _count(timings, "cache_n", 0) or 0
            meter.cached_tokens = cached
            meter.prompt_tokens = meter.prompt_tokens or fresh + cached
            meter.generated_tokens = _count(timings, "predicted_n", meter.generated_tokens)
            meter.prompt_seconds = _number(timings, "prompt_ms") / 1000
            meter.generation_seconds = _number(timings, "predicted_ms") / 1000
        stats = reply.get("stats")
        if isinstance(stats, dict):  # LM Studio
            spent = _number(stats, "generation_time")
            meter.generation_seconds = spent or meter.generation_seconds


def _progress(about: Mapping[str, Any]) -> Chunk:
    total, cached = _count(about, "total", 0) or 0, _count(about, "cache", 0) or 0
    done = _count(about, "processed", 0) or 0
    return Chunk(progress=PromptProgress(done, total, cached))


def _thought(delta: Mapping[str, Any]) -> str:
    """The reasoning, under the name that the server gives it."""
    for key in ("reasoning_content", "reasoning", "thinking"):
        value = delta.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in objects(content))


def _count(source: Mapping[str, Any], key: str, otherwise: int | None) -> int | None:
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _number(source: Mapping[str, Any], key: str) -> float:
    value = source.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
