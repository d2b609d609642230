"""Links, folders within folders, odd names, opened files: what is counted, and as whose."""

import os
import shutil
from pathlib import Path

import pytest

from app.library.records import Kind, Presence
from tests.adapters.library_use import Disk, age, by_name
from tests.fakes import gguf_small

NOT_TEXT = os.fsdecode(b"caf\xe9.gguf")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.home.mkdir()
    return made


def test_a_program_s_folder_keeps_its_owner_when_the_person_chooses_it(disk: Disk) -> None:
    root = disk.home / ".lmstudio" / "models"
    gguf_small.model(root / "a" / "b" / "m.gguf")
    disk.other_programs = False
    for folder in (root, root / "a", disk.home / ".lmstudio"):
        disk.folders[:] = [folder]
        assert disk.only().program == "LM Studio", folder
    disk.folders[:] = [disk.home]
    assert disk.scan().models == ()  # hidden folders are not gone into
    disk.other_programs = True
    assert disk.only().program == "LM Studio"


def test_a_linked_folder_of_a_program_keeps_its_owner(disk: Disk) -> None:
    root = disk.home / ".lmstudio" / "models"
    gguf_small.model(root / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    (disk.models / "linked").symlink_to(root / "a")
    assert disk.only().program == "LM Studio"


def test_a_link_of_the_person_s_own_counts_as_their_own(disk: Disk) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    (disk.models / "m.gguf").symlink_to(theirs)
    model = disk.only()
    assert (model.path, model.program) == (disk.models / "m.gguf", "")


def test_a_hard_link_of_the_person_s_own_counts_as_their_own(disk: Disk) -> None:
    theirs = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.models.mkdir(parents=True)
    os.link(theirs, disk.models / "z.gguf")
    assert disk.only().path == disk.models / "z.gguf"


def test_the_file_counts_before_a_link_to_it_in_the_same_folder(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "z.gguf")
    (disk.models / "a.gguf").symlink_to(file)
    assert disk.only().path == file


def test_a_partly_linked_split_model_is_not_torn_apart(disk: Disk) -> None:
    parts = gguf_small.split(disk.home / ".lmstudio" / "models" / "a" / "b", "big", 2)
    disk.models.mkdir(parents=True)
    (disk.models / parts[0].name).symlink_to(parts[0])
    model = disk.only()
    assert (model.files, model.presence) == (tuple(parts), Presence.HERE)


def test_links_in_a_circle_end_somewhere(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "a" / "m.gguf")
    (disk.models / "a" / "up").symlink_to(disk.models)
    (disk.models / "loop").symlink_to(disk.models / "loop")
    (disk.models / "loop.gguf").symlink_to(disk.models / "loop.gguf")
    (disk.models / "nowhere.gguf").symlink_to(disk.base / "nowhere")
    assert disk.only().path == file
    assert disk.scan().problems == ()


def test_what_is_no_regular_file_is_left_alone(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    os.mkfifo(disk.models / "pipe.gguf")  # to open it would wait for ever
    (disk.models / "folder.gguf").mkdir()
    inside = gguf_small.model(disk.models / "folder.gguf" / "inside.gguf")
    assert {model.path for model in disk.scan().models} == {file, inside}


def test_hidden_and_system_folders_are_left_alone(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    for name in (".git", ".hearth-trash", "$RECYCLE.BIN", ".Trash-1000"):
        gguf_small.model(disk.models / name / "x.gguf", name)
    (disk.models / "._m.gguf").write_bytes(b"\0\5\x16\7")
    library = disk.library()
    assert [model.path for model in library.scan().models] == [file]
    assert library.trash == (disk.models / ".hearth-trash",)


def test_a_recent_file_brings_its_parts_and_its_projector(disk: Disk) -> None:
    folder = disk.base / "anywhere"
    parts = gguf_small.split(folder, "big", 3, "Big")
    projector = gguf_small.projector(folder / "mmproj-big.gguf")
    gguf_small.model(folder / "another.gguf")
    disk.recent = [parts[0], disk.base / "gone.gguf", Path("relative.gguf")]
    found = by_name(disk.scan())
    assert set(found) == {"Big", "mmproj-big"}
    assert (found["Big"].files, found["Big"].projector) == (tuple(parts), projector)


def test_a_recent_file_of_a_program_stays_the_program_s(disk: Disk) -> None:
    file = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    disk.recent = [file]
    disk.other_programs = False
    assert disk.only().program == "LM Studio"


def test_the_shipped_model_is_marked(disk: Disk) -> None:
    disk.shipped = disk.base / "shipped"
    gguf_small.model(disk.shipped / "starter.gguf")
    assert disk.only().is_shipped


def test_a_folder_within_another_is_counted_once(disk: Disk) -> None:
    gguf_small.model(disk.base / "drive" / "inner" / "m.gguf")
    disk.folders += [disk.base / "drive" / "inner", disk.base / "drive", disk.base / "drive"]
    assert len(disk.scan().models) == 1


def test_a_folder_with_everything_below_it_is_cut_short_with_a_reason(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.library.stores.walking.MAX_FOLDERS", 3)
    for number in range(5):
        gguf_small.model(disk.models / str(number) / "m.gguf", str(number))
    snapshot = disk.scan()
    assert [model.name for model in snapshot.models] == ["0", "1"]
    (problem,) = snapshot.problems
    assert "more than 3 folders" in problem.reason


def test_names_of_other_encodings_are_shown_with_a_reason(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    file = gguf_small.model(disk.base / "m.gguf", "Named")
    shutil.copy(file, disk.models / NOT_TEXT)
    shutil.copy(file, disk.models / f"{'x' * 250}.gguf")
    snapshot = disk.scan()
    odd = next(model for model in snapshot.models if "\udce9" in str(model.path))
    assert (odd.presence, "UTF-8" in odd.problem) == (Presence.DAMAGED, True)
    assert len(disk.library().infos()) == 1
    assert len(disk.scan().models) == 2  # also with what was remembered


def test_an_odd_name_is_printable_where_the_file_has_no_other(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    shutil.copy(gguf_small.model(disk.base / "m.gguf"), disk.models / NOT_TEXT)
    assert disk.only().name == "caf?"


def test_an_empty_file_is_damaged_with_a_reason(disk: Disk) -> None:
    disk.models.mkdir(parents=True)
    (disk.models / "empty.gguf").touch()
    age(disk.models / "empty.gguf")
    model = disk.only()
    assert (model.presence, model.name) == (Presence.DAMAGED, "empty")
    assert "is empty" in model.problem
    assert disk.library().infos() == []


def test_kinds_are_recognised_and_only_some_can_be_loaded(disk: Disk) -> None:
    gguf_small.model(disk.models / "chat.gguf")
    gguf_small.model(disk.models / "bert.gguf", architecture="nomic-bert")
    gguf_small.adapter(disk.models / "lora.gguf")
    gguf_small.vocabulary(disk.models / "vocab.gguf")
    gguf_small.projector(disk.models / "mmproj.gguf", width=7)
    kinds = {name: model.kind for name, model in by_name(disk.scan()).items()}
    assert kinds == {
        "chat": Kind.CHAT,
        "bert": Kind.EMBEDDING,
        "lora": Kind.ADAPTER,
        "vocab": Kind.VOCABULARY,
        "mmproj": Kind.PROJECTOR,
    }
    assert [info.name for info in disk.library().infos()] == ["bert", "chat"]
