"""What duplicates and deleting really free, and which folders go with a model."""

import os
import shutil
from pathlib import Path

import pytest

from app.errors import StorageError
from app.library import duplicates, removal
from app.library.database import Row, Table
from app.library.records import Source
from app.library.trash import Deleted, Trash
from tests.adapters.library_use import Disk, OllamaStore, by_name, hub_file
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def trash(disk: Disk) -> Trash:
    return Trash(disk.database)


def fetched(disk: Disk, file: str = "owner/repo/m.gguf") -> Path:
    """A model that Hearth has fetched into its own folder."""
    owner, repo, *inside = file.split("/")
    path = gguf_small.model(disk.models / file, "M")
    disk.library().fetched(path, Source(f"{owner}/{repo}", "/".join(inside), "abc"))
    return path


def planned(disk: Disk, name: str = "M") -> removal.Removal:
    models = disk.scan().models
    return removal.plan(next(model for model in models if model.name == name), models)


def freed(disk: Disk) -> list[int]:
    files = [file for model in disk.scan().models for file in model.files]
    return [each.could_be_freed for each in duplicates.search(files, disk.database)]


def test_a_copy_with_a_second_name_frees_what_the_other_copy_has(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "a.gguf", "A")
    copy = Path(shutil.copy(file, disk.models / "b.gguf"))
    os.link(copy, disk.base / "elsewhere")
    assert freed(disk) == [file.stat().st_size]
    os.link(file, disk.base / "elsewhere too")
    assert freed(disk) == [], "deleting either leaves its other name"


def test_links_to_copies_free_nothing(disk: Disk) -> None:
    file = gguf_small.model(disk.base / "out" / "a.gguf", "A")
    copy = Path(shutil.copy(file, disk.base / "out" / "b.gguf"))
    disk.models.mkdir(parents=True)
    for each in (file, copy):
        (disk.models / each.name).symlink_to(each)
    assert freed(disk) == []
    disk.folders.append(disk.base / "out")
    assert freed(disk) == [file.stat().st_size]


def test_a_link_of_the_hub_s_cache_frees_its_content(disk: Disk) -> None:
    file = gguf_small.model(disk.base / "m.gguf", "M")
    for repo in ("a/One-GGUF", "b/Two-GGUF", "c/Three-GGUF"):
        hub_file(disk.home / ".cache" / "huggingface" / "hub", repo, "m.gguf", file)
    assert freed(disk) == [2 * file.stat().st_size]


def test_hashes_of_files_that_are_gone_are_forgotten_and_of_drives_not(disk: Disk) -> None:
    drive = disk.base / "drive"
    disk.folders.append(drive)
    file = gguf_small.model(disk.models / "a.gguf", "A")
    copies = [
        Path(shutil.copy(file, folder / f"{name}.gguf"))
        for name, folder in (("b", disk.models), ("c", disk.models))
    ]
    drive.mkdir()
    there = Path(shutil.copy(file, drive / "d.gguf"))
    assert freed(disk) == [3 * file.stat().st_size]
    copies[1].unlink()
    drive.rename(disk.base / "unplugged")
    assert freed(disk) == [file.stat().st_size]
    assert disk.database.read(Table.HASHES).keys() == {file, copies[0], there}


@pytest.mark.parametrize("file", ["owner/repo/m.gguf", "owner/repo/0a1b2c3d/Q8_0/m.gguf"])
def test_folders_that_a_download_made_go_with_the_last_model(
    disk: Disk, trash: Trash, file: str
) -> None:
    fetched(disk, file)
    trash.purge(trash.delete(planned(disk)))
    assert list(disk.models.iterdir()) == []


def test_folders_with_something_else_in_them_stay(disk: Disk, trash: Trash) -> None:
    path = fetched(disk)
    note = path.with_name("note.txt")
    note.write_text("mine")
    trash.purge(trash.delete(planned(disk)))
    assert [each for each in disk.models.rglob("*") if each.is_file()] == [note]
    note.unlink()
    (disk.models / "owner" / "another").mkdir()
    fetched(disk)
    trash.purge(trash.delete(planned(disk)))
    assert [each.name for each in disk.models.rglob("*")] == ["owner", "another"]


def test_folders_of_the_person_s_own_stay(disk: Disk, trash: Trash) -> None:
    path = gguf_small.model(disk.models / "favourites" / "m.gguf", "M")
    trash.purge(trash.delete(planned(disk)))
    assert path.parent.is_dir()


def test_folders_of_a_download_go_when_the_next_start_empties_the_trash(
    disk: Disk, trash: Trash
) -> None:
    path = fetched(disk)
    deleted = trash.delete(planned(disk))
    assert deleted.can_be_undone
    assert path.parent.is_dir()
    assert Trash(disk.database).empty() == deleted.frees
    assert list(disk.models.iterdir()) == []


def test_what_comes_back_keeps_its_folders(disk: Disk, trash: Trash) -> None:
    path = fetched(disk)
    trash.undo(trash.delete(planned(disk)))
    assert Trash(disk.database).empty() == 0
    assert path.exists()


def test_a_trash_noted_by_an_older_hearth_is_emptied_too(disk: Disk, trash: Trash) -> None:
    path = fetched(disk)
    trash.delete(planned(disk))
    noted = disk.database.read(Table.TRASH)
    disk.database.write(Table.TRASH, {folder: Row(True) for folder in noted})
    Trash(disk.database).empty()
    assert list(path.parent.iterdir()) == []


def test_only_folders_of_a_trash_are_emptied(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "owner" / "m.gguf", "M")
    disk.database.write(Table.TRASH, {file.parent: Row([]), disk.home: Row([])})
    assert Trash(disk.database).empty() == 0
    assert file.exists()


def test_nothing_is_made_where_a_drive_was(disk: Disk, trash: Trash) -> None:
    drive = disk.base / "drive"
    disk.folders.append(drive)
    gguf_small.model(drive / "models" / "m.gguf", "M")
    deleted = trash.delete(planned(disk))
    drive.rename(disk.base / "unplugged")
    with pytest.raises(StorageError, match="cannot be brought back: its drive is not there now"):
        trash.undo(deleted)
    assert not drive.exists()
    (disk.base / "unplugged").rename(drive)
    trash.undo(deleted)
    assert disk.only().name == "M"


def test_a_name_that_was_taken_meanwhile_is_free_again_later(disk: Disk, trash: Trash) -> None:
    path = gguf_small.model(disk.models / "m.gguf", "M")
    before = path.read_bytes()
    deleted = trash.delete(planned(disk))
    gguf_small.model(path, "Another")
    with pytest.raises(StorageError, match=r"another “m\.gguf” is there"):
        trash.undo(deleted)
    second = trash.delete(planned(disk, "Another"))
    trash.undo(deleted)
    assert path.read_bytes() == before
    with pytest.raises(StorageError, match="is there"):
        trash.undo(second)
    assert path.read_bytes() == before


def test_a_deletion_that_the_person_stops_leaves_everything(
    disk: Disk, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = gguf_small.split(disk.models, "big", 3, "Big")
    plan, rename = planned(disk, "Big"), Path.rename

    def stopped(self: Path, target: Path) -> Path:
        if self == parts[2]:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        trash.delete(plan)
    assert sorted(disk.models.iterdir()) == parts


def test_an_adapter_of_ollama_is_deleted_by_its_model_s_name(disk: Disk) -> None:
    store = OllamaStore(disk.home / ".ollama" / "models")
    made = gguf_small.model(disk.base / "w.gguf", "W"), gguf_small.adapter(disk.base / "a.gguf")
    weights, adapter = (store.blob(file.read_bytes()) for file in made)
    store.manifest("registry.ollama.ai/library/w/1b", {"model": weights, "adapter": adapter})
    snapshot = disk.scan()
    with pytest.raises(Exception, match="belongs to Ollama") as caught:
        removal.plan(by_name(snapshot)["w:1b (adapter)"], snapshot.models)
    assert str(getattr(caught.value, "remedy", "")).endswith("ollama rm w:1b")


def test_what_was_deleted_knows_its_folders(disk: Disk, trash: Trash) -> None:
    path = fetched(disk, "owner/repo/Q8_0/m.gguf")
    deleted: Deleted = trash.delete(planned(disk))
    assert deleted.made == (path.parent, path.parent.parent, disk.models / "owner")
