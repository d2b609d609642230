"""What can go wrong while the Hub is asked, what a cancelled question leaves, and what is told."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import BadReply, ProviderError, RateLimited, TimedOut
from app.library.hub import access, failures
from tests.adapters import hub_use
from tests.adapters.hub_use import TOKEN
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.servers.http import FakeServer, Reply, running

MODEL = {"model.gguf": Content(50)}


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with FakeHub() as started:
        yield started


@pytest.fixture
def shop(fake: FakeHub) -> FakeHub:
    """Some repositories."""
    for name in ("a/Chat-7B-GGUF", "b/Chat-1B-GGUF", "c/Vision-GGUF"):
        fake.add(name, MODEL)
    return fake


async def found(fake: FakeHub, words: str = "") -> list[str]:
    return [repo.id for repo in await hub_use.client(fake.url).search(words)]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "9" * 400}, 3600),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 3600),
        ({"RateLimit": f'"api";r=0;t={"9" * 400}'}, 3600),
        ({}, None),
    ],
)
async def test_a_wish_for_a_pause_is_told_at_once(
    shop: FakeHub, headers: dict[str, str], seconds: float | None
) -> None:
    shop.misbehave(Fault(status=429, headers=headers), times=None)
    with pytest.raises(RateLimited, match="wants a pause") as caught:
        await found(shop)
    assert caught.value.retry_after == seconds
    assert caught.value.may_pass
    assert len(shop.received) == 1


async def test_trouble_of_the_hub_itself_is_told_at_once(shop: FakeHub) -> None:
    shop.misbehave(Fault(status=503, headers={"Retry-After": "3"}), times=None)
    with pytest.raises(ProviderError, match=r"trouble of its own at the moment \(503\)") as caught:
        await found(shop)
    assert caught.value.may_pass
    assert caught.value.retry_after == 3
    assert len(shop.received) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b'{"a": ',
        b"[" * 100_000,
        b'"text"',
        b"[7]",
        b'[{"name": "x"}]',
        b'[{"id": "a/b", "lastModified": "x"}]',
        b'[{"id": "a/b", "tags": 5}]',
        b"\xff\xfe",
    ],
)
async def test_an_answer_that_makes_no_sense_is_one_of_our_errors(body: bytes) -> None:
    server = FakeServer()
    server.route("GET", "/api/models", lambda _: Reply(body))
    async with running(server):
        with pytest.raises(BadReply, match="damaged"):
            await hub_use.client(server.url).search("x")


@pytest.mark.parametrize(
    "body", [b'{"id": 5, "siblings": [{"rfilename": 3}]}', b'{"id": "a/b", "siblings": [1]}', b"[]"]
)
async def test_a_listing_that_makes_no_sense_is_one_of_our_errors(body: bytes) -> None:
    server = FakeServer()
    server.route("GET", "/api/models/a/b", lambda _: Reply(body))
    async with running(server):
        with pytest.raises(BadReply, match="damaged"):
            await hub_use.client(server.url).models("a/b")


async def test_odd_fields_of_a_repository_are_passed_over() -> None:
    odd = {"id": "a/b", "downloads": "many", "likes": -3, "gguf": [1], "gated": "auto"}
    server = FakeServer()
    server.route("GET", "/api/models", [odd])
    async with running(server):
        (repo,) = await hub_use.client(server.url).search("x")
    assert (repo.downloads, repo.likes, repo.parameters, repo.is_gated) == (0, 0, 0, True)


async def test_the_page_of_a_network_that_wants_a_login_is_known_as_such() -> None:
    server = FakeServer()
    page = Reply(b"<html>Welcome to the hotel</html>", content_type="text/html")
    server.route("GET", "/api/models", lambda _: page)
    async with running(server):
        with pytest.raises(BadReply, match="page of its own") as caught:
            await hub_use.client(server.url).search("x")
    assert "log in" in caught.value.remedy


async def test_a_detour_to_another_server_is_not_taken(fake: FakeHub) -> None:
    server = FakeServer()
    server.route("GET", "/api/models", lambda _: Reply(status=302, headers={"Location": fake.url}))
    async with running(server):
        with pytest.raises(BadReply, match="page of its own"):
            await hub_use.client(server.url, TOKEN).search("x")
    assert not fake.received


async def test_redirects_without_an_end_are_not_followed_for_ever() -> None:
    server = FakeServer()
    again = Reply(status=302, headers={"Location": "/api/models"})
    server.route("GET", "/api/models", lambda _: again)
    async with running(server):
        with pytest.raises(BadReply, match="page of its own"):
            await hub_use.client(server.url).search("x")
    assert len(server.received) < 10


async def test_the_next_page_of_another_host_is_not_fetched(fake: FakeHub) -> None:
    server = FakeServer()
    link = {"Link": f'<{fake.url}/api/models?cursor=1>; rel="next"'}
    server.route("GET", "/api/models", lambda _: Reply(b'[{"id": "a/b"}]', headers=link))
    async with running(server):
        with pytest.raises(BadReply):
            await hub_use.client(server.url, TOKEN).search("x")
    assert not fake.received


async def test_a_server_that_never_answers_is_given_up(
    shop: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REPLY_SECONDS", 0.2)
    shop.misbehave(Fault(wait=60))
    with pytest.raises(TimedOut, match=r"did not answer within 0\.2 seconds") as caught:
        await found(shop)
    assert failures.is_offline(caught.value)


async def test_a_cancelled_search_ends_at_once_and_leaves_nothing(shop: FakeHub) -> None:
    shop.misbehave(Fault(wait=60), times=None)
    hub = hub_use.client(shop.url)
    searches = [asyncio.create_task(hub.search("x")) for _ in range(3)]
    while len(shop.received) < 3:
        await asyncio.sleep(0.01)
    for search in searches:
        search.cancel()
    results = await asyncio.gather(*searches, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    shop.behave()
    assert await hub.search("chat")


async def test_searches_at_the_same_time_do_not_disturb_each_other(shop: FakeHub) -> None:
    with FakeHub() as other:
        other.add("z/Other-GGUF", MODEL)
        asking = [found(shop, "chat"), found(other), found(shop, "vision"), found(other)]
        answers = await asyncio.gather(*asking)
    assert [len(answer) for answer in answers] == [2, 1, 1, 1]


# What is told about the person


async def test_no_more_than_needed_is_told(shop: FakeHub) -> None:
    await found(shop, "chat")
    (request,) = shop.received
    assert request.headers["user-agent"].startswith("hearth/")
    assert ";" not in request.headers["user-agent"]
    known = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert set(request.headers) <= known


def test_the_library_takes_no_token_and_writes_nothing_by_itself(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_of_another_program")
    script = """
import asyncio, sys
from tests.adapters import hub_use
from tests.fakes.hub.server import FakeHub
from huggingface_hub import constants

with FakeHub() as fake:
    constants.ENDPOINT = fake.url
    asyncio.run(hub_use.client(fake.url).search("x"))
    (request,) = fake.received
    assert "authorization" not in request.headers, request.headers
"""
    environ = {
        **os.environ,
        "HF_HOME": str(tmp_path),
        "HF_TOKEN": "hf_of_the_environment",
        "AI_AGENT": "some-harness",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
