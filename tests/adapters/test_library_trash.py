"""The trash: what hinders deleting, what comes back, and what is freed later."""

import errno
import os
from pathlib import Path

import pytest

from app.errors import StorageError
from app.library.database import Table
from app.library.trash import Trash
from tests.adapters.library_use import (
    Disk,
    as_another_user,
    folder_of_another_user,
)
from tests.adapters.test_library_removal import delete, planned, tree
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def trash(disk: Disk) -> Trash:
    return Trash(disk.database)


def test_where_one_file_stays_all_stay(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf_small.split(disk.models, "big", 3, "Big")
    before = tree(disk.models)
    plan = planned(disk, "Big")
    rename = Path.rename

    def in_use(self: Path, target: Path) -> Path:
        if self == plan.files[2]:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(StorageError, match="“Big” could not be deleted: it is in use"):
        trash.delete(plan)
    assert tree(disk.models) == before
    assert not (disk.models / ".hearth-trash").exists()
    assert disk.database.read(Table.TRASH) == {}


def test_a_folder_that_may_not_be_changed_is_said() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        with as_another_user():
            file = gguf_small.model(disk.models / "m.gguf", "M")
            plan = planned(disk, "M")
            disk.models.chmod(0o555)
            with pytest.raises(StorageError, match="may not be changed by you"):
                Trash(disk.database).delete(plan)
            assert file.exists()
            disk.models.chmod(0o777)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EROFS, "its drive can only be read"),
        (errno.ENOENT, "not there any more"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_other_hindrances_are_said(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    plan = planned(disk, "M")

    def fail(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StorageError, match=text):
        trash.delete(plan)


def test_on_a_full_drive_a_model_goes_at_once(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    plan = planned(disk, "M")
    mkdir = Path.mkdir

    def full(self: Path, *arguments: object, **options: object) -> None:
        if ".hearth-trash" in self.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", full)
    deleted = trash.delete(plan)
    assert (deleted.can_be_undone, file.exists()) == (False, False)
    with pytest.raises(StorageError, match="cannot be brought back"):
        trash.undo(deleted)


def test_nothing_is_put_over_another_file(disk: Disk, trash: Trash) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    deleted = delete(disk, trash, "M")
    file.write_text("fetched again")
    with pytest.raises(StorageError, match=r"another “m\.gguf” is there"):
        trash.undo(deleted)
    assert file.read_text() == "fetched again"
    file.unlink()
    trash.undo(deleted)
    assert disk.only().name == "M"


def test_what_comes_back_makes_its_folder_anew(disk: Disk, trash: Trash) -> None:
    gguf_small.model(disk.models / "repo" / "m.gguf", "M")
    deleted = delete(disk, trash, "M")
    kept = deleted.moves[0][1].parents[1]
    assert kept.name == ".hearth-trash"
    trash.undo(deleted)
    assert disk.only().name == "M"


def test_the_next_start_empties_the_trash(disk: Disk, trash: Trash) -> None:
    size = gguf_small.model(disk.models / "m.gguf", "M").stat().st_size
    delete(disk, trash, "M")
    assert trash.empty() == 0  # it can still be undone
    assert list(disk.models.iterdir()) == [disk.models / ".hearth-trash"]
    assert Trash(disk.database).empty() == size
    assert list(disk.models.iterdir()) == []
    assert disk.database.read(Table.TRASH) == {}


def test_the_trash_can_be_emptied_at_once(disk: Disk, trash: Trash) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    delete(disk, trash, "M")
    assert trash.empty(with_new=True) > 0
    assert list(disk.models.iterdir()) == []


def test_a_trash_on_an_unplugged_drive_waits(disk: Disk, trash: Trash) -> None:
    drive = disk.base / "drive"
    disk.folders.append(drive)
    gguf_small.model(drive / "m.gguf", "M")
    delete(disk, trash, "M")
    away = drive.rename(disk.base / "unplugged")
    assert Trash(disk.database).empty() == 0
    away.rename(drive)
    assert Trash(disk.database).empty() > 0
    assert list(drive.iterdir()) == []


def test_a_trash_that_was_forgotten_is_found_by_a_look(disk: Disk, trash: Trash) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    delete(disk, trash, "M")
    disk.database.path.unlink()
    library = disk.library()
    library.scan()
    assert trash.empty(library.trash) == 0  # its own can still be undone
    assert Trash(disk.database).empty(library.trash) > 0
    assert list(disk.models.iterdir()) == []


def test_a_link_in_the_trash_never_leads_to_more(disk: Disk, trash: Trash) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    disk.models.mkdir(parents=True)
    (disk.models / "link.gguf").symlink_to(theirs)
    delete(disk, trash, "M")
    (disk.models / ".hearth-trash" / "linked").symlink_to(theirs.parent)
    library = disk.library()
    library.scan()
    Trash(disk.database).empty(library.trash)
    assert theirs.exists()


def test_where_one_file_cannot_come_back_none_does(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf_small.split(disk.models, "big", 3, "Big")
    before = tree(disk.models)
    deleted = delete(disk, trash, "Big")
    in_trash = tree(disk.models)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self == deleted.moves[2][1]:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StorageError, match="“Big” could not be brought back"):
            trash.undo(deleted)
    assert tree(disk.models) == in_trash
    trash.undo(deleted)
    assert tree(disk.models) == before


def test_a_file_that_cannot_be_moved_back_is_not_emptied_later(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf_small.split(disk.models, "big", 2, "Big")
    plan = planned(disk, "Big")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self == plan.files[1] or target == plan.files[0]:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StorageError) as hindered:
            trash.delete(plan)
    assert ".hearth-trash" in hindered.value.remedy
    Trash(disk.database).empty()
    (kept,) = (disk.models / ".hearth-trash").rglob("0")
    assert kept.stat().st_size > 0
