"""One suite over every kind of provider: whatever the dialect, the same is promised and kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from app import net
from app.errors import (
    ApiError,
    BadReply,
    HearthError,
    Misconfigured,
    ProviderError,
    RateLimited,
    StreamCut,
    TimedOut,
    Unreachable,
)
from app.llm.providers import kinds
from app.llm.providers.interface import Provider
from app.schema import FinishReason
from tests.adapters.asking import QUESTION, ask, is_alone, until
from tests.adapters.provider_cases import CASES, DIALECTS, Case
from tests.fakes.servers.http import FakeServer, Reply, running

STREAMING = [case for case in CASES if case.streams]
ROUNDS = 50


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param
    return made


@pytest.fixture
async def server(case: Case) -> AsyncIterator[FakeServer]:
    async with running(FakeServer()) as started:
        case.fill(started)
        yield started


@pytest.fixture
async def provider(case: Case, server: FakeServer) -> AsyncIterator[Provider]:
    async with case.provider(server.url) as made:
        yield made


def over(cases: list[Case]) -> pytest.MarkDecorator:
    """Runs a test over some kinds only."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.kind)


def gone_since(server: FakeServer, before: int) -> bool:
    """Whether the server has seen a client go that had not gone before."""
    return len(server.disconnects) > before


async def refusal(case: Case, provider: Provider) -> ProviderError:
    """The error that a question ends in."""
    with pytest.raises(HearthError) as caught:
        await ask(provider, model=case.model)
    error = caught.value
    assert isinstance(error, ProviderError)
    assert error.provider == provider.title
    assert error.provider in error.message
    assert error.remedy
    return error


def test_every_kind_is_here() -> None:
    others = {"transformers"}  # speaks no HTTP; tests/transformers has its own suite
    assert {case.kind for case in CASES} | others == set(kinds.makers(net.OfflineLock()))


async def test_an_answer_streams_and_ends_with_its_figures(case: Case, provider: Provider) -> None:
    said = await ask(provider, model=case.model)
    assert said.text == "Hello, world"
    pieces = [chunk.text for chunk in said.chunks if chunk.text]
    assert pieces == (["Hello", ", ", "world"] if case.streams else ["Hello, world"])
    assert said.finish.reason is FinishReason.STOP
    usage = said.finish.usage
    assert usage.prompt_tokens > 0
    assert usage.generated_tokens > 0
    assert min(usage.prompt_seconds, usage.first_token_seconds, usage.generation_seconds) >= 0


async def test_the_same_provider_answers_again_and_again(case: Case, provider: Provider) -> None:
    for _ in range(3):
        assert (await ask(provider, model=case.model)).text == "Hello, world"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_the_answer_is_the_same_wherever_the_stream_is_cut(
    case: Case, server: FakeServer, provider: Provider, size: int
) -> None:
    server.recut = size
    assert (await ask(provider, model=case.model)).text == "Hello, world"


async def test_a_stream_that_ends_early_was_cut(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    await ask(provider, model=case.model)
    length, last = server.streamed, 0
    for end in range(0, length, 1 if case.kind in DIALECTS else 17):
        server.cut_at = end
        try:
            said = await ask(provider, model=case.model)
        except StreamCut as cut:
            assert not last, f"it was whole at {last} bytes already"
            assert cut.provider == provider.title  # noqa: PT017
        else:
            last = end
            assert said.text == "Hello, world"
    server.cut_at = None
    assert (await ask(provider, model=case.model)).text == "Hello, world"


@over(STREAMING)
async def test_a_connection_that_breaks_is_told_after_what_came(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    case.halfway(server, cut=True)
    async with aclosing(provider.stream(case.model, QUESTION)) as stream:
        while (await anext(stream)).text != "Hello":
            pass
        with pytest.raises(StreamCut) as caught:
            await anext(stream)
    assert caught.value.may_pass
    assert caught.value.remedy


@over(STREAMING)
async def test_an_error_in_a_stream_that_began_well_is_told(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    case.halfway(server, then=[case.error])
    error = await refusal(case, provider)
    assert isinstance(error, ApiError)
    assert "boom" in error.message


@over(STREAMING)
async def test_bytes_that_are_no_utf8_spoil_their_characters_alone(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    def spoilt(reply: Reply) -> Reply:
        pieces = [piece.replace(b"Hello", b"H\xff\xc3llo") for piece in reply.pieces or ()]
        return replace(reply, pieces=pieces)

    server.changes[case.path] = spoilt
    said = await ask(provider, model=case.model)
    assert said.text.replace("\ufffd", "") == "Hllo, world"
    assert "\ufffd" in said.text


@over(STREAMING)
async def test_a_line_of_ten_megabytes_is_read(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    def large(reply: Reply) -> Reply:
        pieces = [piece.replace(b"Hello", b"x" * 10_000_000) for piece in reply.pieces or ()]
        return replace(reply, pieces=pieces)

    server.changes[case.path] = large
    assert len((await ask(provider, model=case.model)).text) == 10_000_007


@over(STREAMING)
async def test_a_server_that_falls_silent_is_given_up(case: Case, server: FakeServer) -> None:
    case.halfway(server, hold=asyncio.Event())
    async with case.provider(server.url, silence_seconds=0.1) as provider:
        assert isinstance(await refusal(case, provider), TimedOut)
        await until(lambda: server.disconnects)


async def test_the_first_byte_may_take_longer_than_the_limit(
    case: Case, server: FakeServer
) -> None:
    come = asyncio.Event()
    server.changes[case.path] = lambda reply: replace(reply, late=come)
    async with case.provider(server.url, silence_seconds=0.02) as provider:
        asked = asyncio.ensure_future(ask(provider, model=case.model))
        await until(lambda: any(sent.path == case.path for sent in server.received))
        await asyncio.wait([asked], timeout=0.1)  # several times the limit
        assert not asked.done()
        come.set()
        assert (await asked).text == "Hello, world"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Misconfigured),
        (403, Misconfigured),
        (404, ApiError),
        (408, TimedOut),
        (413, ApiError),
        (429, RateLimited),
        (500, ApiError),
        (503, ApiError),
    ],
)
async def test_each_status_is_its_error(
    case: Case, server: FakeServer, provider: Provider, status: int, kind: type[ProviderError]
) -> None:
    body = b'{"error": {"message": "no such luck"}}'
    reply = Reply(body, status, headers={"Retry-After": "0.001"})
    server.enqueue(case.path, reply)
    if status == 503 and case.waits_while_loading:
        assert (await ask(provider, model=case.model)).text == "Hello, world"
        return
    error = await refusal(case, provider)
    assert type(error) is kind
    assert (error.status, error.retry_after) == (status, 0.001)
    assert "no such luck" in error.message


async def test_a_web_page_is_no_answer(case: Case, server: FakeServer, provider: Provider) -> None:
    page = Reply(b"<!DOCTYPE html><p>Log in</p>", content_type="text/html")
    server.enqueue(case.path, page)
    assert isinstance(await refusal(case, provider), BadReply)


@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_is_refused_and_its_target_hears_nothing(
    case: Case, server: FakeServer, provider: Provider, status: int
) -> None:
    async with running(FakeServer()) as other:
        case.fill(other)
        target = {"Location": f"{other.url}{case.path}"}
        server.enqueue(case.path, Reply(status=status, headers=target))
        error = await refusal(case, provider)
        assert isinstance(error, Misconfigured)
        assert other.url in error.message
        assert not other.received


async def test_key_headers_and_query_reach_the_server_and_the_key_is_in_no_address(
    case: Case, server: FakeServer
) -> None:
    about: dict[str, Any] = {"headers": (("X-Own", "1"),), "query": (("own", "2"),)}
    async with case.provider(server.url, **about) as provider:
        await ask(provider, model=case.model)
        await provider.list_models()
    for sent in server.received:
        assert sent.headers["x-own"] == "1"
        assert sent.query["own"] == "2"
        assert case.key not in repr(sent.query)
        assert any(value.endswith(case.key) for value in sent.headers.values())


async def test_the_list_names_the_model_and_the_provider(case: Case, provider: Provider) -> None:
    models = {info.ref.model: info for info in await provider.list_models()}
    info = models[case.model]
    assert info.ref.provider == "here"
    assert info.provider == provider.title
    assert info.is_cloud is kinds.kinds()[case.kind].is_cloud
    assert provider.title


async def test_the_persons_list_of_models_is_used_instead(case: Case, server: FakeServer) -> None:
    async with case.provider(server.url, models=("one", "two")) as provider:
        assert [info.ref.model for info in await provider.list_models()] == ["one", "two"]


async def test_a_prompt_is_counted_or_estimated(case: Case, provider: Provider) -> None:
    count = await provider.count_tokens(case.model, QUESTION)
    assert count.tokens > 0


async def test_health_tells_of_a_server_that_works_and_of_one_that_is_away(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    assert (await provider.health()).works
    await server.stop()
    health = await provider.health()
    assert not health.works
    assert health.message


async def test_a_server_that_is_away_is_named(
    case: Case, server: FakeServer, provider: Provider
) -> None:
    await server.stop()
    assert isinstance(await refusal(case, provider), Unreachable)
    with pytest.raises(Unreachable):
        await provider.list_models()


async def test_the_closed_lock_keeps_it_on_this_computer(case: Case, server: FakeServer) -> None:
    lock = net.OfflineLock()
    lock.closed = True
    async with case.provider("http://models.example", lock) as provider:
        with pytest.raises(Misconfigured, match="offline"):
            await ask(provider, model=case.model)
        with pytest.raises(Misconfigured, match="offline"):
            await provider.list_models()
        assert not (await provider.health()).works
    async with case.provider(server.url, lock) as provider:
        assert (await ask(provider, model=case.model)).text == "Hello, world"


@over(STREAMING)
async def test_closing_the_stream_closes_the_connection_every_time(
    case: Case, server: FakeServer
) -> None:
    case.halfway(server, hold=asyncio.Event())
    async with case.provider(server.url) as provider:
        for before in range(ROUNDS):
            stream = provider.stream(case.model, QUESTION)
            while (await anext(stream)).text != "Hello":
                pass
            await stream.aclose()
            await until(partial(gone_since, server, before))
            await until(is_alone)
        assert len(server.disconnects) == ROUNDS
    await until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("before", ["wait", "late"])  # the head, and the first piece
async def test_giving_up_before_the_first_piece_closes_the_connection(
    case: Case, server: FakeServer, before: str
) -> None:
    never: dict[str, Any] = {before: asyncio.Event()}
    server.changes[case.path] = lambda reply: replace(reply, **never)
    async with case.provider(server.url) as provider:
        asked = asyncio.ensure_future(ask(provider, model=case.model))
        await until(lambda: any(sent.path == case.path for sent in server.received))
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        await until(partial(gone_since, server, 0))
        await until(is_alone)
        server.changes.clear()
        assert (await ask(provider, model=case.model)).text == "Hello, world"
    await until(lambda: server.open_connections == 0)


async def test_closing_twice_does_no_harm(case: Case, provider: Provider) -> None:
    await ask(provider, model=case.model)
    await provider.aclose()
    await provider.aclose()
