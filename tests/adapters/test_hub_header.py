"""Reading what a model on the Hub says of itself, without fetching the model."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app import gguf, net
from app.errors import BadReply, Misconfigured, ModelFileError, ModelMissing, StreamCut, TimedOut
from app.library.hub import access, failures, header, verdict
from app.library.hub.client import Hub
from app.library.hub.remote_file import RemoteFile
from app.library.records import HubModel
from app.library.verdicts import Fit
from app.llm.optimizer.machine.records import Computer, Memory
from app.llm.optimizer.room import SYSTEM_MARGIN
from app.llm.optimizer.wishes import Wishes
from tests.adapters import hub_use
from tests.adapters.hub_use import TINY, TOKEN
from tests.fakes import gguf_models
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub
from tests.fakes.servers.http import FakeServer, Reply, running

LARGE = 5_000_000_000  # bytes that a file claims to have behind its header


@pytest.fixture
def fake(tiny: Path) -> Iterator[FakeHub]:
    with FakeHub() as started:
        hub_use.add_tiny(started, tiny)
        yield started


async def tiny_model(hub: Hub) -> HubModel:
    return next(model for model in await hub.models(TINY) if model.quantisation == "Q8_0")


def long_vocabulary(tmp_path: Path) -> Path:
    """A model whose header is longer than what is fetched at once."""
    words = tuple(f"<word {number:>90}>" for number in range(30_000))
    return gguf_models.write_random_model(tmp_path / "long.gguf", special_tokens=words)


async def test_the_header_is_that_of_the_file(fake: FakeHub, tiny: Path) -> None:
    hub = hub_use.client(fake.url)
    found, local = await hub.header(await tiny_model(hub)), gguf.read(tiny)
    assert found.metadata == local.metadata
    assert found.tensors == local.tensors
    assert found.weights_size == local.weights_size
    assert found.file_size == local.file_size


async def test_of_a_large_file_only_the_beginning_is_fetched(fake: FakeHub, tiny: Path) -> None:
    fake.add("big/Big-GGUF", {"big.gguf": Content(LARGE, head=tiny.read_bytes())})
    # Its hash would take minutes to make, and is not asked for here.
    async with hub_use.client(fake.url).open("big/Big-GGUF", "main", "big.gguf") as file:
        fake.repos["big/Big-GGUF"].files()["big.gguf"].__dict__["sha256"] = "0" * 64
        fake.repos["big/Big-GGUF"].files()["big.gguf"].__dict__["git_oid"] = "0" * 40
        found = await header.header_of(file, "big.gguf")
    assert found.file_size == LARGE
    (request,) = fake.requests(side="cdn")
    assert request.headers["range"] == f"bytes=0-{header.FIRST - 1}"


async def test_a_long_header_is_fetched_in_growing_steps(fake: FakeHub, tmp_path: Path) -> None:
    file = long_vocabulary(tmp_path)
    fake.add("long/Long-GGUF", {"long.gguf": Content.of(file.read_bytes())})
    hub = hub_use.client(fake.url)
    (model,) = await hub.models("long/Long-GGUF")
    assert (await hub.header(model)).tensors == gguf.read(file).tensors
    asked = [request.headers["range"] for request in fake.requests(side="cdn")]
    assert asked[:2] == ["bytes=0-2097151", "bytes=2097152-4194303"]
    assert len(fake.requests(side="hub", path="/resolve/")) == 1


async def test_a_server_that_ignores_ranges_is_read_as_far_as_needed(
    fake: FakeHub, tmp_path: Path
) -> None:
    file = long_vocabulary(tmp_path)
    fake.add("long/Long-GGUF", {"long.gguf": Content.of(file.read_bytes())})
    fake.misbehave(Fault(ignore_range=True), side="cdn", times=None)
    hub = hub_use.client(fake.url)
    (model,) = await hub.models("long/Long-GGUF")
    assert (await hub.header(model)).metadata == gguf.read(file).metadata


async def test_a_header_without_an_end_is_given_up(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header, "FIRST", 1000)
    monkeypatch.setattr(header, "LARGEST", 4000)
    endless = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 20)
    fake.add("odd/Odd-GGUF", {"odd.gguf": Content(1 << 21, head=endless)})
    hub = hub_use.client(fake.url)
    (model,) = await hub.models("odd/Odd-GGUF")
    with pytest.raises(ModelFileError, match="says nothing of itself"):
        await hub.header(model)
    assert len(fake.requests(side="cdn")) == 3


@pytest.mark.parametrize("head", [b"", b"<html>", b"GGUF" + b"\xff" * 40])
async def test_a_file_that_is_no_model_is_told(fake: FakeHub, head: bytes) -> None:
    fake.add("odd/Odd-GGUF", {"odd.gguf": Content(20_000, head=head)})
    hub = hub_use.client(fake.url)
    (model,) = await hub.models("odd/Odd-GGUF")
    with pytest.raises(ModelFileError) as caught:
        await hub.header(model)
    assert "on Hugging Face" in caught.value.remedy


async def test_a_small_file_that_the_hub_keeps_itself_is_read_as_well(
    fake: FakeHub, tmp_path: Path
) -> None:
    fake.add("odd/Odd-GGUF", {"odd.gguf": Content.of(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))})
    hub = hub_use.client(fake.url)
    (model,) = await hub.models("odd/Odd-GGUF")
    assert (await hub.header(model)).kind == "vocabulary"


# The token and the terms


async def test_the_token_does_not_go_to_the_host_of_the_files(fake: FakeHub) -> None:
    fake.tokens.add(TOKEN)
    hub = hub_use.client(fake.url, TOKEN)
    await hub.header(await tiny_model(hub))
    assert {request.token for request in fake.requests(side="hub")} == {TOKEN}
    assert [request.token for request in fake.requests(side="cdn")] == [""]


async def test_a_gated_repository_says_what_to_do(fake: FakeHub) -> None:
    fake.repos[TINY].is_gated = True
    hub = hub_use.client(fake.url)
    with pytest.raises(Misconfigured, match="only for those who have accepted") as caught:
        await hub.header(await tiny_model(hub))
    assert f"https://huggingface.co/{TINY}" in caught.value.remedy
    assert failures.TOKENS_PAGE in caught.value.remedy
    assert "keyring" in caught.value.remedy
    assert failures.is_gated(caught.value)
    assert not failures.is_offline(caught.value)


async def test_a_token_without_access_is_told_to_accept_the_terms(fake: FakeHub) -> None:
    fake.repos[TINY].is_gated = True
    fake.tokens.add(TOKEN)
    hub = hub_use.client(fake.url, TOKEN)
    with pytest.raises(Misconfigured, match="the account of your token has not") as caught:
        await hub.header(await tiny_model(hub))
    assert f"https://huggingface.co/{TINY}" in caught.value.remedy
    assert failures.is_gated(caught.value)


async def test_whoever_was_let_in_reads_a_gated_model(fake: FakeHub) -> None:
    fake.repos[TINY].is_gated = True
    fake.tokens.add(TOKEN)
    fake.granted.add(TOKEN)
    hub = hub_use.client(fake.url, TOKEN)
    assert (await hub.header(await tiny_model(hub))).architecture == "llama"


# What goes wrong


async def test_a_file_that_has_gone_is_named(fake: FakeHub) -> None:
    hub = hub_use.client(fake.url)
    model = await tiny_model(hub)
    fake.repos[TINY].files().clear()
    with pytest.raises(ModelMissing, match=r"has no file “Tiny-Q8_0\.gguf” any more"):
        await hub.header(model)


async def test_a_connection_that_breaks_is_told(fake: FakeHub) -> None:
    hub = hub_use.client(fake.url)
    model = await tiny_model(hub)
    fake.misbehave(Fault(cut_after=1000), side="cdn")
    with pytest.raises(StreamCut, match="broke"):
        await hub.header(model)


@asynccontextmanager
async def opened(reply: Reply, **about: Any) -> AsyncIterator[tuple[RemoteFile, FakeServer]]:
    """A file on a server that gives this reply whatever it is asked for."""
    server = FakeServer()
    server.otherwise = lambda _: reply
    async with running(server):
        hub = hub_use.client(server.url, **about)
        async with hub.open("a/b", "main", "x.gguf") as file:
            yield file, server


async def test_an_answer_that_is_too_short_is_told() -> None:
    part = Reply(b"GGUF", 206, headers={"Content-Range": "bytes 0-999/5000"})
    async with opened(part) as (file, _):
        with pytest.raises(StreamCut, match="broke"):
            await file.read(0, 1000)


@pytest.mark.parametrize("told", ["", "bytes 7-10/5000", "bytes 0-3/*", "nonsense"])
async def test_a_part_that_was_not_asked_for_is_refused(told: str) -> None:
    part = Reply(b"GGUF", 206, headers={"Content-Range": told})
    async with opened(part) as (file, _):
        with pytest.raises(BadReply, match="damaged"):
            await file.read(0, 4)


async def test_a_host_that_falls_silent_is_given_up(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REPLY_SECONDS", 0.3)
    hub = hub_use.client(fake.url)
    model = await tiny_model(hub)
    fake.misbehave(Fault(stall_after=1000), side="cdn")
    with pytest.raises(TimedOut, match="silent"):
        await hub.header(model)
    fake.misbehave(Fault(wait=60), side="hub", path="/resolve/")
    with pytest.raises(TimedOut, match="not begun to answer"):
        await hub.header(model)


@pytest.mark.parametrize("target", ["ftp://elsewhere/x", "file:///etc/passwd", "/again"])
async def test_a_redirect_that_leads_nowhere_is_not_followed(target: str) -> None:
    async with opened(Reply(status=302, headers={"Location": target})) as (file, server):
        with pytest.raises(BadReply, match="page of its own"):
            await file.read(0, 4)
    assert len(server.received) < 10


async def test_a_login_page_in_place_of_a_file_is_known_as_such() -> None:
    page = Reply(b"<html>Hotel</html>", content_type="text/html")
    async with opened(page) as (file, _):
        with pytest.raises(BadReply, match="page of its own"):
            await file.read(0, 4)


async def test_a_redirect_off_this_computer_is_not_followed_while_the_lock_is_closed() -> None:
    lock = net.OfflineLock()
    lock.closed = True
    away = Reply(status=302, headers={"Location": "https://cdn.example/x"})
    async with opened(away, lock=lock) as (file, _):
        with pytest.raises(Misconfigured, match="stay offline"):
            await file.read(0, 4)


async def test_a_cancelled_read_ends_at_once_and_leaves_nothing(fake: FakeHub) -> None:
    hub = hub_use.client(fake.url)
    model = await tiny_model(hub)
    fake.misbehave(Fault(stall_after=1000), side="cdn")
    reading = asyncio.create_task(hub.header(model))
    while not fake.requests(side="cdn"):
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The verdict before the download


async def test_the_verdict_follows_from_the_remote_header(fake: FakeHub, tiny: Path) -> None:
    hub = hub_use.client(fake.url)
    model = await tiny_model(hub)
    found = await hub.header(model)
    roomy, small = (Computer(memory=Memory(size, size)) for size in (8 << 30, SYSTEM_MARGIN))
    judged = verdict.by_header(found, model.size, roomy, Wishes(context=256))
    assert (judged.verdict, judged.context, judged.is_exact) == (Fit.NOW, 256, True)
    assert judged.needed > gguf.read(tiny).weights_size
    assert verdict.by_header(found, model.size, small).verdict is Fit.NEVER
