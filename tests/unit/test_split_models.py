"""A model in several files counts as a whole, though only its first part is read."""

import dataclasses
from pathlib import Path

from app import gguf
from app.llm.providers.local_plans import Subject
from tests.fakes import gguf_small


def test_the_weights_of_all_parts_are_counted(tmp_path: Path) -> None:
    first, *others = gguf_small.split(tmp_path, "large", 3)
    header = gguf.read(first)
    others_size = sum(part.stat().st_size for part in others)
    assert others_size > 0
    assert gguf.weights_size(header) == header.weights_size + others_size


def test_a_missing_part_counts_nothing(tmp_path: Path) -> None:
    first, second, third = gguf_small.split(tmp_path, "large", 3)
    header, size = gguf.read(first), third.stat().st_size
    second.unlink()
    assert gguf.weights_size(header) == header.weights_size + size


def test_one_file_has_its_own_weights(tmp_path: Path) -> None:
    header = gguf.read(gguf_small.model(tmp_path / "one-00001-of-00009.gguf"))
    assert gguf.weights_size(header) == header.weights_size


def test_a_name_that_lies_about_its_parts_is_not_followed(tmp_path: Path) -> None:
    first, *_ = gguf_small.split(tmp_path, "large", 3)
    header = gguf.read(first)
    renamed = dataclasses.replace(header, path=tmp_path / "large-00001-of-99999.gguf")
    assert gguf.weights_size(renamed) == header.weights_size


def test_what_is_to_be_loaded_knows_of_all_parts(tmp_path: Path) -> None:
    first, *_ = gguf_small.split(tmp_path, "large", 3)
    header = gguf.read(first)
    assert Subject.of(header).beside.weights_size == gguf.weights_size(header)
