"""Reads the errors of servers, in whichever of their shapes, into ours; makes the usual ones."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from app.errors import (
    ApiError,
    BadReply,
    ContextOverflow,
    HearthError,
    Misconfigured,
    ModelMissing,
    OutOfMemory,
    ProviderError,
    RateLimited,
    StreamCut,
    TimedOut,
    Unsupported,
)

LONGEST = 400  # characters of a server's own words
MEMORY = (
    "out of memory",
    "outofmemory",
    "more system memory",
    "cudamalloc",
    "failed to allocate",
)
TOO_LONG = (
    "context length",
    "context size",
    "context window",
    "prompt is too long",
    "maximum context",
    "context limit",  # Anthropic
    "input token count",  # Gemini
)
BAD_KEY = ("api key not valid", "api key expired")  # Gemini, which answers 400 then
NO_CREDIT = ("insufficient_quota", "billing_error")
NAMED: Mapping[str, int] = {  # errors of OpenAI, Anthropic, llama.cpp and Gemini in a stream
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "RESOURCE_EXHAUSTED": 429,
    "api_error": 500,
    "server_error": 500,
    "INTERNAL": 500,
    "unavailable_error": 503,
    "UNAVAILABLE": 503,
    "timeout_error": 504,
    "DEADLINE_EXCEEDED": 504,
    "overloaded_error": 529,
}
Kind = type[ProviderError]
KEY = (Misconfigured, "Check the key in the provider's settings.")
TIME = (TimedOut, "Try again in a moment.")
BUSY = (ApiError, "It is busy or starting: try again in a moment.")
PAUSE = (RateLimited, "It wants fewer requests: wait a little and try again.")
CREDIT = (ApiError, "Look at the account at the provider: its credit is used up.")
LARGE = (ApiError, "The message is too large for it: shorten it, or send fewer pictures.")
LONG = (ApiError, "Shorten the message, leave out the oldest ones, or ask for a larger context.")
MEMORY_FULL = (OutOfMemory, "Choose a smaller model or context, or unload other models there.")
CANNOT = (Unsupported, "Choose another model, or leave that option out.")
NO_MODEL = (ModelMissing, "Choose a model of its list, or have it fetch this one.")
NO_PATH = (ApiError, "Check the address in the provider's settings: this path is not known there.")
UNKNOWN = (ApiError, "Try again; if it stays, look at the server's log.")
STATUSES: Mapping[int, tuple[Kind, str]] = {
    401: KEY,
    402: CREDIT,
    403: KEY,
    404: NO_PATH,
    408: TIME,
    413: LARGE,
    429: PAUSE,
    501: CANNOT,
    502: BUSY,
    503: BUSY,
    504: TIME,
    529: BUSY,
}


class Said(NamedTuple):
    """What a server says of an error: its words, its name for it, and the fields beside them."""

    text: str
    code: str
    fields: Mapping[str, Any]


def read(body: Any) -> Said:
    """Finds the error in a decoded JSON body or in a plain text."""
    if isinstance(body, list) and body:  # Gemini wraps it in an array
        body = body[0]
    if not isinstance(body, dict):
        return Said(_short(str(body or "")), "", {})
    inner = body.get("error")
    if not inner or inner is True:  # the fields lie at the top
        inner = {key: value for key, value in body.items() if key != "error"}
    if isinstance(inner, str) and inner.startswith("{"):  # Ollama quotes its llama-server so
        with suppress(ValueError, RecursionError):
            inner = json.loads(inner).get("error", inner)
    if not isinstance(inner, dict):  # Ollama, LM Studio and vLLM may send a plain string
        return Said(_short(str(inner)), "", body)
    words = inner.get("message") or inner.get("detail") or body.get("detail")
    if isinstance(words, dict | list):
        words = json.dumps(words)
    code = inner.get("type") or inner.get("status") or inner.get("code") or ""
    return Said(_short(str(words or (json.dumps(inner) if inner else ""))), str(code), inner)


def in_event(name: str, data: str) -> HearthError:
    """The error that an event named `error` tells, in JSON or in plain words."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = data
    return failure(name, None, said)


def failure(
    name: str, status: int | None, body: Any, headers: Mapping[str, str] | None = None
) -> HearthError:
    """The error that a server's reply stands for; `name` is the server's.

    `status` is None for an error in the middle of a stream that began well.
    """
    said = read(body)
    prompt, context = said.fields.get("n_prompt_tokens"), said.fields.get("n_ctx")
    if isinstance(prompt, int) and isinstance(context, int):
        return ContextOverflow(prompt, context)
    given = said.fields.get("code")
    number = given if isinstance(given, int) else NAMED.get(said.code)
    number = number if status is None else status
    kind, remedy = _kind(number, said)
    pause = _pause(headers or {})
    bare = "answered with an error." if number is None else f"answered with an error ({number})."
    words = f"says: {said.text}" if said.text else bare
    return kind(
        f"{name} {words}",
        remedy,
        provider=name,
        status=number,
        code=said.code,
        retry_after=_delay(said.fields.get("details")) if pause is None else pause,
    )


def cut_off(name: str) -> StreamCut:
    """An answer ended before the server said that it was complete."""
    return StreamCut(
        f"{name} broke off in the middle of the answer.",
        "What came is kept. Try again.",
        provider=name,
    )


def web_page(name: str) -> BadReply:
    """A web page came in the place of an answer."""
    return BadReply(
        f"{name} sent a web page where Hearth expected an answer.",
        "Check the address in its settings.",
        provider=name,
    )


def missing(name: str, model: str) -> ModelMissing:
    """The server's list has no such model."""
    return ModelMissing(
        f"{name} has no model called “{model}”.", "Choose one of its list.", provider=name
    )


def no_key(name: str) -> Misconfigured:
    """A key is needed, and none is given."""
    return Misconfigured(
        f"{name} needs a key.", "Give one in the provider's settings.", provider=name
    )


def _kind(status: int | None, said: Said) -> tuple[Kind, str]:
    """What the words tell, else what the status does."""
    words = said.text.lower()
    if any(sign in words for sign in MEMORY):
        return MEMORY_FULL
    if said.code == "exceed_context_size_error" or any(sign in words for sign in TOO_LONG):
        return LONG
    if said.code in NO_CREDIT or said.fields.get("code") in NO_CREDIT:
        return CREDIT
    if any(sign in words for sign in BAD_KEY):
        return KEY
    if "model" in words and (status == 404 or "not found" in words):
        return NO_MODEL
    if status is not None and status in STATUSES:
        return STATUSES[status]
    return CANNOT if "not support" in words else UNKNOWN


def _short(text: str) -> str:
    """Words that fit into a message; of a web page none are worth showing."""
    text = " ".join(text.split())
    if text[:15].lower().startswith(("<!doctype", "<html")):
        return ""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _pause(headers: Mapping[str, str]) -> float | None:
    """The pause in seconds that the reply asks for (RFC 9110, 10.2.3; OpenAI's `-ms`)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _delay(details: Any) -> float | None:
    """The pause in seconds that Gemini names in the body, as `"retryDelay": "34.1s"`."""
    for detail in details if isinstance(details, list) else ():
        value = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?s", value):
            return float(value[:-1])
    return None
