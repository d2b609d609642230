"""The cache of the Hugging Face Hub: links into blobs, several revisions, shared content."""

import os
from pathlib import Path

import pytest

from app.library.records import Presence, Source
from tests.adapters.library_use import COMMIT, Disk, by_name, hub_file
from tests.fakes import gguf_small

OLDER = "f" * 40
REPO = "unsloth/Qwen3-4B-GGUF"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def cache(disk: Disk) -> Path:
    return disk.home / ".cache" / "huggingface" / "hub"


def test_a_file_is_named_by_its_link_and_knows_its_repository(disk: Disk, cache: Path) -> None:
    file = gguf_small.model(disk.base / "m.gguf", "Qwen3 4B")
    link = hub_file(cache, REPO, "Q4/m.gguf", file)
    (cache / ".locks").mkdir()
    gguf_small.model(cache / "datasets--a--b" / "snapshots" / COMMIT / "d.gguf")
    (link.parents[3] / "blobs" / "abc.1a2b3c4d.incomplete").write_bytes(b"GGUF")
    model = disk.only()
    assert (model.path, model.program) == (link, "Hugging Face")
    assert model.source == Source(REPO, "Q4/m.gguf", COMMIT)
    assert model.size == file.stat().st_size


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "a", "HF_HOME": "b"}, "a"),
        ({"HUGGINGFACE_HUB_CACHE": "a", "HF_HOME": "b"}, "a"),
        ({"HF_HOME": "b", "XDG_CACHE_HOME": "c"}, "b/hub"),
        ({"XDG_CACHE_HOME": "c"}, "c/huggingface/hub"),
        ({}, "home/.cache/huggingface/hub"),
    ],
)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_cache_is_where_the_environment_says(
    disk: Disk, variables: dict[str, str], folder: str, platform: str
) -> None:
    disk.platform = platform
    disk.environ = {name: str(disk.base / value) for name, value in variables.items()}
    link = hub_file(disk.base / folder, "a/b", "m.gguf", gguf_small.model(disk.base / "m.gguf"))
    assert disk.only().path == link


def test_a_file_in_several_revisions_is_counted_once(disk: Disk, cache: Path) -> None:
    file = gguf_small.model(disk.base / "m.gguf")
    hub_file(cache, REPO, "m.gguf", file, OLDER, main=False)
    link = hub_file(cache, REPO, "m.gguf", file)
    hub_file(cache, REPO, "m.gguf", file, "0" * 40, main=False)
    model = disk.only()
    assert model.path == link
    assert model.source is not None
    assert model.source.revision == COMMIT


def test_another_content_of_an_older_revision_is_another_model(disk: Disk, cache: Path) -> None:
    hub_file(cache, REPO, "m.gguf", gguf_small.model(disk.base / "old.gguf", "Old"), OLDER)
    hub_file(cache, REPO, "m.gguf", gguf_small.model(disk.base / "new.gguf", "New"))
    assert set(by_name(disk.scan())) == {"Old", "New"}


def test_shared_content_of_two_repositories_is_counted_once(disk: Disk, cache: Path) -> None:
    file = gguf_small.model(disk.base / "m.gguf")
    shared = cache / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    file.rename(shared)
    (cache / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    for repo in ("a/one", "b/two"):
        folder = cache / f"models--{repo.replace('/', '--')}"
        (folder / "blobs").mkdir(parents=True)
        (folder / "blobs" / "etag").symlink_to(os.path.relpath(shared, folder / "blobs"))
        snapshot = folder / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        (snapshot / "m.gguf").symlink_to("../../blobs/etag")
    assert disk.only().path.parts[-4:] == ("models--a--one", "snapshots", COMMIT, "m.gguf")


def test_parts_and_projector_of_a_repository_belong_together(disk: Disk, cache: Path) -> None:
    loose = disk.base / "loose"
    links = [
        hub_file(cache, REPO, f"BF16/{part.name}", part)
        for part in gguf_small.split(loose, "Qwen3-4B-BF16", 2, "Qwen3 4B")
    ]
    single = gguf_small.model(loose / "Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B")
    link = hub_file(cache, REPO, single.name, single)
    projector = hub_file(
        cache, REPO, "mmproj-F16.gguf", gguf_small.projector(loose / "mmproj-F16.gguf")
    )
    found = {model.path: model for model in disk.scan().models}
    assert found[links[0]].files == tuple(links)
    assert found[links[0]].presence is Presence.HERE
    assert found[links[0]].projector == projector
    assert found[link].projector == projector


def test_links_to_content_that_was_removed_are_passed_over(disk: Disk, cache: Path) -> None:
    link = hub_file(cache, REPO, "m.gguf", gguf_small.model(disk.base / "m.gguf"))
    assert disk.only().path == link
    link.resolve().unlink()
    link.unlink()
    assert disk.scan().models == ()


def test_windows_without_links_has_plain_files(disk: Disk, cache: Path) -> None:
    file = gguf_small.model(cache / "models--a--b" / "snapshots" / COMMIT / "m.gguf")
    assert (disk.only().path, disk.only().source) == (file, Source("a/b", "m.gguf", COMMIT))


def test_a_repository_copied_into_the_person_s_folder_is_recognised(disk: Disk) -> None:
    link = hub_file(disk.models, "a/b", "m.gguf", gguf_small.model(disk.base / "m.gguf"))
    assert (disk.only().path, disk.only().program) == (link, "Hugging Face")


def test_a_plain_folder_that_is_only_called_so_is_a_plain_folder(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "models--mine" / "m.gguf")
    assert (disk.only().path, disk.only().program) == (file, "")
