"""The small parts of the downloads: pauses, speeds, who goes first, and what is kept."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.library.downloads.job import Job
from app.library.downloads.line import Line, chosen
from app.library.downloads.pace import Meter, SpeedLimit
from app.library.downloads.patience import Patience
from app.library.downloads.progress import Progress
from app.library.downloads.stored import Entry, Queue, QueueFile
from app.library.downloads.work import key_of
from app.library.records import HubFile, HubModel, Stage

MODEL = HubModel("someone/Model", "0" * 40, "m", (HubFile("m.gguf", 1000, "ab"),))


def job(name: str, stage: Stage = Stage.WAITING) -> Job:
    progress = Progress(lambda: None)
    progress.show(stage)
    return Job(name, MODEL, Path("models"), datetime.now(UTC), progress)


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    patience = Patience(chance=lambda: 0.0)
    assert [patience.pause() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    for _ in range(5000):
        assert patience.pause() == 60
    patience.succeeded()
    assert patience.pause() == 0.5


def test_pauses_differ_a_little_and_are_never_shorter_than_the_server_wants() -> None:
    pauses = {Patience().pause() for _ in range(50)}
    assert len(pauses) > 10
    assert all(0.375 <= pause <= 0.5 for pause in pauses)
    assert Patience().pause(wanted=90) == 90


def test_the_speed_is_that_of_the_last_seconds() -> None:
    now = 0.0
    meter = Meter(lambda: now)
    meter.restart()
    for _ in range(40):
        now += 0.25
        meter.total += 250
        meter.speed()
    assert meter.speed() == pytest.approx(1000)
    for _ in range(40):
        now += 0.25
        meter.total += 25
        meter.speed()
    assert meter.speed() == pytest.approx(100)
    now += 6
    assert meter.speed() == 0


async def test_a_limit_asks_for_pauses_and_can_be_lifted_in_the_middle_of_one() -> None:
    limit = SpeedLimit(1000)
    assert limit.piece < 2000
    assert limit.owed(2000) == pytest.approx(2, abs=0.1)
    assert limit.owed(1000) == pytest.approx(3, abs=0.1)  # shared by all transfers
    waiting = asyncio.create_task(limit.wait())
    await asyncio.sleep(0)
    limit.set(0)
    limit.release()
    async with asyncio.timeout(1):
        await waiting
    assert limit.owed(10**9) == 0
    assert limit.piece == 1 << 20


def test_the_first_that_can_run_runs() -> None:
    first, second, third = job("a"), job("b"), job("c")
    line = [first, second, third]
    assert chosen(line, 1) == [first]
    assert chosen(line, 2) == [first, second]
    first.is_paused = True
    assert chosen(line, 1) == [second]
    second.is_failed = True
    assert chosen(line, 1) == [third]
    third.progress.show(Stage.DONE)
    assert chosen(line, 1) == []


def test_who_waits_for_long_lets_the_next_one_pass_and_goes_on_waiting() -> None:
    first, second, third = job("a"), job("b"), job("c")
    first.progress.lets_others_pass = True
    assert chosen([first, second, third], 1) == [first, second]


def test_moving_keeps_the_others_in_their_order() -> None:
    line = Line()
    for name in "abcd":
        line.add(job(name))
    line.move("c", 0)
    assert [one.id for one in line.jobs] == ["c", "a", "b", "d"]
    line.move("c", 99)
    line.move("a", -5)
    line.move("unknown", 0)
    assert [one.id for one in line.jobs] == ["a", "b", "d", "c"]


def test_the_queue_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "data" / "downloads.json"
    entry = Entry(model=MODEL, folder=Path("/models"), added=datetime.now(UTC), is_paused=True)
    file = QueueFile(path)
    assert file.open() == Queue()
    assert file.write(Queue(downloads=[entry], litter=[Path("/x")]))
    other = QueueFile(path)
    assert other.open() == Queue()  # it is the first one's
    other.write(Queue())
    file.close()
    again = QueueFile(path)
    assert again.open() == Queue(downloads=[entry], litter=[Path("/x")])
    again.close()


@pytest.mark.parametrize(
    "text", ['{"version": 2}', "[]", "{", '{"downloads": [{"model": 1}]}', "\xff"]
)
def test_a_queue_of_another_kind_is_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "downloads.json"
    path.write_text(text, encoding="latin-1")
    file = QueueFile(path)
    assert file.open() == Queue()
    file.close()
    assert path.with_name("downloads.json.bak").read_text(encoding="latin-1") == text


def test_the_same_files_of_the_same_version_have_the_same_key() -> None:
    same = HubModel("someone/Model", "0" * 40, "another name", MODEL.files)
    newer = HubModel("someone/Model", "1" * 40, "m", MODEL.files)
    assert key_of(same) == key_of(MODEL) != key_of(newer)
