"""The queue: its order, pausing, cancelling, the speed limit, and what survives the program."""

import asyncio
import json
import time
from pathlib import Path

from app.library.records import HubModel, Stage
from tests.adapters.downloading import (
    CDN,
    HUB,
    MIB,
    ended,
    in_library,
    left_over,
    one,
    ranges,
    running,
    sha256,
    starts,
    until,
)
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.server import FakeHub


def fetched(fake: FakeHub) -> list[str]:
    """The files in the order in which they were asked for."""
    return [request.path.rpartition("/")[2] for request in fake.requests(CDN)]


async def test_one_is_fetched_after_the_other(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake) as downloads:
        keys = [downloads.add(each, folder) for each in models]
        await until(downloads, keys[0], lambda item: item.done == MIB)
        assert [item.stage for item in downloads.items][1:] == [Stage.WAITING] * 2
        fake.disconnect()
        for key in keys:
            await ended(downloads, key)
    assert fetched(fake) == ["a.gguf", "a.gguf", "b.gguf", "c.gguf"]


async def test_the_first_in_the_queue_goes_first_from_the_moment_it_is_moved_there(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake) as downloads:
        keys = [downloads.add(each, folder) for each in models]
        await until(downloads, keys[0], lambda item: item.done == MIB)
        downloads.move(keys[2], 0)
        assert [item.id for item in downloads.items] == [keys[2], keys[0], keys[1]]
        for key in keys:
            await ended(downloads, key)
    assert fetched(fake) == ["a.gguf", "c.gguf", "a.gguf", "b.gguf"]
    assert starts(fake)[2] == MIB


async def test_one_that_waits_for_the_network_lets_the_others_pass(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(status=503, headers={"Retry-After": "900"}), side=CDN)
    async with running(fake) as downloads:
        keys = [downloads.add(each, folder) for each in models]
        await ended(downloads, keys[2])
        assert one(downloads, keys[0]).stage is Stage.STALLED
        downloads.wake()
        await ended(downloads, keys[0])


async def test_one_that_failed_lets_the_others_pass(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(status=404, code="EntryNotFound"), side=HUB)
    async with running(fake) as downloads:
        keys = [downloads.add(each, folder) for each in models]
        await ended(downloads, keys[2])
        assert one(downloads, keys[0]).stage is Stage.FAILED


async def test_pause_and_resume_go_on_at_the_same_byte(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    fake.misbehave(Fault(stall_after=1_234_567), side=CDN)
    async with running(fake) as downloads:
        key = downloads.add(models[0], folder)
        await until(downloads, key, lambda item: item.done == 1_234_567)
        downloads.pause(key)
        assert one(downloads, key).stage is Stage.PAUSED
        await asyncio.sleep(0.1)
        assert len(fake.requests(CDN)) == 1
        assert one(downloads, key).done == 1_234_567
        downloads.resume(key)
        await ended(downloads, key)
    assert ranges(fake) == ["", "bytes=1234567-"]


async def test_a_paused_one_stays_paused_over_a_restart_and_the_others_go_on(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    fake.misbehave(Fault(stall_after=1_234_567), side=CDN, times=2)
    async with running(fake, file) as downloads:
        first, second, third = (downloads.add(each, folder) for each in models)
        await until(downloads, first, lambda item: item.done == 1_234_567)
        downloads.pause(first)
        await until(downloads, second, lambda item: item.done == 1_234_567)
        downloads.move(third, 0)
        downloads.move(second, 0)
    async with running(fake, file) as downloads:
        assert [item.id for item in downloads.items] == [second, third, first]
        assert one(downloads, first).stage is Stage.PAUSED
        assert one(downloads, first).done == 1_234_567
        await ended(downloads, second)
        await ended(downloads, third)
        assert one(downloads, first).stage is Stage.PAUSED
        downloads.resume(first)
        await ended(downloads, first)
    assert fetched(fake) == ["a.gguf", "b.gguf", "b.gguf", "c.gguf", "a.gguf"]
    assert starts(fake)[2] == starts(fake)[4] == 1_234_567


async def test_what_is_done_does_not_come_back_after_a_restart(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    async with running(fake, file) as downloads:
        await ended(downloads, downloads.add(models[0], folder))
    async with running(fake, file) as downloads:
        assert downloads.items == ()
    assert in_library(folder) == ["a.gguf"]


async def test_cancelling_removes_what_has_come(
    fake: FakeHub, models: list[HubModel], folder: Path, file: Path
) -> None:
    fake.misbehave(Fault(stall_after=MIB), side=CDN)
    async with running(fake, file) as downloads:
        key = downloads.add(models[0], folder)
        await until(downloads, key, lambda item: item.done == MIB)
        downloads.cancel(key)
        assert downloads.items == ()
        async with asyncio.timeout(10):
            while left_over(folder):
                await asyncio.sleep(0.01)
        again = downloads.add(models[0], folder)
        await ended(downloads, again)
    assert starts(fake) == [0, 0]
    assert json.loads(file.read_text())["litter"] == []


async def test_cancelling_one_that_is_done_keeps_the_model(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    async with running(fake) as downloads:
        done = await ended(downloads, downloads.add(models[0], folder))
        downloads.cancel(done.id)
        assert downloads.items == ()
    assert sha256(done.files[0]) == models[0].files[0].sha256


async def test_the_same_model_is_not_in_the_queue_twice(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    async with running(fake) as downloads:
        key = downloads.add(models[0], folder)
        downloads.pause(key)
        assert downloads.add(models[0], folder) == key
        assert len(downloads.items) == 1
        assert (await ended(downloads, key)).stage is Stage.DONE


async def test_the_speed_limit_holds_and_can_be_lifted(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    async with running(fake, speed_limit=MIB // 2) as downloads:
        key = downloads.add(models[0], folder)
        began = time.monotonic()
        await until(downloads, key, lambda item: item.done > MIB // 2)
        assert time.monotonic() - began > 0.8
        downloads.set_speed_limit(0)
        assert (await ended(downloads, key)).stage is Stage.DONE


async def test_waiting_for_the_speed_limit_is_no_stall(
    fake: FakeHub, models: list[HubModel], folder: Path
) -> None:
    seen: set[Stage] = set()
    async with running(fake, silence=1.5, speed_limit=1000) as downloads:
        downloads.subscribe(lambda items: seen.update(item.stage for item in items))
        key = downloads.add(models[0], folder)
        await until(downloads, key, lambda item: item.done > 0)
        await asyncio.sleep(1.8)  # the first piece alone is worth more than that
        downloads.set_speed_limit(0)
        await ended(downloads, key)
    assert Stage.STALLED not in seen
    assert len(ranges(fake)) == 1


async def test_a_queue_that_cannot_be_read_is_set_aside(fake: FakeHub, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{half")
    async with running(fake, file) as downloads:
        assert downloads.items == ()
    assert file.with_name("downloads.json.bak").read_text() == "{half"
