"""The reply of Anthropic's Messages API, as chunks.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.wire.calls import Call, completed
from app.llm.providers.wire.fields import mapping, objects, parsed, string, whole
from app.llm.providers.wire.sse_or_json import EventsOrJson
from app.schema import Chunk, Finish, FinishReason, Request

REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.CONTEXT,
    "tool_use": FinishReason.TOOLS,
    "refusal": FinishReason.FILTER,
}
READ, WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"


class Answer:
    """Turns the bytes of one answer into chunks."""

    def __init__(self, name: str, request: Request) -> None:
        """`name` is the server's."""
        self._name = name
        self._request = request
        self._decoder = EventsOrJson(name)
        self._meter = Meter()
        self._calls: dict[int, Call] = {}
        self._usage: dict[str, int] = {}
        self._reason = ""
        self._ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that nothing follows."""
        return self._ended

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that `data` completes.

        Raises:
            HearthError: the server tells an error, or what it sends cannot be read.
        """
        for text in self._decoder.feed(data):
            yield from self._take(parsed(self._name, text))

    def end(self) -> Iterator[Chunk]:
        """The last chunks, when the stream is over.

        Raises:
            StreamCut: the server had not said that the answer is complete.
        """
        for text in self._decoder.end():
            yield from self._take(parsed(self._name, text))
        if not self._ended:
            raise failures.cut_off(self._name)
        yield from completed(self._calls)
        reason = REASONS.get(self._reason, FinishReason.STOP)
        yield Chunk(finish=Finish(reason, self._meter.usage(self._request)))

    def _take(self, event: Mapping[str, Any]) -> Iterator[Chunk]:
        """The chunks of one event; those that nobody knows yet say nothing."""
        if self._ended:
            return
        if event.get("error"):
            raise failures.failure(self._name, None, event)
        match event.get("type"):
            case "message_start":
                self._measure(mapping(event, "message").get("usage"))
            case "content_block_start":
                yield from self._block(whole(event, "index"), mapping(event, "content_block"))
            case "content_block_delta":
                yield from self._delta(whole(event, "index"), mapping(event, "delta"))
            case "message_delta":
                self._reason = str(mapping(event, "delta").get("stop_reason") or self._reason)
                self._measure(event.get("usage"))
            case "message_stop":
                self._ended = True
            case "message":  # the whole at once, where something between us cannot stream
                yield from self._message(event)

    def _block(self, index: int, block: Mapping[str, Any]) -> Iterator[Chunk]:
        """The beginning of a block, or all of it."""
        if block.get("type") == "tool_use":
            call = Call(str(block.get("id") or ""), str(block.get("name") or ""))
            call.arguments = json.dumps(block["input"]) if block.get("input") else ""
            self._calls[index] = call
        else:
            yield from self._said(block)

    def _delta(self, index: int, delta: Mapping[str, Any]) -> Iterator[Chunk]:
        part = delta.get("partial_json")
        if isinstance(part, str) and index in self._calls:
            self._calls[index].arguments += part
        else:
            yield from self._said(delta)

    def _said(self, source: Mapping[str, Any]) -> Iterator[Chunk]:
        text, thought = string(source, "text"), string(source, "thinking")
        if text or thought:
            self._meter.piece()
            yield Chunk(text=text, tokens=1, reasoning=thought)

    def _message(self, message: Mapping[str, Any]) -> Iterator[Chunk]:
        for index, block in enumerate(objects(message.get("content"))):
            yield from self._block(index, block)
        self._reason = str(message.get("stop_reason") or "")
        self._measure(message.get("usage"))
        self._ended = True

    def _measure(self, usage: Any) -> None:
        """Takes figures over; each is the sum so far, and the cached ones are counted apart."""
        if not isinstance(usage, Mapping):
            return
        self._usage |= {name: value for name, value in usage.items() if isinstance(value, int)}
        known, meter = self._usage, self._meter
        if "input_tokens" in known:
            meter.cached_tokens = known.get(READ, 0)
            meter.prompt_tokens = known["input_tokens"] + known.get(WRITTEN, 0) + known.get(READ, 0)
        meter.generated_tokens = known.get("output_tokens", meter.generated_tokens)
