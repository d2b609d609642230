"""Anthropic: the key, the list of models, opening one, counting tokens."""

import json

import pytest

from app.errors import Misconfigured, ModelMissing
from app.llm.providers import interface
from app.llm.providers.anthropic import AnthropicProvider
from app.schema import Endpoint, Message, Request, Role
from tests.adapters.anthropic.asking import MIDDLE, NEW, OLD, answer, broken, connected
from tests.adapters.dialects import TOOL, ask, asks_for_a_key, text
from tests.fakes.servers import anthropic as fake
from tests.fakes.servers.http import as_json


async def test_it_is_a_cloud_and_can_open(provider):
    assert provider.is_cloud
    assert provider.title == "Anthropic"
    assert isinstance(provider, interface.Opens)
    assert not isinstance(provider, interface.Embeds)


def test_the_usual_address():
    provider = AnthropicProvider(Endpoint("claude", "anthropic"))
    assert provider.endpoint.url == "https://api.anthropic.com"
    ours = AnthropicProvider(Endpoint("claude", "anthropic", url="https://box/claude/v1/"))
    assert ours.endpoint.url == "https://box/claude"


async def test_without_a_key_nothing_is_sent(server):
    async with connected(server, key="") as provider:
        tries = (provider.list_models, lambda: provider.open(NEW), lambda: answer(provider))
        await asks_for_a_key(provider, NEW, *tries)
    assert server.received == []


async def test_a_key_in_a_header_of_the_persons_own_is_one(server):
    async with connected(server, key="", headers=(("X-Api-Key", fake.KEY),)) as provider:
        assert text(await answer(provider)) == "Hello there."


async def test_a_wrong_key(server):
    async with connected(server, key="wrong") as provider:
        with pytest.raises(Misconfigured, match="invalid x-api-key") as caught:
            await provider.list_models()
        assert caught.value.status == 401
        assert "key" in caught.value.remedy
        assert not (await provider.health()).works
        await broken(provider, Misconfigured)


async def test_the_list_is_read_page_by_page(server, provider):
    models = {info.ref.model: info for info in await provider.list_models()}
    assert list(models) == [NEW, MIDDLE, OLD]  # the retired one cannot be asked any more
    pages = [dict(r.query) for r in server.received if r.path == fake.MODELS]
    assert pages == [{"limit": "1000"}, {"limit": "1000", "after_id": MIDDLE}]
    newest = models[NEW]
    assert str(newest.ref) == "claude:claude-new-1"
    assert newest.name == "Claude New 1"
    assert newest.trained_context == 1_000_000
    assert newest.provider == "Anthropic"
    assert newest.features == {"chat", "tools", "vision", "thinking"}
    assert models[OLD].features == {"chat", "tools"}
    assert all(info.is_cloud for info in models.values())
    assert (await provider.health()).works


async def test_a_list_that_goes_round_in_a_circle_ends(server, provider):
    page = {"data": [{"id": NEW}], "has_more": True, "last_id": NEW}
    server.route("GET", fake.MODELS, page)
    assert len(await provider.list_models()) == 2


async def test_models_that_the_person_named_stand_for_the_list(server):
    async with connected(server, models=("my-model",)) as provider:
        (info,) = await provider.list_models()
        assert (info.ref.model, info.is_cloud) == ("my-model", True)
        assert (await provider.open("my-model")).info == info
    assert server.received == []


async def test_opening_a_model(provider):
    loaded = await provider.open(MIDDLE)
    assert loaded.info.name == "Claude Middle 1"
    assert (loaded.context, loaded.device) == (200_000, "Anthropic")
    with pytest.raises(ModelMissing, match="“claude-9”"):
        await provider.open("claude-9")


async def test_the_server_counts_tokens(server, provider):
    messages = (Message(Role.SYSTEM, "Be brief"), Message(Role.USER, "Hi"))
    count = await provider.count_tokens(NEW, Request(messages, tools=(TOOL,), think=True))
    body = server.last(fake.COUNT).json
    assert set(body) == {"model", "messages", "system", "tools"}
    assert (count.tokens, count.method) == (len(json.dumps(body)), "")


async def test_an_estimate_where_the_server_cannot_count(server, provider):
    server.enqueue(fake.COUNT, fake.error("overloaded_error", "Overloaded", 529), as_json({"a": 1}))
    for request in (ask(), ask(), Request(raw="Once upon")):
        assert "estimate" in (await provider.count_tokens(NEW, request)).method
