"""The library as a whole: what a row says, what is remembered, what is read again."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import gguf
from app.library import catalog, finding
from app.library.database import Table
from app.library.records import Kind, Presence, Source
from app.settings import Models
from tests.adapters.library_use import (
    Disk,
    age,
    as_another_user,
    by_name,
    folder_of_another_user,
)
from tests.fakes import gguf_small


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    made.models.mkdir(parents=True)
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose headers were read."""
    seen: list[Path] = []
    read = gguf.read

    def counted(path: str | os.PathLike[str]) -> gguf.Header:
        seen.append(Path(path))
        return read(path)

    monkeypatch.setattr(gguf, "read", counted)
    return seen


def test_a_row_says_what_the_header_says(disk: Disk) -> None:
    file = gguf_small.model(
        disk.models / "m.gguf",
        "Qwen3 8B",
        architecture="qwen3",
        qwen3__context_length=40_960,
        general__file_type=15,
        general__license="apache-2.0",
        general__description="Answers.",
        tokenizer__chat_template=gguf_small.TOOLS + gguf_small.THINKING,
    )
    model = disk.only()
    assert (model.name, model.architecture, model.kind) == ("Qwen3 8B", "qwen3", Kind.CHAT)
    assert (model.parameters, model.quantisation) == (128, "Q4_K_M")
    assert (model.trained_context, model.licence) == (40_960, "apache-2.0")
    assert model.features == {"template", "tools", "thinking"}
    assert (model.size, model.description) == (file.stat().st_size, "Answers.")
    assert (model.program, model.presence, model.problem) == ("", Presence.HERE, "")
    assert model.modified == pytest.approx(file.stat().st_mtime)
    (info,) = disk.library().infos()
    assert str(info.ref) == f"local:{file}"
    assert info.features == {"thinking"}


def test_parts_are_one_model(disk: Disk) -> None:
    parts = gguf_small.split(disk.models, "big-Q4_K_M", 3, "Big")
    model = disk.only()
    assert (model.name, model.path, model.files) == ("Big", parts[0], tuple(parts))
    assert model.size == sum(part.stat().st_size for part in parts)
    assert model.parameters == 3 * 128
    assert [info.ref.model for info in disk.library().infos()] == [str(parts[0])]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_model_with_missing_parts_says_which(disk: Disk, missing: int) -> None:
    parts = gguf_small.split(disk.models, "big", 5, "Big")
    parts[missing].unlink()
    model = disk.only()
    assert model.presence is Presence.INCOMPLETE
    assert model.problem == f"1 of its 5 parts is missing: {parts[missing].name}"
    assert model.name == ("big" if missing == 0 else "Big")
    assert disk.library().infos() == []


def test_a_damaged_part_damages_the_model(disk: Disk) -> None:
    parts = gguf_small.split(disk.models, "big", 2, "Big")
    parts[1].write_bytes(b"no model at all")
    model = disk.only()
    assert (model.presence, parts[1].name in model.problem) == (Presence.DAMAGED, True)


def test_a_cut_file_may_be_on_its_way_until_it_rests(disk: Disk, reads: list[Path]) -> None:
    whole = gguf_small.model(disk.base / "m.gguf", "Whole").read_bytes()
    file = disk.models / "m.gguf"
    file.write_bytes(whole[:-40])
    library = disk.library()
    model = library.scan().models[0]
    assert model.presence is Presence.INCOMPLETE
    assert "is being copied" in model.problem
    assert library.unsettled == (file,)
    age(file)
    model = library.scan().models[0]
    assert model.presence is Presence.DAMAGED
    assert not library.unsettled
    assert "is incomplete" in model.problem
    file.write_bytes(whole)
    assert library.scan().models[0].presence is Presence.HERE


def test_a_file_that_is_no_model_is_damaged_at_once(disk: Disk) -> None:
    (disk.models / "page.gguf").write_text("<html>not found</html>")
    model = disk.only()
    assert model.presence is Presence.DAMAGED
    assert "is not a GGUF model" in model.problem


def test_headers_are_read_once_and_again_when_files_change(disk: Disk, reads: list[Path]) -> None:
    one = gguf_small.model(disk.models / "one.gguf", "One")
    gguf_small.model(disk.models / "two.gguf", "Two")
    damaged = disk.models / "damaged.gguf"
    damaged.write_bytes(b"no model")
    disk.scan()
    assert len(reads) == 3
    reads.clear()
    assert set(by_name(disk.scan())) == {"One", "Two", "damaged"}
    assert reads == []
    age(gguf_small.model(one, "One again"))
    library = disk.library()
    library.scan()
    library.scan()
    assert reads == [one]


def test_facts_of_deleted_files_are_forgotten(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    disk.scan()
    assert set(disk.database.read(Table.FACTS)) == {file}
    file.unlink()
    disk.scan()
    assert disk.database.read(Table.FACTS) == {}
    assert disk.database.read(Table.KNOWN) == {}


def test_names_of_the_person_s_own_count_first(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "Official")
    disk.names[str(file)] = "Mine"
    assert disk.only().name == "Mine"
    assert disk.library().infos()[0].name == "Mine"
    disk.names[str(file)] = " "
    assert disk.only().name == "Official"


def test_the_last_use_is_remembered(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf")
    assert disk.only().last_used is None
    when = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    disk.library().used(file, when)
    assert disk.only().last_used == when
    disk.library().used(file)
    used = disk.only().last_used
    assert used is not None
    assert used > when


def test_what_hearth_fetched_is_its_own_wherever_it_lies(disk: Disk) -> None:
    file = gguf_small.model(disk.home / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    source = Source("a/b", "m.gguf", "c" * 40, "beef")
    disk.library().fetched(file, source)
    assert (disk.only().source, disk.only().program) == (source, "")
    with file.open("ab") as stream:
        stream.write(b"another file")
    assert (disk.only().source, disk.only().program) == (None, "LM Studio")


def test_a_folder_that_may_not_be_read_is_said() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        with as_another_user():
            gguf_small.model(disk.models / "open" / "m.gguf", "Open")
            gguf_small.model(disk.models / "closed" / "m.gguf", "Closed")
            assert len(disk.scan().models) == 2
            (disk.models / "closed").chmod(0)
            snapshot = disk.scan()
            disk.folders.append(disk.models / "closed")
            again = disk.scan()
    found = by_name(snapshot)
    assert found["Open"].presence is Presence.HERE
    assert found["Closed"].presence is Presence.AWAY
    (problem,) = snapshot.problems
    assert problem.folder == disk.models / "closed"
    assert problem.reason == f"The folder {disk.models / 'closed'} may not be read by you."
    assert again.problems == (problem,)


def test_a_program_s_folder_that_may_not_be_read_is_said() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        service = base / "root" / "usr" / "share" / "ollama"
        with as_another_user():
            (service / ".ollama" / "models").mkdir(parents=True)
            service.chmod(0)
            (problem,) = disk.scan().problems
    assert (problem.program, problem.folder) == ("Ollama", service / ".ollama" / "models")


def test_a_file_that_may_not_be_read_is_damaged_with_a_reason() -> None:
    with folder_of_another_user() as base:
        disk = Disk(base)
        with as_another_user():
            age(gguf_small.model(disk.models / "m.gguf")).chmod(0)
            model = disk.only()
    assert model.presence is Presence.DAMAGED
    assert "cannot be read" in model.problem


def test_a_folder_that_is_a_file_is_said(disk: Disk) -> None:
    file = disk.base / "file"
    file.write_text("")
    disk.folders.append(file)
    (problem,) = disk.scan().problems
    assert problem.reason == f"The folder {file} is a file and not a folder."


def test_a_closed_library_ends_its_look_and_forgets_nothing(disk: Disk) -> None:
    gguf_small.model(disk.models / "m.gguf", "M")
    library = disk.library()
    before = library.scan()
    library.close()
    gguf_small.model(disk.models / "n.gguf", "N")
    assert library.scan() == before
    assert len(disk.scan().models) == 2


def test_the_settings_say_where_to_look(tmp_path: Path) -> None:
    settings = Models(
        folders=(str(tmp_path / "a"), "~/b", " ", "relative", str(tmp_path / "a")),
        download_folder=str(tmp_path / "d"),
        recent=(str(tmp_path / "r.gguf"),),
        other_programs=False,
        names={"/x": "X"},
    )
    found = finding.sought(settings, tmp_path / "own", None)
    assert found.own == (tmp_path / "own",)
    assert found.folders == (tmp_path / "d", tmp_path / "a", Path.home() / "b")
    assert found.recent == (tmp_path / "r.gguf",)
    assert (found.other_programs, found.names) == (False, {"/x": "X"})


def test_models_of_folders_can_be_listed_without_a_library(disk: Disk) -> None:
    gguf_small.model(disk.models / "b.gguf", "B")
    gguf_small.model(disk.models / "a" / "a.gguf", "A")
    gguf_small.projector(disk.models / "mmproj.gguf")
    (disk.models / "broken.gguf").write_bytes(b"?")
    alone = gguf_small.model(disk.base / "c.gguf", "C")
    files = [alone, disk.base / "gone.gguf"]
    listed = catalog.models([disk.models, disk.base / "gone"], files)
    assert [info.name for info in listed] == ["A", "B", "C"]


def test_a_copy_is_another_model(disk: Disk) -> None:
    file = gguf_small.model(disk.models / "m.gguf", "M")
    shutil.copy(file, disk.models / "copy.gguf")
    assert len(disk.scan().models) == 2


def test_a_second_look_at_many_files_reads_none_of_them(disk: Disk, reads: list[Path]) -> None:
    content = gguf_small.model(disk.base / "m.gguf", "M").read_bytes()
    for number in range(200):
        (disk.models / f"{number}.gguf").write_bytes(content)
    disk.scan()
    reads.clear()
    assert len(disk.scan().models) == 200
    assert reads == []
