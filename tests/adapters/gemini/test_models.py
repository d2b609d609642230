"""Gemini: the key, the list of models, opening one, counting tokens, vectors."""

import json

import pytest

from app.errors import BadReply, Misconfigured, ModelMissing
from app.llm.providers import interface
from app.llm.providers.gemini import GeminiProvider
from app.schema import Endpoint, Message, Request, Role, Sampling
from tests.adapters.dialects import TOOL, ask, asks_for_a_key, text
from tests.adapters.gemini.asking import BUSY, STREAM, answer, broken, connected
from tests.fakes.servers import gemini as fake
from tests.fakes.servers.http import as_json

MODELS = f"{fake.PREFIX}/models"
COUNT = fake.path(fake.CHAT, "countTokens")
EMBED = fake.path(fake.EMBEDDING, "batchEmbedContents")


async def test_it_is_a_cloud_that_opens_and_embeds(provider):
    assert provider.is_cloud
    assert provider.title == "Google Gemini"
    assert isinstance(provider, interface.Opens)
    assert isinstance(provider, interface.Embeds)


async def test_the_address_may_bring_its_own_path(server):
    usual = GeminiProvider(Endpoint("google", "gemini"))
    assert usual.endpoint.url == "https://generativelanguage.googleapis.com"
    async with connected(server, url=f"{server.url}{fake.PREFIX}/") as provider:
        assert text(await answer(provider)) == "Hello there."


async def test_without_a_key_nothing_is_sent(server):
    async with connected(server, key="") as provider:
        tries = (
            provider.list_models,
            lambda: provider.open(fake.CHAT),
            lambda: answer(provider),
            lambda: provider.embed(fake.EMBEDDING, ["a"]),
        )
        await asks_for_a_key(provider, fake.CHAT, *tries)
    assert server.received == []


async def test_the_key_travels_in_a_header_alone(server, provider):
    await provider.list_models()
    await answer(provider)
    await provider.count_tokens(fake.CHAT, ask())
    await provider.embed(fake.EMBEDDING, ["a"])
    for request in server.received:
        assert request.headers["x-goog-api-key"] == fake.KEY
        assert fake.KEY not in str(request.query)
        assert "authorization" not in request.headers
    assert server.last(STREAM).query == {"alt": "sse"}


async def test_a_wrong_key(server):
    async with connected(server, key="wrong") as provider:
        with pytest.raises(Misconfigured, match="API key not valid") as caught:
            await provider.list_models()
        assert "key" in caught.value.remedy
        assert not (await provider.health()).works
        await broken(provider, Misconfigured)


async def test_the_persons_own_query_is_kept_beside_ours(server):
    async with connected(server, query=(("trace", "1"),)) as provider:
        await answer(provider)
    assert server.last(STREAM).query == {"trace": "1", "alt": "sse"}


async def test_the_list_is_read_page_by_page_and_chat_models_are_kept(server, provider):
    models = {info.ref.model: info for info in await provider.list_models()}
    assert list(models) == [fake.CHAT, fake.OLDER]
    pages = [dict(request.query) for request in server.received]
    assert pages == [{"pageSize": "1000"}, {"pageSize": "1000", "pageToken": "2"}]
    newest = models[fake.CHAT]
    assert str(newest.ref) == "google:models/gemini-3-flash"
    assert newest.name == "gemini-3-flash"
    assert newest.trained_context == 1_048_576
    assert newest.description == "Fast and versatile."
    assert newest.features == {"chat", "thinking", "vision", "tools"}
    assert "thinking" not in models[fake.OLDER].features
    assert all(info.is_cloud for info in models.values())
    assert (await provider.health()).works


async def test_a_list_that_goes_round_in_a_circle_ends(server, provider):
    server.route("GET", MODELS, {"models": fake.LISTED[:1], "nextPageToken": "a"})
    assert len(await provider.list_models()) == 2


async def test_models_that_the_person_named_stand_for_the_list(server):
    async with connected(server, models=("gemini-3-flash",)) as provider:
        (info,) = await provider.list_models()
        assert (info.ref.model, info.is_cloud) == ("gemini-3-flash", True)
        assert text(await answer(provider, model="gemini-3-flash")) == "Hello there."


@pytest.mark.parametrize("name", [fake.CHAT, "gemini-3-flash"])
async def test_opening_a_model_with_and_without_its_prefix(provider, name):
    loaded = await provider.open(name)
    assert loaded.info.ref.model == fake.CHAT
    assert (loaded.context, loaded.device) == (1_048_576, "Google Gemini")


async def test_opening_a_model_that_is_not_there(provider):
    with pytest.raises(ModelMissing, match="“gemini-9”"):
        await provider.open("gemini-9")


async def test_the_server_counts_tokens(server, provider):
    messages = (Message(Role.SYSTEM, "Be brief"), Message(Role.USER, "Hi"))
    request = Request(messages, tools=(TOOL,), sampling=Sampling(temperature=0.1), think=True)
    count = await provider.count_tokens("gemini-3-flash", request)
    asked = server.last(COUNT).json["generateContentRequest"]
    assert asked["model"] == fake.CHAT
    assert set(asked) == {"model", "contents", "systemInstruction", "tools"}
    assert (count.tokens, count.method) == (len(json.dumps(asked)), "")


async def test_an_estimate_where_the_server_cannot_count(server, provider):
    server.enqueue(COUNT, as_json(BUSY, 503), as_json({"a": 1}))
    for request in (ask(), ask(), Request(raw="Once upon")):
        assert "estimate" in (await provider.count_tokens(fake.CHAT, request)).method


async def test_vectors_come_in_batches(server, provider):
    texts = ["a" * (index + 1) for index in range(150)]
    vectors = await provider.embed("gemini-embedding-001", texts)
    assert vectors == [[float(index + 1)] * 3 for index in range(150)]
    sizes = [len(request.json["requests"]) for request in server.received]
    assert sizes == [100, 50]
    asked = server.last(EMBED).json["requests"][0]
    assert asked == {"model": fake.EMBEDDING, "content": {"parts": [{"text": texts[100]}]}}
    assert await provider.embed(fake.EMBEDDING, []) == []


async def test_a_vector_that_is_missing(server, provider):
    server.enqueue(EMBED, as_json({"embeddings": [{"values": [1.0]}]}))
    with pytest.raises(BadReply, match="vector for each text"):
        await provider.embed(fake.EMBEDDING, ["a", "b"])
