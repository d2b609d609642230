"""Downloads that end well: from the first request to a verified file in the library."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import BadReply
from app.library.records import Download, HubFile, HubModel, Stage
from tests.adapters.downloading import (
    CDN,
    FILE,
    HUB,
    MIB,
    REPO,
    ended,
    in_library,
    left_over,
    model,
    one,
    running,
    sha256,
    until,
)
from tests.fakes.hub.content import Content
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub

TOKEN = "hf_0123456789"


async def test_a_file_arrives_whole_and_nothing_else_is_left(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(5 * MIB + 17, seed=1)})
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        done = await ended(downloads, key)
    assert done.stage is Stage.DONE, done
    assert done.files == (folder / REPO / FILE,)
    assert sha256(done.files[0]) == repo.files()[FILE].sha256
    assert (done.done, done.total) == (5 * MIB + 17, 5 * MIB + 17)
    assert left_over(folder) == []


async def test_the_library_sees_nothing_before_the_end(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(3 * MIB)})
    fake.misbehave(Fault(stall_after=2 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.done >= 2 * MIB)
        assert in_library(folder) == []
        fake.disconnect()
        await ended(downloads, key)
    assert in_library(folder) == [FILE]


async def test_the_parts_of_a_split_model_appear_together(fake: FakeHub, folder: Path) -> None:
    names = [f"split/Big-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    repo = fake.add(REPO, {name: Content(MIB + at, seed=at) for at, name in enumerate(names)})
    fake.misbehave(Fault(stall_after=100), side=CDN, path="-00003-of")
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        await until(downloads, key, lambda item: item.done > 2 * MIB + 50)
        assert in_library(folder) == []
        fake.disconnect()
        done = await ended(downloads, key)
    assert [path.relative_to(folder / REPO).as_posix() for path in done.files] == names
    assert [sha256(path) for path in done.files] == [one.sha256 for one in repo.files().values()]


async def test_a_small_file_without_a_hash_is_checked_by_its_git_name(
    fake: FakeHub, folder: Path
) -> None:
    repo = fake.add(REPO, {"small.gguf": Content.of(b"GGUF and a little more")})
    fake.misbehave(Fault(corrupt=(3,)), side=HUB, method="GET")
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert done.files[0].read_bytes() == b"GGUF and a little more"


async def test_an_empty_file_is_whole_at_once(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {"empty.gguf": Content.of(b"")})
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert done.files[0].read_bytes() == b""


async def test_the_token_never_goes_to_the_second_host(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)}, is_gated=True)
    fake.tokens |= {TOKEN}
    fake.granted |= {TOKEN}
    async with running(fake, token=TOKEN) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert [request.token for request in fake.requests(HUB)] == [TOKEN]
    assert ["authorization" in request.headers for request in fake.requests(CDN)] == [False]


async def test_a_renamed_repository_is_followed_with_the_token(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)}, is_private=True)
    fake.tokens |= {TOKEN}
    target = f"/{REPO}/resolve/{repo.head}/{FILE}"
    fake.misbehave(Fault(status=307, headers={"Location": target}), side=HUB)
    async with running(fake, token=TOKEN) as downloads:
        wanted = replace(model(repo), repo="someone/Old-Name")
        done = await ended(downloads, downloads.add(wanted, folder))
    assert done.stage is Stage.DONE, done
    assert [request.token for request in fake.requests(HUB)] == [TOKEN, TOKEN]


async def test_a_model_that_lies_there_already_is_not_fetched_again(
    fake: FakeHub, folder: Path
) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)})
    (folder / REPO).mkdir(parents=True)
    (folder / REPO / FILE).write_bytes(Content(MIB).read(0, MIB))
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
    assert done.stage is Stage.DONE, done
    assert fake.received == []


async def test_another_file_of_that_name_stays_as_it_is(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)})
    mine = folder / REPO / FILE
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(model(repo), folder))
        assert done.files == (folder / REPO / repo.head[:8] / FILE,)
        assert sha256(done.files[0]) == repo.files()[FILE].sha256
        downloads.cancel(done.id)
        done.files[0].write_bytes(b"mine as well")
        failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert "is another file" in failed.message
    assert mine.read_bytes() == b"mine"
    assert done.files[0].read_bytes() == b"mine as well"


async def test_a_link_out_of_the_models_folder_is_not_followed(
    fake: FakeHub, folder: Path, tmp_path: Path
) -> None:
    repo = fake.add(REPO, {FILE: Content(MIB)})
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "someone").symlink_to(tmp_path / "elsewhere")
    async with running(fake) as downloads:
        failed = await ended(downloads, downloads.add(model(repo), folder))
    assert failed.stage is Stage.FAILED
    assert "leads out of the models folder" in failed.message
    assert list((tmp_path / "elsewhere").rglob("*.gguf")) == []


@pytest.mark.parametrize("name", ["../evil.gguf", "/etc/evil.gguf", "C:\\evil.gguf", "a/../b.gguf"])
async def test_a_name_that_leads_elsewhere_is_refused_at_once(
    fake: FakeHub, folder: Path, name: str
) -> None:
    async with running(fake) as downloads:
        with pytest.raises(BadReply, match="is not made"):
            downloads.add(HubModel(REPO, "0" * 40, "evil", (HubFile(name, 4),)), folder)
        assert downloads.items == ()


async def test_listeners_are_told_on_the_loop_that_started(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(2 * MIB)})
    heard: list[tuple[threading.Thread, Download]] = []
    async with running(fake) as downloads:
        unsubscribe = downloads.subscribe(
            lambda items: heard.extend((threading.current_thread(), item) for item in items)
        )
        key = downloads.add(model(repo), folder)
        async with asyncio.timeout(10):
            while not any(item.stage is Stage.DONE for _, item in heard):
                await asyncio.sleep(0.01)
        unsubscribe()
        count = len(heard)
        downloads.cancel(key)
        await asyncio.sleep(0.05)
    assert {thread for thread, _ in heard} == {threading.current_thread()}
    assert len(heard) == count


async def test_speed_and_the_time_left_are_told(fake: FakeHub, folder: Path) -> None:
    repo = fake.add(REPO, {FILE: Content(3 * MIB)})
    fake.misbehave(Fault(rate=2 * MIB), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(model(repo), folder)
        now = await until(downloads, key, lambda item: item.speed > 0 and item.done > MIB)
        assert now.speed < 6 * MIB
        assert now.seconds_left is not None
        assert 0 < now.seconds_left < 10
        await ended(downloads, key)
        assert one(downloads, key).seconds_left is None
