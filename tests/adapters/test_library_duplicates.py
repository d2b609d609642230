"""Files with the same content are found; nothing is read more often than needed."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from app.library import duplicates
from app.library.database import LibraryDatabase, Row, Table
from tests.adapters.library_use import Disk, OllamaStore, age
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were hashed as a whole, known or not."""
    seen: list[Path] = []
    write = LibraryDatabase.write

    def counted(self: LibraryDatabase, table: Table, rows: dict[Path, Row]) -> bool:
        seen.extend(rows)
        return write(self, table, rows)

    monkeypatch.setattr(LibraryDatabase, "write", counted)
    return seen


def write(folder: Path, **contents: bytes) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, content in contents.items():
        files.append(folder / f"{name}.gguf")
        files[-1].write_bytes(content)
    return files


async def test_the_same_model_of_two_programs_is_a_duplicate(disk: Disk) -> None:
    weights = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    store = OllamaStore(disk.home / ".ollama" / "models")
    digest = store.blob(weights.read_bytes())
    store.manifest("registry.ollama.ai/library/m/latest", {"model": digest})
    gguf_small.model(disk.models / "other.gguf", "O")
    progress: list[tuple[int, int]] = []
    found = await duplicates.find(
        disk.scan().models, disk.database, lambda done, total: progress.append((done, total))
    )
    (duplicate,) = found
    assert set(duplicate.files) == {weights, store.path(digest)}
    assert duplicate.sha256 == digest.removeprefix("sha256:")
    assert duplicate.could_be_freed == weights.stat().st_size
    assert progress[-1] == (2 * weights.stat().st_size, 2 * weights.stat().st_size)


def test_only_files_of_one_size_and_sample_are_hashed(disk: Disk, hashed: list[Path]) -> None:
    files = write(
        disk.models,
        a=b"1" * 500_000,
        b=b"1" * 500_000,
        c=b"2" * 500_000,  # another sample
        d=b"1" * 499_999,  # another size
        e=b"1" * 100_000 + b"9" + b"1" * 399_999,  # differs between the samples
    )
    (duplicate,) = duplicates.search(files, disk.database)
    assert duplicate.files == tuple(files[:2])
    assert set(hashed) == {files[0], files[1], files[4]}


def test_what_was_hashed_is_not_hashed_again_until_it_changes(
    disk: Disk, hashed: list[Path]
) -> None:
    files = write(disk.models, a=b"same", b=b"same")
    duplicates.search(files, disk.database)
    hashed.clear()
    assert len(duplicates.search(files, disk.database)) == 1
    assert hashed == []
    age(files[0])
    assert len(duplicates.search(files, disk.database)) == 1
    assert hashed == [files[0]]


def test_other_names_of_one_file_are_no_duplicates(disk: Disk) -> None:
    files = write(disk.models, a=b"same")
    os.link(files[0], disk.models / "hard.gguf")
    (disk.models / "soft.gguf").symlink_to(files[0])
    files += [disk.models / "hard.gguf", disk.models / "soft.gguf"]
    assert duplicates.search(files, disk.database) == ()
    files += write(disk.models, copy=b"same")
    (duplicate,) = duplicates.search(files, disk.database)
    assert duplicate.files == (files[0], files[-1])


def test_empty_missing_and_odd_files_are_passed_over(disk: Disk) -> None:
    files = write(disk.models, a=b"", b=b"")
    files += [disk.models / "gone.gguf", disk.models]
    assert duplicates.search(files, disk.database) == ()


def test_what_frees_most_comes_first(disk: Disk) -> None:
    files = write(disk.models, a=b"1" * 10, b=b"1" * 10, c=b"2" * 7, d=b"2" * 7, e=b"2" * 7)
    found = duplicates.search(files, disk.database)
    assert [each.could_be_freed for each in found] == [14, 10]


async def test_a_cancelled_search_ends_its_thread(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "STEP", 1024)
    for name in ("a", "b"):
        gguf_small.model(disk.models / f"{name}.gguf", "M")
        with (disk.models / f"{name}.gguf").open("ab") as file:
            file.write(bytes(3_000_000))
    has_begun, may_go_on = threading.Event(), threading.Event()
    hashing = duplicates._Hasher._advance

    def slow(self: duplicates._Hasher, count: int) -> None:
        has_begun.set()
        assert may_go_on.wait(10)
        hashing(self, count)

    monkeypatch.setattr(duplicates._Hasher, "_advance", slow)
    task = asyncio.create_task(duplicates.find(disk.scan().models, disk.database))
    await asyncio.to_thread(has_begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert disk.database.read(Table.HASHES) == {}


async def test_models_that_are_away_are_not_compared(disk: Disk) -> None:
    drive = disk.base / "drive"
    for folder in (drive, disk.models):
        gguf_small.model(folder / "m.gguf", "M")
    disk.folders.append(drive)
    assert len(await duplicates.find(disk.scan().models, disk.database)) == 1
    drive.rename(disk.base / "unplugged")
    assert await duplicates.find(disk.scan().models, disk.database) == ()
