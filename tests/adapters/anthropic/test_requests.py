"""Anthropic: what is sent, how thinking is asked for, and options that a model refuses."""

import base64

import pytest

from app.errors import ApiError, Unsupported
from app.llm.providers.wire import anthropic_messages as wire
from app.schema import Image, Message, Request, Role, Sampling
from tests.adapters.anthropic.asking import MIDDLE, NEW, OLD, answer, broken, sent, sent_for
from tests.adapters.dialects import PARAMETERS, TOOL, TURNS, ask, notices, text
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import as_json

SCHEMA = {
    "type": "object",
    "properties": {"type": {"type": "string"}, "parts": {"type": "array", "items": {}}},
    "$defs": {"open": {"type": "object", "additionalProperties": True}},
}


async def test_system_texts_have_their_own_field_and_turns_are_merged(server, provider):
    await answer(provider, Request((*TURNS, Message(Role.ASSISTANT, "Five \n"))))
    body = sent(server)
    assert body["system"] == "Be brief.\n\nBe kind."
    texts = [
        (turn["role"], [part["text"] for part in turn["content"]]) for turn in body["messages"]
    ]
    assert texts == [("user", ["One", "Two", "Three"]), ("assistant", ["Four", "Five"])]


async def test_pictures_come_before_the_text(server, provider):
    picture = Image(b"\xff\xd8", "image/jpeg")
    await answer(provider, Request((Message(Role.USER, "What?", (picture, Image(b"png"))),)))
    first, second, words = sent(server)["messages"][0]["content"]
    data = base64.b64encode(b"\xff\xd8").decode()
    source = {"type": "base64", "media_type": "image/jpeg", "data": data}
    assert first == {"type": "image", "source": source}
    assert second["source"]["media_type"] == "image/png"
    assert words == {"type": "text", "text": "What?"}


async def test_tools_in_anthropics_shape(server):
    bare = {"type": "function", "function": {"name": "now"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    body = await sent_for(server, tools=(TOOL, bare, search))
    assert body["tools"] == [
        {
            "name": "weather",
            "description": "The weather of a place",
            "input_schema": PARAMETERS,
        },
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        search,
    ]


async def test_a_schema_is_closed(server):
    body = await sent_for(server, schema=SCHEMA)
    made = body["output_config"]["format"]
    assert made["type"] == "json_schema"
    assert made["schema"] == {**SCHEMA, "additionalProperties": False}
    assert "additionalProperties" not in SCHEMA


async def test_a_model_that_knows_no_schemas_says_so(server, provider):
    with pytest.raises(Unsupported, match="JSON schema"):
        await answer(provider, ask(schema=SCHEMA), OLD)
    assert fake.MESSAGES not in [request.path for request in server.received]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), {}),
        (Sampling(temperature=0.3), {"temperature": 0.3}),
        (Sampling(temperature=1.7), {"temperature": 1.0}),
        (Sampling(temperature=-1.0), {"temperature": 0.0}),
        (Sampling(top_p=0.5, top_k=5), {"top_p": 0.5, "top_k": 5}),
        (Sampling(min_p=0.5, repeat_penalty=1.2, repeat_last_n=1, seed=4), {}),
        (Sampling(stop=("END", "STOP")), {"stop_sequences": ["END", "STOP"]}),
        (Sampling(max_tokens=50), {"max_tokens": 50}),
        (Sampling(max_tokens=500_000), {"max_tokens": 128_000}),
    ],
)
async def test_only_changed_fields_that_it_knows_are_sent(server, sampling, expected):
    body = await sent_for(server, sampling=sampling)
    plain = {"model": NEW, "max_tokens": 128_000, "stream": True, "messages": body["messages"]}
    assert body == plain | expected


async def test_blank_stop_strings_are_left_out_and_told(server, provider):
    chunks = await answer(provider, ask(sampling=Sampling(stop=("\n\n", "END"))))
    assert sent(server)["stop_sequences"] == ["END"]
    assert "stop strings of white space" in notices(chunks)[0]


async def test_the_limit_of_new_tokens_is_the_models_own(server):
    assert (await sent_for(server, OLD))["max_tokens"] == 4096
    assert (await sent_for(server, MIDDLE))["max_tokens"] == 64_000


async def test_the_limit_without_a_list(server, provider):
    server.route("GET", fake.MODELS, lambda _: as_json({"error": "no such path"}, 404))
    await answer(provider)
    assert sent(server)["max_tokens"] == 4096
    await answer(provider, ask(sampling=Sampling(max_tokens=9000)))
    assert sent(server)["max_tokens"] == 9000
    assert [request.path for request in server.received].count(fake.MODELS) == 1


# Thinking


@pytest.mark.parametrize(
    ("model", "think", "expected"),
    [
        (NEW, None, {}),
        (NEW, True, {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (MIDDLE, True, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (MIDDLE, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (MIDDLE, "max", {"thinking": {"type": "enabled", "budget_tokens": 32_000}}),
        (MIDDLE, False, {"thinking": {"type": "disabled"}}),
        (MIDDLE, "none", {"thinking": {"type": "disabled"}}),
        (OLD, False, {"thinking": {"type": "disabled"}}),
    ],
)
async def test_how_thinking_is_asked_for(server, model, think, expected):
    body = await sent_for(server, model, think=think)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == expected


@pytest.mark.parametrize(
    ("asked", "given"),
    [("minimal", "low"), ("medium", "medium"), ("max", "high"), ("xhigh", "high")],
)
async def test_an_effort_is_one_that_the_model_has(server, asked, given):
    body = await sent_for(server, think=asked, schema={"type": "object"})
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"]["effort"] == given
    assert "format" in body["output_config"]


@pytest.mark.parametrize(
    ("model", "think", "sampling"),
    [
        (NEW, False, Sampling()),  # it always thinks
        (OLD, True, Sampling()),  # it never does
        (MIDDLE, True, Sampling(max_tokens=1500)),  # no room for the smallest budget
    ],
)
async def test_thinking_that_cannot_be_had_is_told(server, provider, model, think, sampling):
    chunks = await answer(provider, ask(think=think, sampling=sampling), model)
    assert "thinking" not in sent(server)
    assert notices(chunks) == ["Left out, because this model does not take it: thinking."]
    assert text(chunks) == "Hello there."


async def test_a_model_that_thinks_takes_no_temperature(server, provider):
    request = ask(think=True, sampling=Sampling(temperature=0.2, top_k=3))
    chunks = await answer(provider, request)
    assert not {"temperature", "top_k"} & set(sent(server))
    assert "temperature, top_k" in notices(chunks)[0]
    await answer(provider, ask(think=False, sampling=Sampling(temperature=0.2)), MIDDLE)
    assert sent(server)["temperature"] == 0.2


# Options that a model refuses


async def test_a_refused_option_is_left_out_and_told(server, provider):
    fake.fill(server, refuses=("temperature", "top_p"))
    request = ask(sampling=Sampling(temperature=0.1, top_p=0.5, top_k=9))
    chunks = await answer(provider, request)
    assert text(chunks) == "Hello there."
    assert notices(chunks) == ["Left out, because this model does not take it: temperature, top_p."]
    assert sent(server)["top_k"] == 9
    before = len(server.received)
    assert notices(await answer(provider, request)) == notices(chunks)
    assert len(server.received) == before + 1  # it is not tried again


async def test_of_two_that_exclude_each_other_the_temperature_stays(server, provider):
    words = "`temperature` and `top_p` cannot both be specified for this model."
    server.enqueue(fake.MESSAGES, fake.invalid(words))
    chunks = await answer(provider, ask(sampling=Sampling(temperature=0.1, top_p=0.5)))
    assert sent(server)["temperature"] == 0.1
    assert notices(chunks) == ["Left out, because this model does not take it: top_p."]


async def test_effort_goes_before_thinking(server, provider):
    fake.fill(server, refuses=("effort",))
    chunks = await answer(provider, ask(think="low"))
    assert sent(server)["thinking"]["type"] == "adaptive"
    assert notices(chunks) == ["Left out, because this model does not take it: effort."]


async def test_an_error_about_something_else_is_one(server, provider):
    server.enqueue(fake.MESSAGES, fake.invalid("temperature: wrong"))
    _, error = await broken(provider, ApiError)  # no temperature was sent
    assert error.code == "invalid_request_error"


def test_closing_a_schema_leaves_what_is_no_object():
    assert wire.closed([1, {"type": "string"}]) == [1, {"type": "string"}]
