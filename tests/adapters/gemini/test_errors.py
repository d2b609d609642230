"""Gemini: what goes wrong before and in a stream."""

import json
from typing import Any

import pytest

from app.errors import (
    ApiError,
    BadReply,
    Misconfigured,
    ModelMissing,
    RateLimited,
    StreamCut,
    TimedOut,
)
from tests.adapters.gemini.asking import BUSY, STREAM, broken
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import Reply, as_json, sse


async def test_a_blocked_prompt(server, provider):
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    server.enqueue(STREAM, fake.stream({"promptFeedback": feedback, "usageMetadata": {}}))
    came, error = await broken(provider, ApiError)
    assert came == ""
    assert "blocked (PROHIBITED_CONTENT)" in error.message
    assert error.code == "PROHIBITED_CONTENT"
    assert "differently" in error.remedy
    assert not error.may_pass


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_an_error_in_a_stream_may_stand_there_as_bare_json(
    server, provider, size, indent, wrapped, end
):
    server.recut = size
    bare = json.dumps([BUSY] if wrapped else BUSY, indent=indent) + end
    first = f"data: {json.dumps(fake.chunk(fake.said('Half')))}\n\n"
    stream = Reply(content_type="text/event-stream", pieces=[first.encode(), bare.encode()])
    server.enqueue(STREAM, stream)
    came, error = await broken(provider, ApiError)
    assert came == "Half"
    assert (error.status, error.code) == (503, "UNAVAILABLE")
    assert "overloaded" in error.message
    assert error.may_pass


async def test_an_error_in_an_event(server, provider):
    server.enqueue(STREAM, fake.stream(fake.chunk(fake.said("Half")), BUSY))
    came, error = await broken(provider, ApiError)
    assert (came, error.status) == ("Half", 503)


async def test_a_bare_value_that_never_ends_is_a_cut(server, provider):
    pieces = [b'{\n  "error": {\n    "code": 503,\n']
    server.enqueue(STREAM, Reply(content_type="text/event-stream", pieces=pieces))
    await broken(provider, StreamCut)


@pytest.mark.parametrize(
    ("code", "status", "message", "error", "may_pass"),
    [
        (503, "UNAVAILABLE", "The model is overloaded.", ApiError, True),
        (500, "INTERNAL", "An internal error has occurred.", ApiError, True),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", TimedOut, True),
        (403, "PERMISSION_DENIED", "Your key was reported as leaked.", Misconfigured, False),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", ModelMissing, False),
        (400, "INVALID_ARGUMENT", "The input token count (9) exceeds 5.", ApiError, False),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_errors(server, provider, code, status, message, error, may_pass, wrapped):
    body: Any = fake.error(code, status, message)
    server.enqueue(STREAM, as_json([body] if wrapped else body, code))
    _, caught = await broken(provider, error)
    assert message in caught.message
    assert (caught.status, caught.code) == (code, status)
    assert caught.remedy
    assert caught.may_pass is may_pass


async def test_a_limit_of_requests(server, provider):
    full = fake.error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")
    server.enqueue(STREAM, as_json(full, 429, **{"retry-after": "7"}))
    assert (await broken(provider, RateLimited))[1].retry_after == 7.0
    pause = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    other = {"@type": "type.googleapis.com/google.rpc.Help", "links": []}
    full = fake.error(429, "RESOURCE_EXHAUSTED", "You exceeded it.", other, pause)
    server.enqueue(STREAM, as_json(full, 429))
    _, error = await broken(provider, RateLimited)
    assert (error.retry_after, error.code) == (34.5, "RESOURCE_EXHAUSTED")


async def test_what_cannot_be_read(server, provider):
    server.enqueue(STREAM, sse("{broken", fake.chunk(fake.said("a"), reason="STOP"), done=False))
    assert (await broken(provider, BadReply))[1].details == "{broken"
    page = Reply(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    server.enqueue(STREAM, page)
    assert "web page" in (await broken(provider, BadReply))[1].message
