"""The errors of servers, in whichever of their shapes, become ours."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    ApiError,
    ContextOverflow,
    HearthError,
    Misconfigured,
    ModelMissing,
    OutOfMemory,
    ProviderError,
    RateLimited,
    TimedOut,
    Unsupported,
)
from app.llm.providers.failures import LONGEST, failure, in_event
from tests.unit.test_openai_reply import ANY_JSON


def told(status: int | None, body: Any, **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = failure("Fake", status, body, named)
    assert isinstance(error, ProviderError)
    return error


@pytest.mark.parametrize(
    ("status", "kind", "remedy", "may_pass"),
    [
        (400, ApiError, "log", False),
        (401, Misconfigured, "key", False),
        (402, ApiError, "credit", False),
        (403, Misconfigured, "key", False),
        (404, ApiError, "address", False),
        (408, TimedOut, "again", True),
        (413, ApiError, "shorten", False),
        (422, ApiError, "log", False),
        (429, RateLimited, "wait", True),
        (500, ApiError, "again", True),
        (501, Unsupported, "another model", False),
        (502, ApiError, "in a moment", True),
        (503, ApiError, "in a moment", True),
        (504, TimedOut, "again", True),
        (529, ApiError, "in a moment", True),
    ],
)
@pytest.mark.parametrize("body", [{"error": {"message": "no", "type": "x"}}, {}, None, "no"])
def test_each_status_has_its_kind_and_remedy(
    status: int, kind: type[ProviderError], remedy: str, may_pass: bool, body: Any
) -> None:
    error = told(status, body, retry_after="7")
    assert type(error) is kind
    assert (error.provider, error.status, error.retry_after) == ("Fake", status, 7.0)
    assert remedy in error.remedy
    assert error.may_pass is may_pass
    assert error.message.startswith("Fake ")
    assert ("no" in error.message.split()) == bool(body)
    assert body or str(status) in error.message


@pytest.mark.parametrize(
    ("body", "text", "code"),
    [
        ({"error": {"message": "boom", "type": "server_error"}}, "boom", "server_error"),
        ({"error": {"message": "boom", "code": "bad"}}, "boom", "bad"),
        ([{"error": {"message": "boom", "status": "UNAVAILABLE"}}], "boom", "UNAVAILABLE"),
        ({"error": "boom"}, "boom", ""),
        ({"error": {"message": "boom"}, "message": "boom"}, "boom", ""),
        ({"type": "error", "error": {"type": "api_error", "message": "boom"}}, "boom", "api_error"),
        ({"object": "error", "message": "boom", "type": "Bad"}, "boom", "Bad"),
        ({"error": True, "message": "boom"}, "boom", ""),
        ({"error": None, "detail": "boom"}, "boom", ""),
        ({"detail": "boom"}, "boom", ""),
        ({"detail": [{"loc": ["body"], "msg": "boom"}]}, '"boom"', ""),
        ({"detail": {"msg": "boom"}}, '"boom"', ""),
        ("boom", "boom", ""),
        ("  boom\n\n  boom ", "boom boom", ""),
    ],
)
def test_the_words_are_found_in_every_shape(body: Any, text: str, code: str) -> None:
    error = told(500, body)
    assert error.message.startswith("Fake says: ")
    assert text in error.message
    assert error.code == code


@pytest.mark.parametrize("body", ["", None, {}, [], {"error": {}}, "<html><b>Bad</b></html>"])
def test_where_there_are_no_words_the_status_is_named(body: Any) -> None:
    assert told(502, body).message == "Fake answered with an error (502)."
    assert told(None, body).message == "Fake answered with an error."


def test_long_words_are_cut() -> None:
    assert len(told(500, "x" * 10_000).message) < LONGEST + 30


@pytest.mark.parametrize(
    ("status", "body", "kind", "remedy"),
    [
        (404, {"error": "model 'llama' not found"}, ModelMissing, "Choose a model"),
        (400, {"error": {"message": "Model x was not found"}}, ModelMissing, "Choose a model"),
        (500, {"error": "model requires more system memory (8 GiB)"}, OutOfMemory, "smaller"),
        (500, {"error": {"message": "CUDA error: out of memory"}}, OutOfMemory, "smaller"),
        (None, {"error": "cudaMalloc failed: out of memory"}, OutOfMemory, "smaller"),
        (400, {"error": {"message": "the maximum context length is 8"}}, ApiError, "Shorten"),
        (400, {"error": '"m" does not support thinking'}, Unsupported, "another model"),
        (429, {"error": {"message": "pay", "type": "insufficient_quota"}}, ApiError, "credit"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, ApiError, "credit"),
        (None, {"error": {"message": "slow down", "code": 429}}, RateLimited, "wait"),
        (None, {"error": {"message": "busy", "code": 503}}, ApiError, "in a moment"),
        (429, {"error": {"type": "t", "code": "insufficient_quota"}}, ApiError, "credit"),
        (None, {"type": "error", "error": {"type": "overloaded_error"}}, ApiError, "moment"),
        (None, {"error": {"type": "rate_limit_error", "code": "x"}}, RateLimited, "wait"),
        (None, {"error": {"status": "RESOURCE_EXHAUSTED"}}, RateLimited, "wait"),
    ],
)
def test_the_words_tell_more_than_the_status(
    status: int | None, body: Any, kind: type[ProviderError], remedy: str
) -> None:
    error = told(status, body)
    assert type(error) is kind
    assert remedy in error.remedy


def test_the_lengths_of_a_prompt_that_does_not_fit_are_kept() -> None:
    about = {"message": "too long", "type": "exceed_context_size_error"}
    error = failure("Fake", 400, {"error": {**about, "n_prompt_tokens": 900, "n_ctx": 512}})
    assert isinstance(error, ContextOverflow)
    assert (error.prompt_tokens, error.context) == (900, 512)
    assert "horten" in told(400, {"error": about}).remedy


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after_ms": "250", "retry_after": "3"}, 0.25),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": ""}, None),
        ({}, None),
    ],
)
def test_the_pause_that_a_server_asks_for(headers: dict[str, str], pause: float | None) -> None:
    assert told(429, "wait", **headers).retry_after == pause


def test_the_pause_may_be_a_date() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    pause = told(503, "wait", retry_after=until).retry_after
    assert pause is not None
    assert 3000 < pause <= 3600


@given(status=st.none() | st.integers(400, 599), body=ANY_JSON, pause=st.text(max_size=30))
def test_every_error_is_ours_and_has_a_remedy(status: int | None, body: Any, pause: str) -> None:
    error = failure("Fake", status, body, {"retry-after": pause, "retry-after-ms": pause})
    assert isinstance(error, HearthError)
    assert "Fake" in error.message
    assert error.remedy


@pytest.mark.parametrize("data", ['{"error": "boom"}', '{"message": "boom"}', '"boom"', "boom"])
def test_an_event_named_error_is_read_as_json_or_as_words(data: str) -> None:
    assert in_event("Fake", data).message == "Fake says: boom"
    assert in_event("Fake", "[" * 100_000).message.startswith("Fake says: [[")
