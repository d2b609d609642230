"""Files are read whole and compared with the hash that their source gave."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from app.library import verifying
from app.library.records import Kind, LibraryModel, Source
from app.library.verifying import State
from tests.fakes import gguf_small


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return gguf_small.model(tmp_path / "model.gguf", "Model")


def model(*files: Path, sha256: str = "") -> LibraryModel:
    source = Source("owner/repo", files[0].name, "c0ffee", sha256) if sha256 else None
    return LibraryModel(files[0], files, "Model", Kind.CHAT, source=source)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_is_as_its_source_said_is_good(file: Path) -> None:
    read: list[int] = []
    checked = verifying.check(model(file, sha256=digest(file)), file, read.append)
    assert (checked.file, checked.state, checked.message) == (file, State.GOOD, "")
    assert checked.sha256 == digest(file)
    assert sum(read) == file.stat().st_size


def test_one_wrong_byte_is_found(file: Path) -> None:
    known = model(file, sha256=digest(file))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    checked = verifying.check(known, file)
    assert checked.state is State.DAMAGED
    assert checked.message == "Its content is another than its source's: fetch it again."
    assert checked.sha256 == digest(file)


def test_a_file_that_was_cut_off_is_damaged_whatever_is_known_of_it(file: Path) -> None:
    os.truncate(file, 40)
    checked = verifying.check(model(file), file)
    assert checked.state is State.DAMAGED
    assert checked.message


def test_a_file_that_is_gone_is_damaged_and_named(file: Path) -> None:
    known = model(file)
    file.unlink()
    checked = verifying.check(known, file)
    assert (checked.file, checked.state) == (file, State.DAMAGED)
    assert checked.message


def test_where_nobody_said_a_hash_it_is_told_and_nothing_is_claimed(file: Path) -> None:
    checked = verifying.check(model(file), file)
    assert checked.state is State.UNKNOWN
    assert checked.sha256 == digest(file)
    assert checked.message == "Nobody said which hash it should have."


@pytest.mark.parametrize("name", ["sha256-{}", "sha256:{}", "{}"])
def test_a_store_that_names_files_by_their_hash_is_believed(file: Path, name: str) -> None:
    blob = file.with_name(name.format(digest(file)))
    file.rename(blob)
    assert verifying.check(model(blob), blob).state is State.GOOD
    with blob.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last[0] ^ 1]))
    assert verifying.check(model(blob), blob).state is State.DAMAGED


def test_a_link_into_a_cache_is_followed_to_the_name_of_its_content(file: Path) -> None:
    blob = file.with_name(digest(file))
    file.rename(blob)
    link = blob.parent / "snapshots" / "model.gguf"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(blob, link.parent))
    assert verifying.expected(model(link), link) == blob.name
    assert verifying.check(model(link), link).state is State.GOOD


def test_the_hash_of_the_first_part_is_not_asked_of_the_others(tmp_path: Path) -> None:
    parts = gguf_small.split(tmp_path, "big", 2)
    known = model(*parts, sha256=digest(parts[0]))
    states = [verifying.check(known, part).state for part in parts]
    assert states == [State.UNKNOWN, State.UNKNOWN]


@pytest.mark.parametrize("name", ["a" * 63, "A" * 64, "g" * 64, "sha1-" + "a" * 40, "model.gguf"])
def test_other_names_are_no_hashes(tmp_path: Path, name: str) -> None:
    assert verifying.expected(model(tmp_path / name), tmp_path / name) == ""
