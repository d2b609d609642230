"""Anthropic: what goes wrong before and in a stream."""

import pytest

from app.errors import (
    ApiError,
    BadReply,
    Misconfigured,
    ModelMissing,
    RateLimited,
    TimedOut,
)
from tests.adapters.anthropic.asking import broken
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import Reply


async def test_a_limit_of_requests(server, provider):
    reply = fake.error("rate_limit_error", "Too many requests", 429, **{"retry-after": "7"})
    server.enqueue(fake.MESSAGES, reply)
    _, error = await broken(provider, RateLimited)
    assert (error.retry_after, error.status, error.code) == (7.0, 429, "rate_limit_error")
    assert error.provider == "Anthropic"
    assert "Too many requests" in error.message


@pytest.mark.parametrize(
    ("status", "kind", "message", "error", "may_pass"),
    [
        (529, "overloaded_error", "Overloaded", ApiError, True),
        (500, "api_error", "Internal server error", ApiError, True),
        (504, "timeout_error", "Timed out", TimedOut, True),
        (402, "billing_error", "Your credit is too low", ApiError, False),
        (403, "permission_error", "Not for you", Misconfigured, False),
        (404, "not_found_error", "model: claude-new-1", ModelMissing, False),
        (413, "request_too_large", "Too large", ApiError, False),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 5 maximum", ApiError, False),
    ],
)
async def test_errors_before_and_in_a_stream(
    server, provider, status, kind, message, error, may_pass
):
    server.enqueue(fake.MESSAGES, fake.error(kind, message, status))
    _, outside = await broken(provider, error)
    assert outside.status == status
    words = fake.event("error", error={"type": kind, "message": message})
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), *fake.text_block(0, "Half"), words))
    came, inside = await broken(provider, error)
    assert came == "Half"
    assert inside.status == (None if status == 400 else status)
    for caught in (outside, inside):
        assert message in caught.message
        assert caught.code == kind
        assert caught.remedy
        assert caught.may_pass is may_pass


async def test_text_that_came_with_an_error_is_kept(server, provider):
    words = fake.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    both = b"".join([fake.start(), *fake.text_block(0, "Half"), words])
    server.enqueue(fake.MESSAGES, fake.stream(both))
    came, error = await broken(provider, ApiError)
    assert (came, error.status) == ("Half", 529)


async def test_what_cannot_be_read(server, provider):
    server.enqueue(fake.MESSAGES, fake.stream(fake.start(), b"data: {broken\n\n", *fake.stop()))
    _, error = await broken(provider, BadReply)
    assert error.details == "{broken"
    page = Reply(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    server.enqueue(fake.MESSAGES, page)
    assert "web page" in (await broken(provider, BadReply))[1].message
