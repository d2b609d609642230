"""OpenAI's chat API: what is sent, and what calls, reasons and figures are read as."""

import json
from typing import Any

import pytest

from app.llm.providers.profiles import PROFILES
from app.llm.providers.wire import openai_chat
from app.schema import (
    FinishReason,
    Image,
    Message,
    PromptProgress,
    Request,
    Role,
    Sampling,
    ToolCall,
    Usage,
)
from tests.unit.test_openai_reply import REQUEST, as_stream, delta, finish, read, told

ALL_SET = Sampling(
    temperature=0.1,
    top_k=7,
    top_p=0.2,
    min_p=0.3,
    repeat_penalty=1.2,
    repeat_last_n=9,
    seed=5,
    max_tokens=11,
    stop=("END",),
)


def body(kind: str, request: Request = REQUEST) -> dict[str, Any]:
    return openai_chat.body(PROFILES[kind], "tiny", request)


def usage(*sent: dict[str, Any]) -> Usage:
    stream = as_stream(delta(content="Hi"), delta(content="!"), finish("stop"), *sent, "[DONE]")
    end = read(stream)[-1].finish
    assert end is not None
    return end.usage


def test_a_chat_asks_for_a_stream_with_its_usage() -> None:
    assert body("vllm") == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "repetition_penalty": 1.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "stream_options" not in body("llama-cpp-python")
    assert body("llama-server")["return_progress"] is True
    assert not {"stream", "stream_options"} & set(body("gpt4all"))


def test_a_text_to_be_continued_goes_as_a_prompt() -> None:
    sent = body("vllm", Request(raw="Once"))
    assert sent["prompt"] == "Once"
    assert "messages" not in sent
    assert sent["max_tokens"] is None, "else it ends after 16 tokens"
    assert "max_tokens" not in body("llama-server", Request(raw="Once"))
    limited = Request(raw="Once", sampling=Sampling(max_tokens=5))
    assert body("vllm", limited)["max_tokens"] == 5


@pytest.mark.parametrize("kind", PROFILES)
def test_each_kind_gets_the_sampling_that_it_knows(kind: str) -> None:
    profile = PROFILES[kind]
    sent = body(kind, Request(REQUEST.messages, sampling=ALL_SET))
    for ours, theirs in profile.sampling.items():
        assert sent[theirs] == getattr(ALL_SET, ours)
    assert sent[profile.limit] == 11
    assert sent["stop"] == ["END"]
    allowed = {*profile.sampling.values(), profile.limit, "stop", "model", "messages"}
    allowed |= {"stream", "stream_options", "return_progress"}
    assert set(sent) <= allowed


def test_openai_gets_its_own_name_for_the_limit_and_only_what_the_person_changed() -> None:
    assert set(body("openai")) == {"model", "messages", "stream", "stream_options"}
    sent = body("openai", Request(REQUEST.messages, sampling=Sampling(top_p=0.5, max_tokens=3)))
    assert (sent["top_p"], sent["max_completion_tokens"]) == (0.5, 3)
    assert not {"max_tokens", "temperature", "seed"} & set(sent)


def test_pictures_travel_as_data_uris() -> None:
    picture = Message(
        Role.USER, "What?", (Image(b"\x89PNG", "image/png"), Image(b"x", "image/webp"))
    )
    assert openai_chat.messages([picture]) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "image_url", "image_url": {"url": "data:image/webp;base64,eA=="}},
            ],
        }
    ]
    (alone,) = openai_chat.messages([Message(Role.USER, "", (Image(b"x"),))])
    assert [part["type"] for part in alone["content"]] == ["image_url"]


def test_tools_and_a_schema_are_passed_through() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    sent = body("openai", Request(REQUEST.messages, tools=(tool,), schema=schema))
    assert sent["tools"] == [tool]
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("kind", "think", "fields"),
    [
        ("llama-server", False, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("llama-server", True, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("llama-server", "high", {"reasoning_effort": "high"}),
        ("openai", True, {"reasoning_effort": "medium"}),
        ("openai", False, {"reasoning_effort": "none"}),
        ("openrouter", "low", {"reasoning": {"effort": "low"}}),
        ("openrouter", False, {"reasoning": {"enabled": False}}),
        ("gpt4all", True, {}),
    ],
)
def test_thinking_is_asked_for_in_each_kinds_way(
    kind: str, think: bool | str, fields: dict[str, Any]
) -> None:
    assert body(kind, Request(REQUEST.messages, think=think)) == body(kind) | fields


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_fields_are_reasoning_and_tags_in_the_text_are_then_text(field: str) -> None:
    stream = as_stream(
        delta(content="<"),  # held back as the beginning of a tag
        delta(**{field: "I wonder"}),
        delta(**{field: "."}, content=""),
        delta(content="b> <think>"),
        finish("stop"),
    )
    said = told(read(stream))
    assert (said["reasoning"], said["text"]) == ("I wonder.", "<b> <think>")


def test_text_may_come_in_parts_and_a_refusal_is_text() -> None:
    parts = [{"type": "text", "text": "He"}, {"type": "text", "text": "y"}]
    assert told(read(as_stream(delta(content=parts), finish("stop"))))["text"] == "Hey"
    refused = as_stream(delta(refusal="I can’t."), finish("stop"))
    assert told(read(refused))["text"] == "I can’t."
    completion = {"choices": [{"text": "Hi", "finish_reason": "stop"}]}
    assert told(read(as_stream(completion)))["text"] == "Hi"


def call(index: int | None, *, id: str = "", **function: Any) -> dict[str, Any]:  # noqa: A002
    part = {"index": index, "id": id, "function": function}
    return delta(
        tool_calls=[{key: value for key, value in part.items() if value not in (None, "")}]
    )


def test_tool_calls_are_put_together_from_their_parts() -> None:
    stream = as_stream(
        call(1, id="b", name="g"),
        call(0, id="a", name="f", arguments=""),
        call(0, name="", arguments='{"x":'),
        call(1, arguments=None),
        call(0, arguments=" 1}"),
        finish("stop"),
        "[DONE]",
    )
    said = told(read(stream))
    assert said["calls"] == [ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}")]
    assert said["reason"] is FinishReason.TOOLS


def test_arguments_may_be_an_object_and_the_index_may_be_missing() -> None:
    stream = as_stream(
        call(None, id="a", name="f", arguments={"x": 1}),
        call(None, id="b", name="g", arguments={}),
        finish("tool_calls"),
    )
    assert told(read(stream))["calls"] == [ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}")]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("tool_calls", FinishReason.TOOLS),
        ("function_call", FinishReason.TOOLS),
        ("content_filter", FinishReason.FILTER),
        ("something new", FinishReason.STOP),
    ],
)
def test_finish_reasons_are_ours(theirs: str, ours: FinishReason) -> None:
    assert told(read(as_stream(delta(content="Hi"), finish(theirs))))["reason"] is ours


def test_progress_of_the_prompt_is_told() -> None:
    progress = {"prompt_progress": {"total": 90, "cache": 10, "processed": 40}, "choices": []}
    first, *_ = read(as_stream(progress, delta(content="Hi"), finish("stop")))
    assert first.progress == PromptProgress(40, 90, 10)


TIMINGS = {"prompt_n": 6, "cache_n": 4, "predicted_n": 8, "prompt_ms": 500, "predicted_ms": 2000}
COUNTS = {"prompt_tokens": 10, "completion_tokens": 8}
EXTRA_USAGE = {  # LocalAI
    **COUNTS,
    "prompt_tokens_details": {"cached_tokens": 4},
    "timing_prompt_processing": 500,
    "timing_token_generation": 2000,
}


@pytest.mark.parametrize(
    "figures",
    [{"timings": TIMINGS}, {"timings": TIMINGS, "usage": COUNTS}, {"usage": EXTRA_USAGE}],
)
def test_figures_of_the_server_are_taken_as_they_are(figures: dict[str, Any]) -> None:
    made = usage({"choices": [], **figures})
    assert (made.prompt_tokens, made.cached_tokens, made.generated_tokens) == (10, 4, 8)
    assert (made.prompt_seconds, made.generation_seconds) == (0.5, 2.0)
    assert not made.is_estimate


def test_rates_become_times() -> None:
    assert usage({"usage": {**COUNTS, "avg_compl_tok_per_sec": 4.0}}).generation_seconds == 2.0
    assert usage({"usage": COUNTS, "stats": {"generation_time": 3.5}}).generation_seconds == 3.5


def test_what_the_server_does_not_say_is_counted_here_and_called_an_estimate() -> None:
    made = usage()
    assert made.is_estimate
    assert made.generated_tokens == 2
    assert made.prompt_tokens > 0
    timed_here = usage({"usage": COUNTS})
    assert timed_here.is_estimate, "the times are of our clock"
    assert (timed_here.prompt_tokens, timed_here.generated_tokens) == (10, 8)


@pytest.mark.parametrize("null", [{"usage": None}, {"usage": "x"}, {"timings": None}, {"stats": 1}])
def test_empty_figures_change_nothing(null: dict[str, Any]) -> None:
    assert usage({"usage": COUNTS}, null).prompt_tokens == 10


def test_every_body_is_json() -> None:
    request = Request(REQUEST.messages, sampling=ALL_SET, think="low", schema={"type": "object"})
    for kind in PROFILES:
        assert json.loads(json.dumps(body(kind, request)))["model"] == "tiny"
