"""Addresses, the offline lock, the watch over silence, and the translation of httpx's errors."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from app import net
from app.errors import (
    BadReply,
    Misconfigured,
    ProviderError,
    StreamCut,
    TimedOut,
    Unreachable,
)

FAR = "http://models.example:8080"
KEY = "sk-very-secret"


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "ollama.localhost"]
)
def test_names_and_addresses_of_this_computer(host: str) -> None:
    assert net.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "192.168.0.2", "8.8.8.8", "0.0.0.0", "localhost.example.org", "127.0.0.1.example"]
)
def test_names_and_addresses_of_other_computers(host: str) -> None:
    assert not net.is_loopback(host)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" http://127.0.0.1:8080/ ", "http://127.0.0.1:8080"),
        ("https://example.org/v1/", "https://example.org/v1"),
        ("[::1]:11434", "http://[::1]:11434"),
        ("localhost", "http://localhost"),
    ],
)
def test_an_address_is_made_whole(text: str, url: str) -> None:
    assert net.checked_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "http://", "ftp://a", "file:///etc/passwd", "http://a b", "http://a:x"),
        *("http://a:99999", "http://[::1", "https://a/v1?api-version=1", "http://a#b"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        net.checked_url(text)
    assert "http://127.0.0.1:8080" in caught.value.remedy


@pytest.mark.parametrize(
    ("link", "is_open"),
    [
        (net.Link(FAR), False),
        (net.Link("https://127.0.0.1:1"), True),
        (net.Link("http://[::1]:1"), True),
        (net.Link("http://127.0.0.1:1", proxy="http://proxy.example:3128"), False),
        (net.Link("http://127.0.0.1:1", proxy="http://127.0.0.1:3128"), True),
        (net.Link(FAR, proxy="http://127.0.0.1:3128"), False),
    ],
)
async def test_the_closed_lock_keeps_everything_on_this_computer(
    link: net.Link, is_open: bool
) -> None:
    lock = net.OfflineLock()
    await (await net.client(link, lock)).aclose()
    lock.closed = True
    if is_open:
        await (await net.client(link, lock)).aclose()
    else:
        with pytest.raises(Misconfigured, match="offline"):
            await net.client(link, lock)


@pytest.mark.parametrize("value", [f"Bearer {KEY}\nX: y", f"Bearer {KEY}é", f"Bearer \x00{KEY}"])
async def test_a_key_that_cannot_be_sent_is_refused_and_never_quoted(value: str) -> None:
    with pytest.raises(Misconfigured, match="Authorization") as caught:
        await net.client(net.Link(FAR, headers={"Authorization": value}))
    error = caught.value
    assert "key" in error.remedy
    shown = f"{error} {error.details} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert KEY not in shown


@pytest.mark.parametrize("name", ["", "X Y", "Ä", "a:b"])
async def test_a_header_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured):
        await net.client(net.Link(FAR, headers={name: "x"}))


async def test_spaces_that_came_with_pasting_are_no_part_of_a_key() -> None:
    async with await net.client(net.Link(FAR, headers={"X-Key": f" {KEY}\r\n"})) as client:
        assert client.headers["x-key"] == KEY


@pytest.mark.parametrize("proxy", ["nonsense", "ftp://proxy.example", "http://[::1"])
async def test_an_unusable_proxy_is_told(proxy: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be set up") as caught:
        await net.client(net.Link(FAR, proxy=proxy))
    assert "proxy" in caught.value.remedy


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectTimeout("x"), TimedOut),
        (httpx.PoolTimeout("x"), TimedOut),
        (httpx.ReadError("x"), StreamCut),
        (httpx.RemoteProtocolError("x"), StreamCut),
        (httpx.UnsupportedProtocol("x"), Misconfigured),
        (httpx.InvalidURL("x"), Misconfigured),
        (httpx.LocalProtocolError("x"), Misconfigured),
        (httpx.ProxyError("x"), Unreachable),
        (httpx.ConnectError("x"), Unreachable),
        (httpx.WriteError("x"), Unreachable),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"), Misconfigured),
        (httpx.DecodingError("x"), BadReply),
    ],
)
def test_what_httpx_raises_becomes_ours(raised: Exception, kind: type[ProviderError]) -> None:
    with pytest.raises(kind) as caught, net.translated("Fake", FAR):
        raise raised
    assert type(caught.value) is kind
    assert caught.value.provider == "Fake"
    assert "Fake" in caught.value.message
    assert caught.value.remedy
    assert caught.value.__cause__ is raised


def test_what_is_no_error_of_httpx_passes() -> None:
    with pytest.raises(KeyError), net.translated("Fake", FAR):
        raise KeyError


async def test_silence_after_something_was_heard_ends_the_reading() -> None:
    async def read() -> None:
        async with net.Silence("Fake", 0.05).watching() as quiet:
            with quiet.reading():
                await asyncio.sleep(0)
            with quiet.reading():
                await asyncio.Event().wait()

    with pytest.raises(TimedOut, match=r"silent for 0\.05 seconds") as caught:
        await read()
    assert caught.value.provider == "Fake"
    assert caught.value.remedy
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "the task can go on"
    assert asyncio.all_tasks() == {task}


async def test_the_first_piece_may_take_as_long_as_it_wants() -> None:
    async with net.Silence("Fake", 0.01).watching() as quiet:
        with quiet.reading():
            await asyncio.sleep(0.15)  # the watch looks several times meanwhile


async def test_time_that_the_reader_spends_elsewhere_is_no_silence() -> None:
    async with net.Silence("Fake", 0.1).watching() as quiet:
        with quiet.reading():
            await asyncio.sleep(0)
        await asyncio.sleep(0.25)  # the window paints
        with quiet.reading():
            await asyncio.sleep(0)


async def test_a_cancellation_by_the_person_stays_one() -> None:
    began = asyncio.Event()

    async def read() -> None:
        async with net.Silence("Fake", 60).watching() as quiet:
            with quiet.reading():
                began.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await began.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("host", ["api.openai.com", "8.8.8.8", "2606:4700::1111", "example.org."])
def test_hosts_on_the_internet(host: str) -> None:
    assert net.is_public(host)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "::1", "192.168.0.2", "10.0.0.1", "nas", "nas.local", "a.lan", ""],
)
def test_hosts_in_the_persons_own_network(host: str) -> None:
    assert not net.is_public(host)
