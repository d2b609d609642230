"""Drives that are unplugged grey their models out and bring them back; what was deleted is gone."""

import shutil
from pathlib import Path

import pytest

from app.library import absent
from app.library.database import Table
from app.library.records import LibraryModel, Presence
from tests.adapters.library_use import Disk, OllamaStore, by_name, hub_file
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.models.mkdir(parents=True)
    return made


@pytest.fixture
def drive(disk: Disk) -> Path:
    """A drive with a folder of models that the person chose."""
    folder = disk.base / "drive"
    gguf_small.split(folder / "models", "big", 2, "Big", general__license="mit")
    gguf_small.model(folder / "models" / "sub" / "small.gguf", "Small")
    disk.folders.append(folder / "models")
    return folder


def unplug(drive: Path) -> Path:
    return drive.rename(drive.with_name("unplugged"))


def presences(disk: Disk) -> dict[str, Presence]:
    return {name: model.presence for name, model in by_name(disk.scan()).items()}


def test_models_of_an_unplugged_drive_are_away_and_come_back(disk: Disk, drive: Path) -> None:
    gguf_small.model(disk.models / "mine.gguf", "Mine")
    before = disk.scan()
    away = unplug(drive)
    snapshot = disk.scan()
    found = by_name(snapshot)
    assert {name: model.presence for name, model in found.items()} == {
        "Mine": Presence.HERE,
        "Big": Presence.AWAY,
        "Small": Presence.AWAY,
    }
    here: LibraryModel = by_name(before)["Big"]
    for name in (
        "path", "files", "size", "kind", "features", "licence", "parameters", "modified", "taken",
    ):  # fmt: skip
        assert getattr(found["Big"], name) == getattr(here, name), name
    (problem,) = snapshot.problems
    assert problem.folder == drive / "models"
    assert "is not there now" in problem.reason
    assert [info.name for info in disk.library().infos()] == ["Mine"]
    away.rename(drive)
    assert disk.scan() == before


def test_away_models_stay_away_over_many_starts(disk: Disk, drive: Path) -> None:
    disk.scan()
    unplug(drive)
    for _ in range(3):
        assert presences(disk) == {"Big": Presence.AWAY, "Small": Presence.AWAY}
    library = disk.library()
    library.scan()
    assert len(library.scan().models) == 2


def test_a_model_that_was_deleted_is_gone(disk: Disk, drive: Path) -> None:
    disk.scan()
    shutil.rmtree(drive / "models" / "sub")
    assert presences(disk) == {"Big": Presence.HERE}
    unplug(drive)
    assert presences(disk) == {"Big": Presence.AWAY}


def test_a_folder_that_is_no_longer_chosen_takes_its_models_along(disk: Disk, drive: Path) -> None:
    disk.scan()
    unplug(drive)
    disk.scan()
    disk.folders.clear()
    assert presences(disk) == {}
    disk.folders.append(drive / "models")
    assert presences(disk) == {}


def test_an_empty_mount_point_counts_as_unplugged(disk: Disk, drive: Path) -> None:
    folder = drive / "models"
    disk.mounts[folder] = str(drive)
    disk.scan()
    shutil.rmtree(folder)
    folder.mkdir()
    disk.mounts[folder] = "/"
    assert presences(disk) == {"Big": Presence.AWAY, "Small": Presence.AWAY}
    assert presences(disk) == {"Big": Presence.AWAY, "Small": Presence.AWAY}
    disk.mounts[folder] = str(drive)
    assert presences(disk) == {}  # the drive is back, and they were deleted there


def test_a_folder_that_was_moved_to_another_drive_is_there(disk: Disk, drive: Path) -> None:
    folder = drive / "models"
    disk.mounts[folder] = str(drive)
    disk.scan()
    (folder / "sub" / "small.gguf").unlink()
    disk.mounts[folder] = "/"
    assert presences(disk) == {"Big": Presence.HERE}


def test_a_linked_folder_or_file_on_another_drive_is_away_with_it(disk: Disk) -> None:
    drive = disk.base / "drive"
    gguf_small.model(drive / "a" / "one.gguf", "One")
    gguf_small.model(drive / "two.gguf", "Two")
    (disk.models / "linked").symlink_to(drive / "a")
    (disk.models / "two.gguf").symlink_to(drive / "two.gguf")
    assert set(presences(disk)) == {"One", "Two"}
    away = unplug(drive)
    assert presences(disk) == {"One": Presence.AWAY, "Two": Presence.AWAY}
    away.rename(drive)
    assert presences(disk) == {"One": Presence.HERE, "Two": Presence.HERE}


def test_a_program_s_store_on_another_drive_is_away_with_it(disk: Disk) -> None:
    drive = disk.base / "drive"
    weights = gguf_small.model(disk.base / "w.gguf")
    store = OllamaStore(drive / "ollama")
    digest = store.blob(weights.read_bytes())
    store.manifest("registry.ollama.ai/library/x/latest", {"model": digest})
    hub_file(drive / "hub", "a/b", "m.gguf", gguf_small.model(disk.base / "m.gguf", "Hub"))
    disk.environ = {"OLLAMA_MODELS": str(store.folder), "HF_HUB_CACHE": str(drive / "hub")}
    assert presences(disk) == {"x:latest": Presence.HERE, "Hub": Presence.HERE}
    unplug(drive)
    assert presences(disk) == {"x:latest": Presence.AWAY, "Hub": Presence.AWAY}
    assert by_name(disk.scan())["x:latest"].program == "Ollama"
    disk.other_programs = False
    assert presences(disk) == {}


def test_a_program_that_was_removed_takes_its_models_along(disk: Disk) -> None:
    gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    assert presences(disk) == {"M": Presence.HERE}
    shutil.rmtree(disk.home / ".lmstudio")
    assert presences(disk) == {}


def test_a_recent_file_is_away_with_its_drive_and_gone_when_deleted(disk: Disk) -> None:
    drive = disk.base / "drive"
    file = gguf_small.model(drive / "m.gguf", "M")
    disk.recent = [file]
    assert presences(disk) == {"M": Presence.HERE}
    away = unplug(drive)
    assert presences(disk) == {"M": Presence.AWAY}
    away.rename(drive)
    file.unlink()
    assert presences(disk) == {}


def test_facts_of_models_that_are_away_are_kept(disk: Disk, drive: Path) -> None:
    disk.scan()
    known = set(disk.database.read(Table.FACTS))
    unplug(drive)
    disk.scan()
    assert set(disk.database.read(Table.FACTS)) == known
    assert len(known) == 3


def test_renamed_and_used_models_keep_that_while_they_are_away(disk: Disk, drive: Path) -> None:
    path = drive / "models" / "sub" / "small.gguf"
    disk.names[str(path)] = "Mine"
    disk.library().used(path)
    used = by_name(disk.scan())["Mine"].last_used
    unplug(drive)
    assert used is not None
    assert by_name(disk.scan())["Mine"].last_used == used


def test_a_drive_is_known_by_the_place_at_which_it_appears(tmp_path: Path) -> None:
    place = absent.mount_point(tmp_path / "not there")
    assert tmp_path.is_relative_to(place)
    assert absent.mount_point(Path(place)) == place


def test_what_an_older_hearth_has_written_down_of_models_that_are_away_is_shown(
    disk: Disk, drive: Path
) -> None:
    disk.scan()
    known = disk.database.read(Table.KNOWN)
    for row in known.values():
        del row.value["taken"]
    disk.database.write(Table.KNOWN, known)
    unplug(drive)
    found = by_name(disk.scan())
    assert {name: model.presence for name, model in found.items()} == {
        "Big": Presence.AWAY,
        "Small": Presence.AWAY,
    }
    assert {model.taken for model in found.values()} == {None}
