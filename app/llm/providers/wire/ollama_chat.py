"""Ollama's chat and completion API: the body of a request, and the lines of the reply.

Source: https://github.com/ollama/ollama (docs/api.md and api/types.go, 0.33).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.wire.fields import mapping, objects, parsed, string, whole, whole_or
from app.llm.providers.wire.thinking import Speech
from app.schema import Chunk, Finish, FinishReason, Message, Request, Sampling, ToolCall

NANOSECONDS = 1e9
REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOLS,
}
OPTIONS: Mapping[str, str] = {  # our name -> theirs
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "repeat_last_n",
    "seed": "seed",
    "max_tokens": "num_predict",
}


def body(model: str, request: Request, context: int, *, thinks: bool = True) -> dict[str, Any]:
    """The request as JSON: `raw` goes to /api/generate, everything else to /api/chat.

    The context's size in tokens is always sent, and nothing may be left out to fit it: by default
    Ollama drops the oldest messages, or the middle of the prompt, without a word.
    """
    made: dict[str, Any] = {
        "model": model,
        "stream": True,
        "truncate": False,  # of the prompt before the answer
        "shift": False,  # of the context while the answer grows
        "options": options(request.sampling, context),
    }
    if request.raw is not None:
        made |= {"prompt": request.raw, "raw": True}
    else:
        made["messages"] = messages(request.messages)
        if request.tools:
            made["tools"] = [dict(tool) for tool in request.tools]
        if request.think is not None and thinks:
            made["think"] = request.think
    if request.schema is not None:
        made["format"] = dict(request.schema)
    return made


def messages(turns: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in Ollama's shape; pictures are plain base64."""
    made: list[dict[str, Any]] = []
    for turn in turns:
        message: dict[str, Any] = {"role": str(turn.role), "content": turn.text}
        if turn.images:
            message["images"] = [base64.b64encode(image.data).decode() for image in turn.images]
        made.append(message)
    return made


def options(wanted: Sampling, context: int) -> dict[str, Any]:
    """The options of one request; `context` is in tokens."""
    made: dict[str, Any] = {"num_ctx": context}
    for ours, theirs in OPTIONS.items():
        value = getattr(wanted, ours)
        if value is not None:
            made[theirs] = value
    if wanted.stop:
        made["stop"] = list(wanted.stop)
    return made


class Answer:
    """Turns the lines of one answer into chunks."""

    def __init__(self, name: str, request: Request) -> None:
        """`name` is the server's."""
        self._name = name
        self._request = request
        self._meter = Meter()
        self._speech = Speech(self._meter, by_tags=request.raw is None)
        self._calls: list[ToolCall] = []
        self._reason = ""
        self._said_text = False
        self._done = False
        self.prompt_tokens = 0  # as the server counted them; 0 where it did not say
        self.tells_cached = False  # then its count holds the cached part of the prompt too

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that nothing follows."""
        return self._done

    def feed(self, line: str) -> list[Chunk]:
        """The chunks of one line.

        Raises:
            HearthError: the line is an error, or cannot be read.
        """
        if self._done or not line.strip():
            return []
        reply = parsed(self._name, line)
        if reply.get("error"):
            raise failures.failure(self._name, whole_or(reply, "status", None), reply)
        message = reply.get("message")
        if isinstance(message, dict):
            chunks = self._said(message, "content")
        else:
            chunks = self._said(reply, "response")
        if reply.get("done") is True:
            self._done = True
            self._reason = string(reply, "done_reason")
            self._measure(reply)
        return chunks

    def end(self) -> list[Chunk]:
        """What is left to say before the finish, when the stream is over.

        Raises:
            StreamCut: the server had not said that the answer is complete.
        """
        if not self._done:
            raise failures.cut_off(self._name)
        chunks = self._speech.end()
        if self._calls:
            chunks.append(Chunk(tool_calls=tuple(self._calls)))
        return chunks

    def finish(self, context: int) -> Chunk:
        """The last chunk; `context` is how many tokens the model was loaded with, 0 if unknown."""
        usage = self._meter.usage(self._request)
        reason = REASONS.get(self._reason, FinishReason.STOP)
        limit = self._request.sampling.max_tokens
        if reason is FinishReason.LENGTH and (limit is None or usage.generated_tokens < limit):
            # The last token of an answer is not evaluated any more, hence the two.
            full = context and usage.prompt_tokens + usage.generated_tokens >= context - 2
            reason = FinishReason.CONTEXT if full else reason
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOLS
        return Chunk(finish=Finish(reason, usage))

    def _said(self, said: Mapping[str, Any], field: str) -> list[Chunk]:
        for call in objects(said.get("tool_calls")):
            self._calls.append(_tool_call(call, len(self._calls)))
        thought, text = string(said, "thinking"), string(said, field)
        self._said_text = self._said_text or bool(thought or text)
        return self._speech.say(thought, text)

    def _measure(self, reply: Mapping[str, Any]) -> None:
        """Takes the server's figures, of which it leaves out those that are zero.

        Where zero cannot be (a prompt was sent, text came), the figure is not known: older versions
        counted nothing of a prompt that was in the KV cache, and imitators may count nothing.
        """
        meter = self._meter
        self.prompt_tokens = whole(reply, "prompt_eval_count")
        self.tells_cached = "prompt_eval_cached_count" in reply
        generated = whole(reply, "eval_count")
        if self.prompt_tokens:
            meter.prompt_tokens = self.prompt_tokens
            cached = whole(reply, "prompt_eval_cached_count")
            meter.cached_tokens = min(cached, self.prompt_tokens)
        if generated or not self._said_text:
            meter.generated_tokens = generated
        spent = whole(reply, "eval_duration")
        if spent or not generated:
            meter.generation_seconds = spent / NANOSECONDS
        meter.prompt_seconds = whole(reply, "prompt_eval_duration") / NANOSECONDS


def _tool_call(call: Mapping[str, Any], index: int) -> ToolCall:
    """A tool call; older versions give it no id, and the arguments are an object."""
    about = mapping(call, "function")
    arguments = about.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCall(
        string(call, "id") or f"call_{index}", string(about, "name"), arguments.strip() or "{}"
    )
