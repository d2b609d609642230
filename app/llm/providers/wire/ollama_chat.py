"""Ollama's chat and completion API: the body of a request, and the lines of the reply.

Source: https://github.com/ollama/ollama (docs/api.md and api/types.go, 0.33).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import StreamCut
from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.server import objects, parsed
from app.llm.providers.wire.thinking import Thinking
from app.schema import Chunk, Finish, FinishReason, Message, Request, Sampling, ToolCall

CHARACTERS_PER_TOKEN = 8  # more than any language has on average, runs of one sign aside
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
_SPACE = re.compile(r"\s+")
_RUN = re.compile(r"(.)\1+", re.DOTALL)


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
        self._thinking = Thinking() if request.raw is None else None
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
            status = reply.get("status")
            raise failures.failure(self._name, status if isinstance(status, int) else None, reply)
        message = reply.get("message")
        if isinstance(message, dict):
            chunks = self._said(message, "content")
        else:
            chunks = self._said(reply, "response")
        if reply.get("done") is True:
            self._done = True
            self._reason = _text(reply, "done_reason")
            self._measure(reply)
        return chunks

    def end(self) -> list[Chunk]:
        """What is left to say before the finish, when the stream is over.

        Raises:
            StreamCut: the server had not said that the answer is complete.
        """
        if not self._done:
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
        thought, text = _text(said, "thinking"), _text(said, field)
        if not text and not thought:
            return []
        self._meter.piece()
        self._said_text = True
        if thought:
            self._thinking = None  # this model's thoughts come in their own field
        elif self._thinking is not None:
            split = self._thinking.feed(text)
            thought, text = split.reasoning, split.text
            if not thought and not text:
                return []
        return [Chunk(text=text, tokens=1, reasoning=thought)]

    def _measure(self, reply: Mapping[str, Any]) -> None:
        """Takes the server's figures, of which it leaves out those that are zero.

        Where zero cannot be (a prompt was sent, text came), the figure is not known: older versions
        counted nothing of a prompt that was in the KV cache, and imitators may count nothing.
        """
        meter = self._meter
        self.prompt_tokens = _count(reply, "prompt_eval_count")
        self.tells_cached = "prompt_eval_cached_count" in reply
        generated = _count(reply, "eval_count")
        if self.prompt_tokens:
            meter.prompt_tokens = self.prompt_tokens
            cached = _count(reply, "prompt_eval_cached_count")
            meter.cached_tokens = min(cached, self.prompt_tokens)
        if generated or not self._said_text:
            meter.generated_tokens = generated
        spent = _count(reply, "eval_duration")
        if spent or not generated:
            meter.generation_seconds = spent / NANOSECONDS
        meter.prompt_seconds = _count(reply, "prompt_eval_duration") / NANOSECONDS


def cut_notice(name: str, fewest: int, read: int, context: int) -> str:
    """A sentence for the person where the model cannot have read the whole prompt, else "".

    All in tokens: `fewest` that the prompt must have, `read` as the server counted them and
    `context` as the model was loaded with; 0 where that is not known.
    """
    if 0 < read < fewest:
        fact = f"of at least {fewest:,} tokens it read {read:,}"
    elif 0 < context < fewest:
        fact = f"that was at least {fewest:,} tokens, and the context holds {context:,}"
    else:
        return ""
    return (
        f"{name} left out a part of what was sent: {fact}. "
        "Ask for a larger context in its settings, or start a new chat."
    )


def context_notice(name: str, asked: int, given: int) -> str:
    """A sentence for the person where the context is smaller than asked for, both in tokens."""
    return (
        f"{name} gave the model a context of {given:,} tokens, though {asked:,} were asked for: "
        "longer chats do not fit."
    )


def may_exceed(request: Request, tokens: int) -> bool:
    """Whether `fewest_tokens` can be more than so many; quick, for the prompts that are short."""
    return sum(map(len, _texts(request))) // CHARACTERS_PER_TOKEN > tokens


def fewest_tokens(request: Request) -> int:
    """The fewest tokens that a prompt can have, whatever the tokenizer.

    Characters are counted, not bytes: a token holds about as many of them in every script. Runs of
    white space or of one sign count once, because one token may stand for all of it.
    """
    distinct = (len(_RUN.sub(r"\1", _SPACE.sub(" ", text))) for text in _texts(request))
    return sum(distinct) // CHARACTERS_PER_TOKEN


def counts_whole_prompt(version: str) -> bool:
    """Whether a version of Ollama counts the cached part of a prompt with the rest.

    Before 0.4 it did not, and 0.30 did not either (https://github.com/ollama/ollama/pull/16428).
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return major > 0 or (minor >= 4 and minor != 30)


def _texts(request: Request) -> Sequence[str]:
    raw = request.raw
    return [turn.text for turn in request.messages] if raw is None else [raw]


def _tool_call(call: Mapping[str, Any], index: int) -> ToolCall:
    """A tool call; older versions give it no id, and the arguments are an object."""
    function = call.get("function")
    about = function if isinstance(function, dict) else {}
    arguments = about.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    return ToolCall(
        _text(call, "id") or f"call_{index}", _text(about, "name"), arguments.strip() or "{}"
    )


def _text(source: Mapping[str, Any], key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _count(source: Mapping[str, Any], key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
