"""What a header tells of a model: its kind, what it can do, its licence; and all keys in words."""

from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelFileError
from app.gguf import LongArray
from app.library import details, facts
from app.library.facts import Facts
from app.library.records import Kind
from tests.fakes import gguf_small


@pytest.mark.parametrize(
    ("architecture", "keys", "kind"),
    [
        ("llama", {}, Kind.CHAT),
        ("a-new-one", {}, Kind.CHAT),
        ("bert", {}, Kind.EMBEDDING),
        ("nomic-bert-moe", {}, Kind.EMBEDDING),
        ("gemma-embedding", {}, Kind.EMBEDDING),
        ("qwen3", {"qwen3.pooling_type": 3}, Kind.EMBEDDING),
        ("qwen3", {"qwen3.pooling_type": 0}, Kind.CHAT),
        ("qwen3", {"qwen3.pooling_type": 4}, Kind.OTHER),  # it ranks texts
        ("clip", {}, Kind.PROJECTOR),
        ("llama", {"general.type": "mmproj"}, Kind.PROJECTOR),
        ("llama", {"general.type": "adapter"}, Kind.ADAPTER),
        ("llama", {"adapter.type": "lora"}, Kind.ADAPTER),
        ("llama", {"general.type": "imatrix"}, Kind.OTHER),
        ("llama", {"general.type": "something new"}, Kind.OTHER),
        ("flux", {}, Kind.OTHER),
        ("whisper", {}, Kind.OTHER),
        ("llama", {"general.type": "model", "split.count": 2}, Kind.CHAT),
    ],
)
def test_the_kind_is_told_by_the_header(
    tmp_path: Path, architecture: str, keys: dict[str, Any], kind: Kind
) -> None:
    file = gguf_small.write_keys(tmp_path / "m.gguf", keys, architecture=architecture)
    assert facts.read(file).kind is kind


def test_an_adapter_is_told_by_its_tensors_alone(tmp_path: Path) -> None:
    tensors = ("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b")
    assert facts.read(gguf_small.write(tmp_path / "l.gguf", tensors=tensors)).kind is Kind.ADAPTER


def test_the_first_part_of_a_split_model_may_hold_no_weights(tmp_path: Path) -> None:
    file = gguf_small.write(tmp_path / "m-00001-of-00002.gguf", tensors=(), split__count=2)
    assert facts.read(file).kind is Kind.CHAT
    assert facts.read(gguf_small.vocabulary(tmp_path / "v.gguf")).kind is Kind.VOCABULARY


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (gguf_small.CHAT, {"template"}),
        (gguf_small.TOOLS, {"template", "tools"}),
        (gguf_small.THINKING, {"template", "thinking"}),
        ("{{ message.tool_calls }}", {"template", "tools"}),
        ("{% if thinking %}x{% endif %}", {"template", "thinking"}),
        ("{{ content.split('</think>')[-1] }}", {"template", "thinking"}),
        ("<|start|>assistant<|channel|>analysis", {"template", "thinking"}),
        ("{# tools and enable_thinking #}", {"template"}),
        ("stools, rethinking", {"template"}),
        ("", set()),
    ],
)
def test_the_template_tells_what_a_model_can_do(
    tmp_path: Path, template: str, expected: set[str]
) -> None:
    file = gguf_small.write(tmp_path / "m.gguf", tokenizer__chat_template=template)
    assert facts.read(file).features == expected


def test_named_templates_count_too(tmp_path: Path) -> None:
    keys = {
        "tokenizer.chat_template": gguf_small.CHAT,
        "tokenizer.chat_template.tool_use": gguf_small.TOOLS,
    }
    file = gguf_small.write_keys(tmp_path / "m.gguf", keys)
    assert facts.read(file).features == {"template", "tools"}


@pytest.mark.parametrize(
    ("keys", "licence"),
    [
        ({"general.license": "apache-2.0"}, "apache-2.0"),
        ({"general.license": "other", "general.license.name": "gemma"}, "gemma"),
        ({"general.license": ["mit", "apache-2.0"]}, "mit, apache-2.0"),
        ({"general.license": 3}, ""),
        ({}, ""),
    ],
)
def test_the_licence_is_its_short_name(tmp_path: Path, keys: dict[str, Any], licence: str) -> None:
    assert facts.read(gguf_small.write_keys(tmp_path / "m.gguf", keys)).licence == licence


def test_names_of_strangers_are_one_line_of_some_length(tmp_path: Path) -> None:
    keys = {"general.name": " A\n\0name\u202e " + "x" * 10_000}
    name = facts.read(gguf_small.write_keys(tmp_path / "m.gguf", keys)).name
    assert name.startswith("A name x")
    assert len(name) == 200
    blank = gguf_small.write_keys(tmp_path / "b.gguf", {"general.name": " \n"})
    assert facts.read(blank).name == "b"


def test_facts_survive_the_database() -> None:
    for one in (
        Facts(),
        Facts(Kind.EMBEDDING, "N", "bert", 3, "Q8_0", 512, "mit", "d", frozenset("ab"), 7, "p"),
    ):
        assert Facts.from_json(one.as_json()) == one


def test_every_key_is_shown_with_its_type_and_value(tmp_path: Path) -> None:
    keys = {
        "general.name": "A name\nof two lines",
        "a.count": 7,
        "a.share": 0.25,
        "a.flag": True,
        "a.few": [1, 2, 3],
        "a.many": list(range(100)),
        "a.huge": list(range(5000)),
        "a.words": [f"word {number}" for number in range(5000)],
        "tokenizer.chat_template": "x" * 500,
    }
    read = details.read(gguf_small.write_keys(tmp_path / "m.gguf", keys))
    shown = {entry.key: (entry.type, entry.shown) for entry in read.entries}
    assert shown == {
        "general.architecture": ("text", "llama"),
        "general.name": ("text", "A name ↵ of two lines"),
        "a.count": ("whole number", "7"),
        "a.share": ("number", "0.25"),
        "a.flag": ("yes or no", "yes"),
        "a.few": ("list of whole numbers", "1, 2, 3"),
        "a.many": ("list of whole numbers", "0, 1, 2, 3, 4, 5, 6, 7, … (100 in all)"),
        "a.huge": ("list of whole numbers", "5,000 whole numbers"),
        "a.words": ("list of texts", "5,000 texts"),
        "tokenizer.chat_template": ("text", "x" * 200 + "…"),
    }
    whole = {entry.key: entry.value for entry in read.entries}
    assert whole["tokenizer.chat_template"] == "x" * 500
    assert whole["a.many"].endswith("98, 99")
    assert (read.version, read.tensors, read.tensor_types) == (3, 1, (("F32", 1),))


def test_lists_of_every_kind_have_a_name() -> None:
    assert details.entry("k", ()).type == "list of nothing"
    assert details.entry("k", LongArray(6, 9)).type == "list of numbers"
    assert details.entry("k", LongArray(7, 9)).type == "list of yes or no"
    assert details.entry("k", (True, False)).shown == "yes, no"


def test_details_of_what_is_no_model_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        details.read(file)
