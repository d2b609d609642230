"""Files that are cut, empty, growing, hostile or no files at all."""

import os
from pathlib import Path

import pytest

from app.library import removal
from app.library.records import Presence
from app.library.stores import names
from app.library.trash import Trash
from tests.adapters.library_use import Disk, OllamaStore, by_name
from tests.fakes import gguf_small

VERY_MANY = 99_999


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts whose names were put together."""
    numbers: list[int] = []
    part_name = names.part_name

    def noted(base: str, number: int, count: int) -> str:
        numbers.append(number)
        return part_name(base, number, count)

    monkeypatch.setattr(names, "part_name", noted)
    return numbers


def test_a_name_that_claims_very_many_parts_costs_no_more_than_others(
    disk: Disk, made: list[int]
) -> None:
    file = gguf_small.model(disk.models / f"a-00002-of-{VERY_MANY}.gguf", "A")
    disk.recent = [gguf_small.model(disk.base / "out" / f"b-00001-of-{VERY_MANY}.gguf", "B")]
    snapshot = disk.scan()
    problem = "99998 of its 99999 parts are missing: a-00001-of-99999.gguf, a-00003-of-99999.gguf"
    model = next(model for model in snapshot.models if model.path == file)
    assert model.problem.startswith(problem)
    assert removal.plan(model, snapshot.models).files == (file,)
    assert len(made) < 20


def test_unfinished_parts_that_go_are_of_that_model_alone(disk: Disk) -> None:
    parts = gguf_small.split(disk.models, "big", 3, "Big")
    parts[1].unlink()
    here = [
        "big-00002-of-00003.gguf.part", "incomplete-big-00002-of-00003.gguf",
        "BIG-00001-of-00003.gguf.0a1b.incomplete",
    ]  # fmt: skip
    others = [
        "big-00002-of-00004.gguf.part", "big2-00002-of-00003.gguf.part", "big.gguf.part",
        "big-00004-of-00003.gguf.part", "big-00002-of-00003.gguf.txt", "big-00002-of-00003.etag",
        "big-00001-of-00003.gguf.gguf.part", "big-00001-of-00003.gguf.etag",
    ]  # fmt: skip
    for name in (*here, *others):
        (disk.models / name).write_bytes(b"GGUF")
    snapshot = disk.scan()
    model = next(model for model in snapshot.models if model.path == parts[0])
    found = {file.name for file in removal.plan(model, snapshot.models).left_overs}
    assert found == set(here)


def test_a_growing_file_a_settled_one_and_one_from_a_backup(disk: Disk) -> None:
    now = [1e9]
    disk.clock = lambda: now[0]
    file = gguf_small.model(disk.models / "m.gguf", "M")
    whole = file.read_bytes()

    def seen(content: bytes, changed: float) -> Presence:
        file.write_bytes(content)
        os.utime(file, (changed, changed))
        return disk.only().presence

    assert seen(whole[:400], 1e9) is Presence.INCOMPLETE
    now[0] += 60
    assert seen(whole[:400], 1e9) is Presence.DAMAGED
    assert seen(whole, 5e8) is Presence.HERE, "the time of change went back"
    assert seen(bytes(len(whole)), now[0]) is Presence.INCOMPLETE, "room was made for it"
    for odd in (-5.0, 2.0**33):
        assert seen(whole, odd) is Presence.HERE


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", ".", "loop.gguf", "gone/m.gguf"])
def test_a_link_to_what_is_no_file_is_left_alone(disk: Disk, target: str) -> None:
    disk.models.mkdir(parents=True)
    (disk.models / "loop.gguf").symlink_to(target)
    assert disk.scan() == type(disk.scan())()


def test_very_long_names_can_be_deleted_and_come_back(disk: Disk) -> None:
    name = "ü" * 125 + ".gguf"  # 255 bytes
    file = gguf_small.model(disk.base / "m.gguf", "M")
    disk.models.mkdir(parents=True)
    file = file.rename(disk.models / name)
    snapshot, trash = disk.scan(), Trash(disk.database)
    deleted = trash.delete(removal.plan(snapshot.models[0], snapshot.models))
    assert disk.scan().models == ()
    trash.undo(deleted)
    assert disk.scan() == snapshot


def test_a_name_that_two_models_share_leaves_both_in_the_list(disk: Disk) -> None:
    first = gguf_small.model(disk.models / "a.gguf", "A")
    second = gguf_small.model(disk.models / "b.gguf", "B")
    disk.names = {str(first): "B", str(second): "  "}
    assert [(model.name, model.path) for model in disk.scan().models] == [
        ("B", first),
        ("B", second),
    ]
    disk.names = {str(first): "A new one\n"}
    assert set(by_name(disk.scan())) == {"A new one", "B"}


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", '{"layers": [1]}', '{"layers": {}}', "{" * 5000,
        '{"layers": [{"digest": "sha256:../../x", "mediaType": "model"}]}',
        '{"layers": [{"digest": "sha256:1", "mediaType": "application/vnd.ollama.image.model"}]}',
    ],
)  # fmt: skip
def test_no_manifest_of_ollama_leads_out_of_its_blobs(disk: Disk, content: str) -> None:
    store = OllamaStore(disk.home / ".ollama" / "models")
    gguf_small.model(disk.home / ".ollama" / "x", "X")
    store.write("registry.ollama.ai/library/odd/latest", content)
    snapshot = disk.scan()
    assert all(model.presence is Presence.INCOMPLETE for model in snapshot.models)
    assert [model.path.parent for model in snapshot.models] == [store.folder / "blobs"] * len(
        snapshot.models
    )
    assert len(snapshot.problems) + len(snapshot.models) == 1
