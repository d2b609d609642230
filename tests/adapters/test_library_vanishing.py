"""What goes away while the disk is being looked at, or may not be read for a time."""

import os
from pathlib import Path
from typing import Any

import pytest

from app import gguf
from app.library import facts
from app.library.records import Presence
from app.library.stores import store
from tests.adapters.library_use import (
    Disk,
    OllamaStore,
    as_another_user,
    by_name,
    folder_of_another_user,
    hub_file,
)
from tests.fakes import gguf_small

HERE, AWAY = Presence.HERE, Presence.AWAY


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def drive(disk: Disk) -> Path:
    """With two folders of a model each, that were seen already."""
    drive = disk.base / "drive"
    for name in ("One", "Two"):
        gguf_small.model(drive / name.lower() / "m.gguf", name)
    disk.folders.append(drive)
    disk.scan()
    return drive


def presences(disk: Disk) -> dict[str, Presence]:
    return {name: model.presence for name, model in by_name(disk.scan()).items()}


def test_a_file_that_may_be_read_again_is_whole_again() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        file = gguf_small.model(disk.models / "m.gguf", "M")
        file.chmod(0)
        (base / "hearth").chmod(0o777)  # what is read is remembered there
        with as_another_user():
            assert disk.only().presence is Presence.DAMAGED
        file.chmod(0o644)
        with as_another_user():
            assert (disk.only().presence, disk.only().name) == (HERE, "M")


def test_a_drive_that_goes_while_its_folders_are_listed_is_away(
    disk: Disk, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = os.scandir

    def unplugged(folder: Path) -> Any:
        if folder == drive / "one":
            drive.rename(disk.base / "unplugged")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", unplugged)
    assert presences(disk) == {"One": AWAY, "Two": AWAY}
    monkeypatch.undo()
    assert presences(disk) == {"One": AWAY, "Two": AWAY}
    (disk.base / "unplugged").rename(drive)
    assert presences(disk) == {"One": HERE, "Two": HERE}


def test_a_drive_that_goes_while_headers_are_read_damages_nothing(
    disk: Disk, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in drive.rglob("*.gguf"):
        os.utime(file, (1, 1))  # their facts are to be read again
    read = gguf.read

    def unplugged(path: Path) -> gguf.Header:
        if path == drive / "two" / "m.gguf":
            drive.rename(disk.base / "unplugged")
        return read(path)

    monkeypatch.setattr(gguf, "read", unplugged)
    assert presences(disk) == {"One": HERE, "Two": AWAY}
    monkeypatch.undo()
    assert presences(disk) == {"One": AWAY, "Two": AWAY}
    (disk.base / "unplugged").rename(drive)
    found = by_name(disk.scan())
    assert {name: model.presence for name, model in found.items()} == {"One": HERE, "Two": HERE}
    assert found["Two"].architecture == "llama"


def test_a_file_that_is_deleted_before_it_is_read_is_no_model(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gguf_small.model(disk.models / "a.gguf", "A")
    second = disk.models / "b.gguf"
    os.link(gguf_small.model(disk.models / "c.gguf", "C"), second)
    read = facts.read

    def late(path: Path) -> facts.Facts:
        first.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(facts, "read", late)
    assert [model.path.name for model in disk.scan().models] == ["c.gguf"]


def test_a_linked_store_that_goes_during_the_look_is_away(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive, weights = disk.base / "drive", gguf_small.model(disk.base / "w.gguf", "W").read_bytes()
    kept = OllamaStore(drive)
    kept.manifest("registry.ollama.ai/library/w/latest", {"model": kept.blob(weights)})
    (disk.home / ".ollama").mkdir(parents=True)
    (disk.home / ".ollama" / "models").symlink_to(drive)
    assert presences(disk) == {"w:latest": HERE}
    stat = Path.stat

    def unplugged(self: Path, **about: Any) -> os.stat_result:
        if self.name.startswith("sha256-") and drive.exists():
            drive.rename(disk.base / "unplugged")
        return stat(self, **about)

    monkeypatch.setattr(Path, "stat", unplugged)
    disk.scan()
    monkeypatch.undo()
    assert presences(disk) == {"w:latest": AWAY}


@pytest.fixture(params=["", "models", "models/blobs"])
def linked(disk: Disk, request: pytest.FixtureRequest) -> Path:
    """A drive with Ollama's folder, or a part of it, to which a link in the home leads."""
    kept = OllamaStore(disk.home / ".ollama" / "models")
    weights = gguf_small.model(disk.base / "w.gguf", "W").read_bytes()
    kept.manifest("registry.ollama.ai/library/w/latest", {"model": kept.blob(weights)})
    place, drive = disk.home / ".ollama" / request.param, disk.base / "drive"
    place.rename(drive)
    place.symlink_to(drive)
    return drive


def test_a_program_s_folder_behind_a_link_is_away_with_its_drive(disk: Disk, linked: Path) -> None:
    assert presences(disk) == {"w:latest": HERE}
    linked.rename(disk.base / "unplugged")
    model = disk.only()
    assert (model.presence, model.architecture) == (AWAY, "llama")
    assert "fetch it again" not in model.problem
    (disk.base / "unplugged").rename(linked)
    assert presences(disk) == {"w:latest": HERE}


def test_blobs_that_may_not_be_read_are_not_said_to_be_missing() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        kept = OllamaStore(disk.home / ".ollama" / "models")
        weights = gguf_small.model(disk.base / "w.gguf", "W").read_bytes()
        manifest = kept.manifest("registry.ollama.ai/library/w/1b", {"model": kept.blob(weights)})
        (kept.folder / "blobs").chmod(0)
        with as_another_user():
            found = disk.scan()
            assert [problem.reason for problem in found.problems] == [
                f"The folder {kept.folder / 'blobs'} may not be read by you."
            ]
            assert found.models == ()
        (kept.folder / "blobs").chmod(0o777)
        manifest.chmod(0)
        with as_another_user():
            (problem,) = disk.scan().problems
            assert problem.reason == "The description of “w:1b” may not be read by you."


def test_content_that_was_removed_from_the_hub_s_cache_is_not_away(disk: Disk) -> None:
    cache = disk.home / ".cache" / "huggingface" / "hub"
    made = gguf_small.model(disk.base / "m.gguf", "M")
    link = hub_file(cache, "someone/M-GGUF", "m.gguf", made)
    assert presences(disk) == {"M": HERE}
    link.resolve().unlink()
    assert presences(disk) == {}


def test_what_went_to_the_cloud_keeps_what_is_known_of_it(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf_small.model(disk.models / "m.gguf", "M", general__license="mit")
    disk.scan()
    monkeypatch.setattr(store, "is_in_cloud", lambda _status: True)
    model = disk.only()
    assert (model.presence, model.name, model.licence) == (AWAY, "M", "mit")
