"""Gemini's generateContent API: the body of a request, and the reply as chunks.

Sources: https://ai.google.dev/api/generate-content, and Google's own Python library (google-genai).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.errors import ApiError
from app.llm.providers import failures
from app.llm.providers.measuring import Meter
from app.llm.providers.wire.fields import decoded, mapping, objects
from app.llm.providers.wire.options import Body, Options, changed
from app.llm.providers.wire.sse_or_json import EventsOrJson
from app.llm.providers.wire.turns import Parts, function_of, merged, system_text
from app.schema import Chunk, Finish, FinishReason, Message, Request, Role, ToolCall

ROLES = {Role.USER: "user", Role.ASSISTANT: "model"}
FIELDS: Mapping[str, str] = {  # our name of an option -> theirs
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "thinking": "thinkingConfig",
}
OFF = (False, "none", "off")
BY_BUDGET = re.compile(r"gemini-[12]\.")  # the models before 3 know no levels of thinking
BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}  # tokens
MODELS_CHOICE = -1  # of a budget
LEVELS = {"xhigh": "HIGH", "max": "HIGH"}  # the others have the same names as ours
HOTTEST = 2.0
REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.FILTER,
    "RECITATION": FinishReason.FILTER,
    "LANGUAGE": FinishReason.FILTER,
    "BLOCKLIST": FinishReason.FILTER,
    "PROHIBITED_CONTENT": FinishReason.FILTER,
    "SPII": FinishReason.FILTER,
    "IMAGE_SAFETY": FinishReason.FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.FILTER,
    "IMAGE_RECITATION": FinishReason.FILTER,
    "MALFORMED_FUNCTION_CALL": FinishReason.ERROR,
    "UNEXPECTED_TOOL_CALL": FinishReason.ERROR,
    "TOO_MANY_TOOL_CALLS": FinishReason.ERROR,
    "MALFORMED_RESPONSE": FinishReason.ERROR,
    "OTHER": FinishReason.ERROR,
}


def resource(model: str) -> str:
    """The name in addresses: `models/` in front of one that stands alone."""
    return model if "/" in model else f"models/{model}"


def body(model: str, request: Request, refused: Collection[str] = frozenset()) -> Body:
    """The request as JSON; `refused` are the options that the model is known to refuse."""
    sampling = request.sampling
    wanted = changed(sampling, ("temperature", "top_p", "top_k", "seed"))
    if "temperature" in wanted:
        wanted["temperature"] = min(max(wanted["temperature"], 0.0), HOTTEST)
    options = Options({**wanted, **_thinking(model, request)}, refused)
    config = {FIELDS[name]: value for name, value in options.sent.items()}
    if sampling.max_tokens is not None:
        config["maxOutputTokens"] = sampling.max_tokens
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    if request.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(request.schema)
    made = conversation(request)
    if config:
        made["generationConfig"] = config
    return Body(made, tuple(options.sent), options.left_out)


def conversation(request: Request) -> dict[str, Any]:
    """The part of a request that makes up the prompt; it is also what can be counted."""
    made: dict[str, Any] = {"contents": merged(request.messages, ROLES, "parts", _parts)}
    system = system_text(request.messages)
    if system:
        made["systemInstruction"] = {"parts": [{"text": system}]}
    functions = [_function(tool) for tool in request.tools if function_of(tool)]
    others = [dict(tool) for tool in request.tools if not function_of(tool)]  # such as googleSearch
    if request.tools:
        made["tools"] = [*([{"functionDeclarations": functions}] if functions else []), *others]
    return made


def _parts(message: Message) -> Parts:
    made: Parts = [
        {
            "inlineData": {
                "mimeType": image.media_type,
                "data": base64.b64encode(image.data).decode(),
            }
        }
        for image in message.images
    ]
    return [*made, {"text": message.text}] if message.text.strip() else made


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = function_of(tool) or {}
    made = {key: function[key] for key in ("name", "description") if function.get(key)}
    if function.get("parameters"):
        made["parametersJsonSchema"] = function["parameters"]
    return made


def _thinking(model: str, request: Request) -> dict[str, Any]:
    """How the model is told to think; it takes either a budget or a level, never both."""
    think = request.think
    if think is None:
        return {}
    by_budget = BY_BUDGET.search(model) is not None
    if think in OFF:
        return {"thinking": {"thinkingBudget": 0} if by_budget else {"thinkingLevel": "MINIMAL"}}
    made: dict[str, Any] = {"includeThoughts": True}
    effort = think if isinstance(think, str) else ""
    if by_budget:
        most = BUDGETS["high"] if effort in LEVELS else MODELS_CHOICE
        made["thinkingBudget"] = BUDGETS.get(effort, most)
    elif effort:
        made["thinkingLevel"] = LEVELS.get(effort, effort.upper())
    return {"thinking": made}


class Answer:
    """Turns the bytes of one answer into chunks."""

    is_complete = False  # no event is known to be the last one: the end of the stream is the end

    def __init__(self, name: str, request: Request) -> None:
        """`name` is the server's."""
        self._name = name
        self._request = request
        self._decoder = EventsOrJson(name)
        self._meter = Meter()
        self._calls: list[ToolCall] = []
        self._reason = ""

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that `data` completes.

        Raises:
            HearthError: the server tells an error, or what it sends cannot be read.
        """
        for text in self._decoder.feed(data):
            yield from self._read(text)

    def end(self) -> Iterator[Chunk]:
        """The last chunks, when the stream is over.

        Raises:
            StreamCut: the server had not said why the answer ends.
        """
        for text in self._decoder.end():
            yield from self._read(text)
        if not self._reason:
            raise failures.cut_off(self._name)
        reason = REASONS.get(self._reason, FinishReason.STOP)
        if self._calls:
            yield Chunk(tool_calls=tuple(self._calls))
            reason = FinishReason.TOOLS if reason is FinishReason.STOP else reason
        yield Chunk(finish=Finish(reason, self._meter.usage(self._request)))

    def _read(self, text: str) -> Iterator[Chunk]:
        """The chunks of one JSON text; an array holds replies, or one error."""
        value = decoded(self._name, text)
        for reply in objects(value if isinstance(value, list) else [value]):
            yield from self._take(reply)

    def _take(self, reply: Mapping[str, Any]) -> Iterator[Chunk]:
        if reply.get("error"):
            raise failures.failure(self._name, None, reply)
        self._measure(reply.get("usageMetadata"))
        candidates = objects(reply.get("candidates"))
        if not candidates:
            feedback = mapping(reply, "promptFeedback")
            if feedback.get("blockReason"):
                raise self._blocked(feedback)
            return
        self._reason = str(candidates[0].get("finishReason") or self._reason)
        for part in objects(mapping(candidates[0], "content").get("parts")):
            yield from self._part(part)

    def _part(self, part: Mapping[str, Any]) -> Iterator[Chunk]:
        call, text = part.get("functionCall"), part.get("text")
        if isinstance(call, dict):
            name = str(call.get("name") or "")
            made = str(call.get("id") or f"call_{len(self._calls)}")  # older models give none
            self._calls.append(ToolCall(made, name, json.dumps(call.get("args") or {})))
        elif isinstance(text, str) and text:
            self._meter.piece()
            if part.get("thought"):
                yield Chunk(tokens=1, reasoning=text)
            else:
                yield Chunk(text=text, tokens=1)

    def _blocked(self, feedback: Mapping[str, Any]) -> ApiError:
        reason = str(feedback["blockReason"])
        return ApiError(
            f"{self._name} did not take the prompt: it was blocked ({reason}).",
            "Word it differently, or choose another model.",
            str(feedback.get("blockReasonMessage") or ""),
            provider=self._name,
            code=reason,
        )

    def _measure(self, usage: Any) -> None:
        """Takes figures over; each event tells them anew, and thoughts are counted apart."""
        if not isinstance(usage, dict):
            return
        known = {name: value for name, value in usage.items() if isinstance(value, int)}
        meter = self._meter
        meter.prompt_tokens = known.get("promptTokenCount", meter.prompt_tokens)
        meter.cached_tokens = known.get("cachedContentTokenCount", 0)
        said, thought = known.get("candidatesTokenCount", 0), known.get("thoughtsTokenCount", 0)
        meter.generated_tokens = said + thought
