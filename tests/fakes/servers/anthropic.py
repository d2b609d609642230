"""Anthropic's Messages API on a loopback server, which checks requests as the real one does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json

KEY = "sk-ant-test"
MESSAGES, COUNT, MODELS = "/v1/messages", "/v1/messages/count_tokens", "/v1/models"
CACHED, WRITTEN, FRESH = 100, 20, 7  # tokens of each prompt


def able(**about: Any) -> dict[str, Any]:
    """Capabilities as the list tells them: `thinking` names the types that are taken."""
    thinking = about.get("thinking", ())
    efforts = about.get("efforts", ())
    kinds = ("adaptive", "enabled", "disabled")
    levels = ("low", "medium", "high", "max")
    return {
        "image_input": {"supported": about.get("images", True)},
        "structured_outputs": {"supported": about.get("schema", True)},
        "thinking": {
            "supported": bool({"adaptive", "enabled"} & set(thinking)),
            "types": {kind: {"supported": kind in thinking} for kind in kinds},
        },
        "effort": {
            "supported": bool(efforts),
            **{level: {"supported": level in efforts} for level in levels},
        },
    }


LISTED: list[dict[str, Any]] = [
    {
        "type": "model",
        "id": "claude-new-1",
        "display_name": "Claude New 1",
        "created_at": "2026-05-01T00:00:00Z",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "lifecycle": "active",
        "capabilities": able(thinking=("adaptive",), efforts=("low", "medium", "high")),
    },
    {
        "type": "model",
        "id": "claude-middle-1",
        "display_name": "Claude Middle 1",
        "created_at": "2025-09-01T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "lifecycle": "deprecated",
        "capabilities": able(thinking=("enabled", "disabled")),
    },
    {
        "type": "model",
        "id": "claude-old-1",
        "display_name": "Claude Old 1",
        "max_input_tokens": 200_000,
        "max_tokens": 4096,
        "lifecycle": "active",
        "capabilities": able(images=False, schema=False, thinking=("disabled",)),
    },
    {"type": "model", "id": "claude-gone-1", "display_name": "Gone", "lifecycle": "retired"},
]


def event(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(**usage: int) -> bytes:
    figures = {
        "input_tokens": FRESH,
        "cache_creation_input_tokens": WRITTEN,
        "cache_read_input_tokens": CACHED,
        "output_tokens": 1,
        "service_tier": "standard",
    }
    message = {"id": "msg_1", "role": "assistant", "content": [], "usage": {**figures, **usage}}
    return event("message_start", message=message)


def block(index: int, about: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    """The events of one content block."""
    return [
        event("content_block_start", index=index, content_block=about),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def text_block(index: int, *texts: str) -> list[bytes]:
    deltas = ({"type": "text_delta", "text": text} for text in texts)
    return block(index, {"type": "text", "text": ""}, *deltas)


def thinking_block(index: int, *texts: str) -> list[bytes]:
    deltas = ({"type": "thinking_delta", "thinking": text} for text in texts)
    about = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, about, *deltas, {"type": "signature_delta", "signature": "EqQB"})


def tool_block(index: int, name: str, *parts: str) -> list[bytes]:
    deltas = ({"type": "input_json_delta", "partial_json": part} for part in parts)
    about = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, about, *deltas)


def stop(reason: str = "end_turn", output_tokens: int = 15, **usage: Any) -> list[bytes]:
    """The last two events."""
    delta = {"stop_reason": reason, "stop_sequence": None}
    figures = {"output_tokens": output_tokens, **usage}
    return [event("message_delta", delta=delta, usage=figures), event("message_stop")]


def stream(*pieces: bytes, **how: Any) -> Reply:
    return Reply(content_type="text/event-stream; charset=utf-8", pieces=pieces, **how)


def answer(*texts: str, reason: str = "end_turn") -> Reply:
    """A whole answer in text, with the ping that comes somewhere in each."""
    return stream(start(), event("ping"), *text_block(0, *texts), *stop(reason))


def error(kind: str, message: str, status: int, **headers: str) -> Reply:
    body = {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_011",
    }
    return as_json(body, status, **headers)


def invalid(message: str) -> Reply:
    return error("invalid_request_error", message, 400)


def fill(
    server: FakeServer,
    *,
    models: Sequence[dict[str, Any]] = LISTED,
    page: int = 2,
    says: Sequence[str] = ("Hello", " there", "."),
    refuses: Sequence[str] = (),
) -> None:
    """Gives a server the routes. `page` is how many models it lists at once at most; `refuses` are
    fields that its models do not take."""

    def messages(request: Received) -> Reply:
        body = request.json
        for name in refuses:
            if name in body or name in body.get("output_config", {}):
                return invalid(f"`{name}` is not supported for this model.")
        return _refusal(request, models) or answer(*says)

    def count(request: Received) -> Reply:
        body = request.json
        wrong = _wrong_key(request) or _wrong_messages(body)
        extra = set(body) - {"model", "messages", "system", "tools"}
        if extra:
            wrong = wrong or invalid(f"{extra}: Extra inputs are not permitted")
        return wrong or as_json({"input_tokens": len(json.dumps(body))})

    def listed(request: Received) -> Reply:
        ids = [model["id"] for model in models]
        after = request.query.get("after_id")
        begin = ids.index(after) + 1 if after else 0
        size = min(page, int(request.query.get("limit", "20")))
        shown = models[begin : begin + size]
        more = begin + size < len(models)
        return _wrong_key(request) or as_json(
            {
                "data": list(shown),
                "has_more": more,
                "first_id": shown[0]["id"] if shown else None,
                "last_id": shown[-1]["id"] if shown else None,
            }
        )

    server.route("POST", MESSAGES, messages)
    server.route("POST", COUNT, count)
    server.route("GET", MODELS, listed)


def _wrong_key(request: Received) -> Reply | None:
    if request.headers.get("anthropic-version") != "2023-06-01":
        return invalid("anthropic-version: header is required")
    if request.headers.get("x-api-key") != KEY:
        return error("authentication_error", "invalid x-api-key", 401)
    return None


def _wrong_messages(body: dict[str, Any]) -> Reply | None:
    roles = [turn["role"] for turn in body["messages"]]
    if not roles or any(role not in ("user", "assistant") for role in roles):
        return invalid("messages: Unexpected role, or no messages at all")
    for turn in body["messages"]:
        for part in turn["content"]:
            if part["type"] == "text" and not part["text"].strip():
                return invalid("messages: text content blocks must contain non-whitespace text")
    return None


def _refusal(request: Received, models: Sequence[dict[str, Any]]) -> Reply | None:
    body = request.json
    wrong = _wrong_key(request) or _wrong_messages(body)
    if wrong is not None:
        return wrong
    if body["model"] not in [model["id"] for model in models]:
        return error("not_found_error", f"model: {body['model']}", 404)
    if "max_tokens" not in body:
        return invalid("max_tokens: Field required")
    if not 0 <= body.get("temperature", 1) <= 1:
        return invalid("temperature: range: 0..1")
    if any(not text.strip() for text in body.get("stop_sequences", ())):
        return invalid("stop_sequences: each stop sequence must contain non-whitespace")
    return None
