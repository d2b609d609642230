"""The reply to a chat request: a stream cut anywhere, errors inside it, and what is no stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ApiError, BadReply, HearthError, StreamCut
from app.llm.providers.wire.openai_events import Answer
from app.llm.providers.wire.openai_reply import Reply
from app.schema import Chunk, FinishReason, Message, Request, Role, ToolCall
from tests.unit.test_wire import CUTS, pieces

REQUEST = Request((Message(Role.USER, "Hi"),))


def delta(**said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said}]}


def finish(reason: str, **beside: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **beside}


def as_stream(*sent: dict[str, Any] | str) -> bytes:
    data = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in sent)
    return "".join(f"data: {one}\n\n" for one in data).encode()


def read(*parts: bytes, **how: Any) -> list[Chunk]:
    reply = Reply("Fake", Answer("Fake", REQUEST, **how))
    return [chunk for part in parts for chunk in reply.feed(part)] + reply.end()


def told(chunks: list[Chunk]) -> dict[str, Any]:
    """What an answer says, whatever its pieces were."""
    usage = chunks[-1].finish.usage if chunks[-1].finish else None
    return {
        "text": "".join(chunk.text for chunk in chunks),
        "reasoning": "".join(chunk.reasoning for chunk in chunks),
        "calls": [call for chunk in chunks for call in chunk.tool_calls],
        "reason": chunks[-1].finish and chunks[-1].finish.reason,
        "counts": usage and (usage.prompt_tokens, usage.generated_tokens),
    }


STREAM = as_stream(
    delta(role="assistant", content=None),
    delta(content="<thi"),
    delta(content="nk>hm é</think>\n\n"),
    delta(content="Grüße \u2028🦜"),
    delta(tool_calls=[{"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"x"'}}]),
    delta(tool_calls=[{"index": 0, "function": {"name": "", "arguments": ": 1}"}}]),
    finish("tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}},
    "[DONE]",
)
TOLD = {
    "text": "Grüße \u2028🦜",
    "reasoning": "hm é",
    "calls": [ToolCall("1", "f", '{"x": 1}')],
    "reason": FinishReason.TOOLS,
    "counts": (7, 5),
}


@pytest.mark.parametrize("size", [*range(1, 20), 10_000])
def test_an_answer_is_the_same_in_pieces_of_every_size(size: int) -> None:
    assert told(read(*(STREAM[at : at + size] for at in range(0, len(STREAM), size)))) == TOLD


@given(cuts=CUTS)
def test_an_answer_is_the_same_wherever_the_network_cuts(cuts: list[int]) -> None:
    assert told(read(*pieces(STREAM, cuts))) == TOLD
    assert told(read(*pieces(b"\xef\xbb\xbf\n" + STREAM, cuts))) == TOLD


REASON_FROM = STREAM.index(b'{"choices"', STREAM.index(b'"finish_reason"') - 60)
REASON_TO = STREAM.index(b"}]}", REASON_FROM) + 3  # the event is readable from here


def test_a_stream_that_ends_before_its_reason_was_cut() -> None:
    for end in range(REASON_TO):
        with pytest.raises(StreamCut) as caught:
            read(STREAM[:end])
        assert (caught.value.provider, bool(caught.value.remedy)) == ("Fake", True)


def test_a_stream_that_ends_after_its_reason_is_whole() -> None:
    for end in range(REASON_TO, len(STREAM)):
        said = told(read(STREAM[:end]))
        assert {**said, "counts": TOLD["counts"]} == TOLD, "the usage alone may be an estimate"


@pytest.mark.parametrize(
    "stream",
    [
        as_stream({"error": {"message": "boom", "code": 500}}),
        as_stream({"error": "boom"}),
        as_stream({"error": {"message": "boom"}, "message": "boom"}),
        as_stream({"object": "error", "message": "boom", "code": 500}),
        as_stream({"error": {"message": "boom"}, "choices": [{"finish_reason": "error"}]}),
        as_stream({"error": {"message": "boom"}, "choices": []}, "[DONE]"),
        b'event: error\ndata: {"error": {"message": "boom"}}\n\n',
        b'event: error\ndata: {"error": "boom"}\n\n',
        b'event: error\ndata: {"message": "boom"}\n\n',
        b'event: error\ndata: "boom"\n\n',
        b"event: error\ndata: boom\n\n",
        b'{"error": {"message": "boom"}}',
        b'{"error": "boom"}',
    ],
)
@pytest.mark.parametrize("before", [b"", as_stream(delta(content="Hello")), b": ping\n\n"])
def test_an_error_inside_the_stream_is_told(stream: bytes, before: bytes) -> None:
    if stream.startswith(b"{") and before:
        stream = b"event: error\ndata: " + stream + b"\n\n"
    for parts in ([before + stream], pieces(before + stream, range(0, 400, 3))):
        with pytest.raises(ApiError, match="Fake says: boom") as caught:
            read(*parts)
        assert caught.value.provider == "Fake"
        assert caught.value.remedy


def test_a_model_that_failed_without_saying_why_is_an_error() -> None:
    with pytest.raises(ApiError, match="failed"):
        read(as_stream(delta(content="Hel"), finish("error")))


@pytest.mark.parametrize("data", ["no json", "[1, 2]", "[" * 100_000, '"text"'])
def test_an_event_that_cannot_be_read_is_a_bad_reply(data: str) -> None:
    with pytest.raises(BadReply) as caught:
        read(as_stream(data, "[DONE]"))
    assert (caught.value.provider, bool(caught.value.remedy)) == ("Fake", True)
    assert len(caught.value.details) <= 300


@pytest.mark.parametrize(
    "page", [b"<html><p>Hi</p></html>", b" \n<!DOCTYPE html>", b"\xef\xbb\xbf<a/>"]
)
def test_a_web_page_is_no_answer(page: bytes) -> None:
    for parts in ([page], pieces(page, range(len(page)))):
        with pytest.raises(BadReply, match="web page"):
            read(*parts)


def test_json_that_is_no_answer_is_told_apart_from_an_answer_that_broke_off() -> None:
    with pytest.raises(BadReply, match="something else"):
        read(b'{"detail": "hello"}')
    for cut in (b"", b'{"choices": [{"message"', b"[" * 100_000):
        with pytest.raises(StreamCut):
            read(cut)
    with pytest.raises(StreamCut):
        read(b": ping\n\n")


def test_a_whole_reply_needs_no_stream() -> None:
    choice = {"message": {"content": "<think>hm</think>Hi"}, "finish_reason": "length"}
    reply = {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    for data in (json.dumps(reply).encode(), json.dumps(reply, indent=1).encode()):
        for parts in ([data], pieces(data, range(0, 400, 5))):
            said = told(read(*parts))
            assert (said["text"], said["reasoning"]) == ("Hi", "hm")
            assert (said["reason"], said["counts"]) == (FinishReason.LENGTH, (3, 2))


def test_done_without_a_reason_is_an_end_unless_the_server_is_known_to_interrupt() -> None:
    stream = as_stream(delta(content="Hel"), "[DONE]")
    assert told(read(stream))["reason"] is FinishReason.STOP
    with pytest.raises(StreamCut):
        read(stream, needs_reason=True)


FIELDS = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "index",
        "usage",
        "timings",
        "error",
        "stats",
        "finish_reason",
        "prompt_progress",
        "prompt_tokens_details",
        "prompt_tokens",
        "prompt_ms",
        "text",
        "type",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=30,
)


@given(value=ANY_JSON)
def test_no_json_makes_anything_but_chunks_and_our_errors(value: Any) -> None:
    stream = as_stream(json.dumps(value), json.dumps({"choices": [value]}), "[DONE]")
    error = None
    try:
        chunks = read(stream)
    except HearthError as raised:
        error = raised
    else:
        assert chunks[-1].finish is not None
    assert error is None or (error.message and error.remedy)
