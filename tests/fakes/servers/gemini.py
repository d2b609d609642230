"""Gemini's generateContent API on a loopback server, which checks requests as the real one does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.servers.http import FakeServer, Received, Reply, as_json, sse

KEY = "AIza-test"
PREFIX = "/v1beta"
CHAT = "models/gemini-3-flash"
OLDER = "models/gemini-2.5-flash"
EMBEDDING = "models/gemini-embedding-001"
LISTED: list[dict[str, Any]] = [
    {
        "name": CHAT,
        "displayName": "Gemini 3 Flash",
        "description": "Fast and versatile.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    },
    {
        "name": EMBEDDING,
        "displayName": "Gemini Embedding",
        "inputTokenLimit": 2048,
        "supportedGenerationMethods": ["embedContent", "batchEmbedContents"],
    },
    {
        "name": OLDER,
        "displayName": "Gemini 2.5 Flash",
        "inputTokenLimit": 1_048_576,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    },
]


def chunk(*parts: dict[str, Any], reason: str = "", **usage: int) -> dict[str, Any]:
    """One event of a stream; the last one has a reason."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    made: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-3-flash"}
    if usage:
        made["usageMetadata"] = usage
    return made


def said(text: str) -> dict[str, Any]:
    return {"text": text}


def thought(text: str) -> dict[str, Any]:
    return {"text": text, "thought": True}


def stream(*chunks: dict[str, Any], **how: Any) -> Reply:
    return sse(*chunks, done=False, **how)


def answer(*texts: str, reason: str = "STOP") -> Reply:
    """A whole answer in text; the counts grow from event to event."""
    return stream(
        *(
            chunk(
                said(text),
                reason=reason if text is texts[-1] else "",
                promptTokenCount=11,
                candidatesTokenCount=index + 1,
                totalTokenCount=12 + index,
            )
            for index, text in enumerate(texts)
        )
    )


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": {**about, "details": list(details)} if details else about}


def invalid(message: str) -> Reply:
    return as_json(error(400, "INVALID_ARGUMENT", message), 400)


def path(model: str, method: str) -> str:
    return f"{PREFIX}/{model}:{method}"


def fill(
    server: FakeServer,
    *,
    page: int = 2,
    says: Sequence[str] = ("Hello", " there", "."),
    thinks: bool = True,
) -> None:
    """Gives a server the routes. `page` is how many models it lists at once at most; without
    `thinks` its models take no settings of that."""

    def chat(request: Received) -> Reply:
        body = request.json
        wrong = _wrong_key(request) or _wrong_contents(body)
        if wrong is not None:
            return wrong
        if request.query.get("alt") != "sse":
            return invalid("these tests want events")
        config = body.get("generationConfig", {})
        if "thinkingConfig" in config and not thinks:
            return invalid("Thinking level is not supported for this model.")
        if not 0 <= config.get("temperature", 1) <= 2:
            return invalid("temperature must be in the range [0.0, 2.0]")
        return answer(*says)

    for model in (CHAT, OLDER):
        server.route("POST", path(model, "streamGenerateContent"), chat)
        server.route("POST", path(model, "countTokens"), _count)
    server.route("POST", path(EMBEDDING, "batchEmbedContents"), _embed)
    server.route("GET", f"{PREFIX}/models", lambda request: _listed(request, page))


def _count(request: Received) -> Reply:
    asked = request.json["generateContentRequest"]
    if f"{PREFIX}/{asked['model']}:countTokens" != request.path:
        return invalid("the model of the request is another one")
    wrong = _wrong_key(request) or _wrong_contents(asked)
    return wrong or as_json({"totalTokens": len(json.dumps(asked))})


def _embed(request: Received) -> Reply:
    """Vectors that tell how long the texts are."""
    texts = [asked["content"]["parts"][0]["text"] for asked in request.json["requests"]]
    if len(texts) > 100:
        return invalid("at most 100 requests can be in one batch")
    vectors = [{"values": [float(len(text))] * 3} for text in texts]
    return _wrong_key(request) or as_json({"embeddings": vectors})


def _listed(request: Received, page: int) -> Reply:
    begin = int(request.query.get("pageToken", "0"))
    until = begin + min(page, int(request.query.get("pageSize", "50")))
    made: dict[str, Any] = {"models": LISTED[begin:until]}
    if until < len(LISTED):
        made["nextPageToken"] = str(until)
    return _wrong_key(request) or as_json(made)


def _wrong_key(request: Received) -> Reply | None:
    if "key" in request.query:
        return invalid("the key stands in the address")
    if request.headers.get("x-goog-api-key") != KEY:
        return invalid("API key not valid. Please pass a valid API key.")
    return None


def _wrong_contents(body: dict[str, Any]) -> Reply | None:
    roles = [turn["role"] for turn in body["contents"]]
    if not roles or any(role not in ("user", "model") for role in roles):
        return invalid("Please use a valid role: user, model.")
    if any(not turn["parts"] for turn in body["contents"]):
        return invalid("contents.parts must not be empty.")
    return None
