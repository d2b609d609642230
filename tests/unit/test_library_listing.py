"""Sorting, filtering and searching the library; file names; the small files of programs."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.library.listing import Order, arranged, natural
from app.library.records import Kind, LibraryModel, Presence, Source
from app.library.stores import names, ollama, reading
from app.library.stores.places import Places
from app.library.stores.store import is_in_cloud
from app.library.verdicts import LEAST_ROOM
from app.llm.optimizer.machine.records import Computer, Memory
from app.llm.optimizer.room import SYSTEM_MARGIN


def model(name: str, **about: Any) -> LibraryModel:
    path = about.pop("path", Path("/models") / f"{name}.gguf")
    return LibraryModel(path, (path,), name, about.pop("kind", Kind.CHAT), **about)


QWEN = model(
    "Qwen3 8B", size=5_000, parameters=8_000, architecture="qwen3", trained_context=40_960,
    quantisation="Q4_K_M", features=frozenset({"tools", "thinking"}), modified=2.0,
    last_used=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip
GEMMA = model(
    "gemma-3 12B", size=7_000, parameters=12_000, architecture="gemma3", trained_context=8_192,
    quantisation="Q8_0", program="LM Studio", features=frozenset({"vision"}), modified=3.0,
    source=Source("google/gemma-3-12b-it-gguf", "g.gguf", "abc"),
)  # fmt: skip
BERT = model(
    "Nomic embed", size=100, architecture="nomic-bert", kind=Kind.EMBEDDING, program="Ollama",
    features=frozenset({"embedding"}), modified=1.0, other_names=("nomic:v1.5",),
    last_used=datetime(2026, 11, 2, tzinfo=UTC),
)  # fmt: skip
ALL = (QWEN, GEMMA, BERT)
MEMORY = LEAST_ROOM + SYSTEM_MARGIN + 6_000  # bytes, in which two of them find room


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.NAME, [GEMMA, BERT, QWEN]),
        (Order.USED, [BERT, QWEN, GEMMA]),
        (Order.SIZE, [GEMMA, QWEN, BERT]),
        (Order.PARAMETERS, [GEMMA, QWEN, BERT]),
        (Order.CONTEXT, [QWEN, GEMMA, BERT]),
        (Order.ADDED, [GEMMA, QWEN, BERT]),
        (Order.ARCHITECTURE, [GEMMA, BERT, QWEN]),
        (Order.QUANTISATION, [QWEN, GEMMA, BERT]),
        (Order.PROGRAM, [GEMMA, BERT, QWEN]),
    ],
)
def test_each_order_has_its_first(order: Order, expected: list[LibraryModel]) -> None:
    assert arranged(ALL, order=order) == expected


def test_a_reversed_order_still_has_the_unknown_last() -> None:
    assert arranged(ALL, order=Order.NAME, is_reversed=True) == [QWEN, BERT, GEMMA]
    assert arranged(ALL, order=Order.CONTEXT, is_reversed=True) == [GEMMA, QWEN, BERT]
    assert arranged(ALL, order=Order.PROGRAM, is_reversed=True) == [BERT, GEMMA, QWEN]


def test_numbers_in_names_count_as_numbers() -> None:
    sizes = [model(f"Qwen3 {size}B") for size in (14, 8, 32, 1)]
    assert [one.name for one in arranged(sizes)] == [
        "Qwen3 1B",
        "Qwen3 8B",
        "Qwen3 14B",
        "Qwen3 32B",
    ]


@given(st.lists(st.text()))
def test_any_names_can_be_sorted(texts: list[str]) -> None:
    assert len(sorted(texts, key=natural)) == len(texts)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": Kind.EMBEDDING}, [BERT]),
        ({"feature": "tools"}, [QWEN]),
        ({"feature": "vision"}, [GEMMA]),
        ({"program": ""}, [QWEN]),
        ({"program": "Ollama"}, [BERT]),
        ({"fits": Computer(memory=Memory(MEMORY, MEMORY))}, [BERT, QWEN]),
        ({"presence": Presence.AWAY}, []),
        ({"words": "q4"}, [QWEN]),
        ({"words": "GOOGLE q8_0"}, [GEMMA]),
        ({"words": "nomic:v1.5"}, [BERT]),
        ({"words": "lm studio"}, [GEMMA]),
        ({"words": "models/qwen3"}, [QWEN]),
        ({"words": "qwen bert"}, []),
        ({"words": "  "}, [GEMMA, BERT, QWEN]),
    ],
)
def test_filters_let_through_what_they_name(
    filters: dict[str, Any], expected: list[LibraryModel]
) -> None:
    assert arranged(ALL, **filters) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a-00001-of-00003.gguf", ("a", 1, 3)),
        ("a-b-00003-of-00003.GGUF", ("a-b", 3, 3)),
        ("a-00004-of-00003.gguf", None),
        ("a-00000-of-00003.gguf", None),
        ("a-1-of-3.gguf", None),
        ("a-00001-of-00003.gguf.part", None),
        ("-00001-of-00002.gguf", None),
    ],
)
def test_parts_of_split_models_are_told_by_their_names(
    name: str, expected: tuple[str, int, int] | None
) -> None:
    assert names.part(name) == expected


def test_unfinished_downloads_are_told_by_their_names() -> None:
    for name in ("m.gguf.part", "m.gguf.downloadInProgress", "incomplete-m.gguf",
                 "downloading_m.gguf.part", "m.gguf.1a2b3c4d.incomplete", "M.GGUF.crdownload",
                 "m.gguf.aria2"):  # fmt: skip
        assert (names.unfinished(name) or "").lower() == "m.gguf", name
        assert not names.is_model(name), name
    for name in ("m.gguf", "M.gguf", "m2.gguf.part", "m.gguf.txt", "m.gguf2.part"):
        assert (names.unfinished(name) or "").lower() != "m.gguf", name


def test_hidden_files_and_resource_forks_are_no_models() -> None:
    assert names.is_model("a.GGUF")
    assert not names.is_model("._a.gguf")
    assert not names.is_model(".gguf")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("registry.ollama.ai", "library", "llama3.2", "latest"), "llama3.2:latest"),
        (("registry.ollama.ai", "jane", "mine", "7b"), "jane/mine:7b"),
        (("hf.co", "bartowski", "Qwen-GGUF", "Q4_K_M"), "hf.co/bartowski/Qwen-GGUF:Q4_K_M"),
        (("example.com", "library", "x", "latest"), "example.com/library/x:latest"),
    ],
)
def test_models_of_ollama_are_called_as_ollama_calls_them(
    parts: tuple[str, ...], expected: str
) -> None:
    assert ollama.name_of(parts) == expected


def test_simple_yaml_is_read_with_quotes_and_comments() -> None:
    content = (
        "# a comment\n"
        "model_path: llamacpp/models/a/model.gguf  # where\n"
        'name: "A \\"good\\" one"\n'
        "path: 'it''s'\n"
        'windows: "C:\\Users\\me"\n'
        "settings:\n"
        "  name: inner\n"
        "- item: x\n"
        "size_bytes: 12\n"
        "no colon\n"
    )
    assert reading.pairs(content) == {
        "model_path": "llamacpp/models/a/model.gguf",
        "name": 'A "good" one',
        "path": "it's",
        "windows": "C:\\Users\\me",
        "settings": "",
        "size_bytes": "12",
    }


def test_paths_are_read_as_people_write_them(tmp_path: Path) -> None:
    places = Places(tmp_path, {"A": f' "{tmp_path}/x" ', "B": "~/y", "C": "relative", "D": "a\0b"})
    assert places.variable("A") == tmp_path / "x"
    assert places.variable("B") == tmp_path / "y"
    assert places.variable("C") is None
    assert places.variable("D") is None
    assert places.variable("E") is None


def test_files_whose_content_is_in_the_cloud_are_told_from_others() -> None:
    def status(**fields: int) -> Any:
        return SimpleNamespace(**fields)

    assert is_in_cloud(status(st_file_attributes=0x400000))
    assert is_in_cloud(status(st_file_attributes=0x1020))
    assert is_in_cloud(status(st_flags=0x40000000))
    assert not is_in_cloud(status(st_file_attributes=0x20))
    assert not is_in_cloud(status())
