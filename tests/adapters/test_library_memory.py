"""What the library remembers: damaged, of another version, shared by threads and processes."""

import dataclasses
import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest

from app.library import facts
from app.library.database import LibraryDatabase, Row, Table
from tests.adapters.library_use import (
    Disk,
)
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.models.mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"no database"),
        lambda file: file.write_bytes(file.read_bytes()[:5000] + b"\xff" * 20_000),
        lambda file: file.write_bytes(b""),
    ],
    ids=["another file", "cut", "empty"],
)
def test_a_damaged_memory_is_replaced(disk: Disk, spoil: object) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    disk.scan()
    assert callable(spoil)
    spoil(disk.database.path)
    for _ in range(2):
        assert disk.only().name == "M"
    assert len(disk.database.read(Table.FACTS)) == 1


def test_values_that_make_no_sense_are_read_anew(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    size, changed = file.stat().st_size, file.stat().st_mtime_ns
    now = facts.VERSION
    for value in (
        None,
        3,
        {},
        {"version": now, "kind": "cake"},
        {"version": now, "taste": 1},
        {"version": now, "taken": [1]},
        {"version": now, "taken": [None, "x"]},
        {"version": 0, "name": "Old"},
    ):
        disk.database.write(Table.FACTS, {file: Row(value, size, changed)})
        disk.database.write(Table.KNOWN, {file: Row(value)})
        disk.database.write(Table.SOURCES, {file: Row(value, size)})
        disk.database.write(Table.USED, {file: Row(value)})
        assert disk.only().name == "M"


def test_a_memory_of_a_newer_hearth_is_left_alone(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    disk.scan()
    with sqlite3.connect(disk.database.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = disk.database.path.read_bytes()
    assert disk.only().name == "M"
    assert disk.database.path.read_bytes() == before


def test_a_memory_that_cannot_be_written_costs_nothing_else(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    disk.database.path.mkdir(parents=True)  # a folder in its place
    library = disk.library()
    assert [model.name for model in library.scan().models] == ["M"]
    assert [model.name for model in library.scan().models] == ["M"]


def _write(path: Path, first: int) -> None:
    database = LibraryDatabase(path)
    for number in range(first, first + 20):
        assert database.write(Table.USED, {Path(f"/{number}"): Row(number)})


def test_processes_share_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(path, start)) for start in (0, 100)]
    for process in processes:
        process.start()
    _write(path, 200)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(LibraryDatabase(path).read(Table.USED)) == 60


def test_several_threads_may_look_at_once(disk: Disk) -> None:
    for number in range(20):
        gguf_small.model(disk.models / f"{number}.gguf", str(number))
    library = disk.library()
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(len(library.scan().models))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20] * 4


def test_facts_of_an_older_version_are_renewed_with_what_a_load_takes(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    taken = disk.only().taken
    assert taken is not None
    assert 0 < taken.least < taken.usual
    row = disk.database.read(Table.FACTS)[file]
    assert row.value["taken"] == list(dataclasses.astuple(taken))
    older = {**row.value, "version": 3, "working": 7}
    del older["taken"]
    disk.database.write(Table.FACTS, {file: row._replace(value=older)})
    assert disk.only().taken == taken
    assert disk.database.read(Table.FACTS)[file] == row
