"""Deleting models: what goes, what it frees, whose it is, and how it comes back."""

import os
from pathlib import Path

import pytest

from app.errors import ModelError, ModelFileError
from app.library import removal
from app.library.database import Table
from app.library.trash import Deleted, Trash
from tests.adapters.library_use import (
    Disk,
    OllamaStore,
    by_name,
    hub_file,
)
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def trash(disk: Disk) -> Trash:
    return Trash(disk.database)


def planned(disk: Disk, name: str) -> removal.Removal:
    snapshot = disk.scan()
    return removal.plan(by_name(snapshot)[name], snapshot.models)


def delete(disk: Disk, trash: Trash, name: str) -> Deleted:
    return trash.delete(planned(disk, name), confirmed_foreign=True)


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder with its content, and every link with its target."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_all_parts_and_the_projector_go_and_come_back(disk: Disk, trash: Trash) -> None:
    parts = gguf_small.split(disk.models / "repo", "big", 3, "Big")
    projector = gguf_small.projector(disk.models / "repo" / "mmproj-big.gguf")
    other = gguf_small.model(disk.models / "small.gguf", "Small", llama__embedding_length=3)
    before, snapshot = tree(disk.models), disk.scan()
    plan = planned(disk, "Big")
    assert set(plan.files) == {*parts, projector}
    assert (plan.projector, plan.warning, plan.left_overs) == (projector, "", ())
    assert plan.frees == sum(file.stat().st_size for file in plan.files)
    deleted = trash.delete(plan)
    assert (deleted.can_be_undone, deleted.frees) == (True, plan.frees)
    assert [model.path for model in disk.scan().models] == [other]
    trash.undo(deleted)
    assert tree(disk.models) == before
    assert disk.scan() == snapshot
    assert not (disk.models / "repo" / ".hearth-trash").exists()
    assert disk.database.read(Table.TRASH) == {}


def test_a_projector_that_another_model_uses_stays(disk: Disk, trash: Trash) -> None:
    for name in ("Q4", "Q8"):
        gguf_small.model(disk.models / "repo" / f"m-{name}_0.gguf", f"M {name}_0")
    projector = gguf_small.projector(disk.models / "repo" / "mmproj-m.gguf")
    first = planned(disk, "M Q4_0")
    assert first.projector is None
    assert projector not in first.files
    trash.delete(first)
    assert planned(disk, "M Q8_0").projector == projector


def test_unfinished_downloads_of_the_model_go_with_it(disk: Disk, trash: Trash) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    left = [disk.models / name for name in ("m.gguf.part", "m.gguf.0a1b2c3d.incomplete")]
    others = [disk.models / name for name in ("m2.gguf.part", "m.txt", "notes.part")]
    for file in (*left, *others):
        file.write_bytes(b"123")
    plan = planned(disk, "M")
    assert set(plan.left_overs) == set(left)
    assert plan.frees == (disk.models / "m.gguf").stat().st_size + 6
    trash.delete(plan)
    assert [file.exists() for file in (*left, *others)] == [False, False, True, True, True]


def test_unfinished_parts_go_with_an_incomplete_model(disk: Disk, trash: Trash) -> None:
    parts = gguf_small.split(disk.models, "big", 3, "Big")
    unfinished = parts[2].rename(disk.models / f"{parts[2].name}.part")
    assert set(planned(disk, "Big").files) == {*parts[:2], unfinished}
    delete(disk, trash, "Big")
    assert tree(disk.models).keys() == {
        name for name in tree(disk.models) if name.startswith(".hearth-trash/")
    }


def test_another_program_s_model_needs_a_word_of_its_own(disk: Disk, trash: Trash) -> None:
    file = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    plan = planned(disk, "M")
    assert "belongs to LM Studio" in plan.warning
    with pytest.raises(ModelError, match="belongs to LM Studio, so it was not deleted"):
        trash.delete(plan)
    assert file.exists()
    assert trash.delete(plan, confirmed_foreign=True).can_be_undone
    assert not file.exists()


def test_models_of_ollama_are_left_to_ollama(disk: Disk) -> None:
    store = OllamaStore(disk.home / ".ollama" / "models")
    weights = gguf_small.model(disk.base / "w.gguf").read_bytes()
    store.manifest("registry.ollama.ai/library/x/latest", {"model": store.blob(weights)})
    with pytest.raises(ModelError, match="belongs to Ollama") as refused:
        planned(disk, "x:latest")
    assert "ollama rm x:latest" in refused.value.remedy


def test_a_link_to_another_program_s_file_goes_alone(disk: Disk, trash: Trash) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf", "M")
    disk.models.mkdir(parents=True)
    (disk.models / "link.gguf").symlink_to(theirs)
    plan = planned(disk, "M")
    assert (plan.files, plan.frees, plan.warning) == ((disk.models / "link.gguf",), 0, "")
    trash.delete(plan)
    assert by_name(disk.scan())["M"].path == theirs


def test_a_file_with_another_name_elsewhere_frees_nothing(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    os.link(file, disk.base / "other")
    assert planned(disk, "M").frees == 0


def test_the_shipped_model_stays(disk: Disk) -> None:
    disk.shipped = disk.base / "shipped"
    gguf_small.model(disk.shipped / "starter.gguf", "Starter")
    with pytest.raises(ModelError, match="comes with Hearth"):
        planned(disk, "Starter")


def test_what_is_away_or_gone_cannot_be_deleted(disk: Disk) -> None:
    drive = disk.base / "drive"
    file = gguf_small.model(drive / "m.gguf", "M")
    disk.folders.append(drive)
    snapshot = disk.scan()
    file.unlink()
    with pytest.raises(ModelFileError, match="not there any more"):
        removal.plan(snapshot.models[0], snapshot.models)
    gguf_small.model(file, "M")
    disk.scan()
    drive.rename(disk.base / "unplugged")
    with pytest.raises(ModelError, match="is not there now"):
        planned(disk, "M")


@pytest.fixture
def cache(disk: Disk) -> Path:
    return disk.home / ".cache" / "huggingface" / "hub"


def test_a_file_of_the_hub_s_cache_goes_with_its_content(
    disk: Disk, trash: Trash, cache: Path
) -> None:
    file = gguf_small.model(disk.base / "m.gguf", "M")
    kept = gguf_small.model(disk.base / "k.gguf", "Kept", general__description="x" * 50)
    links = [hub_file(cache, "a/b", "m.gguf", file, commit) for commit in ("1" * 40, "2" * 40)]
    hub_file(cache, "a/b", "k.gguf", kept)
    before = tree(cache)
    blob = links[0].resolve()
    plan = planned(disk, "M")
    assert set(plan.files) == {*links, blob}
    assert plan.frees == file.stat().st_size
    assert "Hugging Face" in plan.warning
    deleted = trash.delete(plan, confirmed_foreign=True)
    assert [model.name for model in disk.scan().models] == ["Kept"]
    assert not blob.exists()
    trash.undo(deleted)
    assert tree(cache) == before


def shared(cache: Path, *repos: str) -> Path:
    """One content in the cache's own blobs, which each of the repositories links to."""
    file = gguf_small.model(cache / "new.gguf", "M")
    content = cache / "blobs" / "ab" / ("ab" * 32)
    content.parent.mkdir(parents=True)
    file.rename(content)
    content.with_name(f"{content.name}.refs").write_text("models--a--one/blobs/etag\n")
    for repo in repos:
        folder = cache / f"models--{repo.replace('/', '--')}"
        (folder / "blobs").mkdir(parents=True)
        (folder / "blobs" / "etag").symlink_to(os.path.relpath(content, folder / "blobs"))
        (folder / "snapshots" / "rev").mkdir(parents=True)
        (folder / "snapshots" / "rev" / "m.gguf").symlink_to("../../blobs/etag")
    return content


def test_shared_content_goes_with_its_last_user(disk: Disk, trash: Trash, cache: Path) -> None:
    content = shared(cache, "a/one", "b/two")
    first = planned(disk, "M")
    assert content not in first.files
    assert first.frees == 0
    trash.delete(first, confirmed_foreign=True)
    last = planned(disk, "M")
    assert content in last.files
    assert last.frees >= content.stat().st_size
    trash.delete(last, confirmed_foreign=True)
    assert not content.exists()
    assert disk.scan().models == ()
