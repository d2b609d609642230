"""Gemini: what is sent, and how thinking is asked for."""

import base64

import pytest

from app.schema import Image, Message, Request, Role, Sampling
from tests.adapters.dialects import PARAMETERS, TOOL, TURNS, ask, notices, text
from tests.adapters.gemini.asking import answer, config_for, sent
from tests.fakes.servers import gemini as fake


async def test_system_texts_have_their_own_field_and_turns_are_merged(server, provider):
    await answer(provider, Request((*TURNS, Message(Role.USER, "Five"))))
    body = sent(server)
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief.\n\nBe kind."}]}
    texts = [(turn["role"], [part["text"] for part in turn["parts"]]) for turn in body["contents"]]
    assert texts == [("user", ["One", "Two", "Three"]), ("model", ["Four"]), ("user", ["Five"])]


async def test_pictures(server, provider):
    picture = Image(b"\xff\xd8", "image/jpeg")
    await answer(provider, Request((Message(Role.USER, "What?", (picture,)),)))
    data = base64.b64encode(b"\xff\xd8").decode()
    assert sent(server)["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/jpeg", "data": data}},
        {"text": "What?"},
    ]


async def test_tools_in_geminis_shape(server, provider):
    bare = {"type": "function", "function": {"name": "now"}}
    await answer(provider, ask(tools=(TOOL, {"googleSearch": {}}, bare)))
    weather = {
        "name": "weather",
        "description": "The weather of a place",
        "parametersJsonSchema": PARAMETERS,
    }
    assert sent(server)["tools"] == [
        {"functionDeclarations": [weather, {"name": "now"}]},
        {"googleSearch": {}},
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"sampling": Sampling(temperature=0.3)}, {"temperature": 0.3}),
        ({"sampling": Sampling(temperature=9.0)}, {"temperature": 2.0}),
        ({"sampling": Sampling(top_p=0.5, top_k=5, seed=7)}, {"topP": 0.5, "topK": 5, "seed": 7}),
        ({"sampling": Sampling(min_p=0.5, repeat_penalty=1.2, repeat_last_n=1)}, {}),
        ({"sampling": Sampling(stop=("END", "\n"))}, {"stopSequences": ["END", "\n"]}),
        ({"sampling": Sampling(max_tokens=50)}, {"maxOutputTokens": 50}),
        (
            {"schema": {"type": "object"}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
)
async def test_only_what_was_asked_for_is_sent(server, changes, expected):
    assert await config_for(server, **changes) == expected


@pytest.mark.parametrize(
    ("model", "think", "expected"),
    [
        (fake.CHAT, None, None),
        (fake.CHAT, True, {"includeThoughts": True}),
        (fake.CHAT, "low", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (fake.CHAT, "max", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (fake.CHAT, False, {"thinkingLevel": "MINIMAL"}),
        (fake.OLDER, True, {"includeThoughts": True, "thinkingBudget": -1}),
        (fake.OLDER, "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        (fake.OLDER, "max", {"includeThoughts": True, "thinkingBudget": 24_576}),
        (fake.OLDER, False, {"thinkingBudget": 0}),
        (fake.OLDER, "none", {"thinkingBudget": 0}),
    ],
)
async def test_how_thinking_is_asked_for(server, model, think, expected):
    assert (await config_for(server, model, think=think)).get("thinkingConfig") == expected


async def test_a_model_that_takes_no_thinking_answers_without(server, provider):
    fake.fill(server, thinks=False)
    request = ask(think="high", sampling=Sampling(temperature=0.5))
    chunks = await answer(provider, request)
    assert notices(chunks) == ["Left out, because this model does not take it: thinking."]
    assert text(chunks) == "Hello there."
    assert sent(server)["generationConfig"] == {"temperature": 0.5}
    before = len(server.received)
    await answer(provider, request)
    assert len(server.received) == before + 1  # it is not tried again
