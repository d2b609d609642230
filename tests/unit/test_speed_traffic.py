"""What a model goes through for each token, reckoned from its header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import gguf
from app.gguf import Header, Tensor
from app.llm.optimizer.memory import LoadSettings
from app.llm.optimizer.speed import traffic
from app.llm.optimizer.speed.traffic import Traffic
from tests.fakes import shaped_models
from tests.fakes.headers import dense

ON_CPU = LoadSettings(4096)
LLAMA = dense(layers=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shapes")


def shaped(folder: Path, name: str, layers: int = 8) -> Header:
    """A model with the tensors of a real one, but for a small vocabulary."""
    return gguf.read(
        shaped_models.write(folder / f"{name}.gguf", name, layers=layers, vocabulary=1024)
    )


def size_of(header: Header, *without: str) -> int:
    """Bytes of all tensors whose names do not begin so."""
    return sum(
        tensor.size or 0 for tensor in header.tensors if not tensor.name.startswith(without or "-")
    )


def alone(header: Header, depth: int = 0) -> Traffic:
    """On the processor."""
    (found,) = traffic.of(header, ON_CPU, depth)
    return found


def test_a_dense_model_goes_through_all_weights_but_the_table_of_its_input() -> None:
    found = alone(LLAMA)
    assert found.bytes == size_of(LLAMA, "token_embd")
    assert found.read == {"Q8_0": found.bytes}
    assert found.resident == found.bytes
    assert found.state == 0


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "phi3"])
def test_real_shapes_are_read_to_the_last_byte(folder: Path, name: str) -> None:
    header = shaped(folder, name)
    found = alone(header)
    assert found.bytes == size_of(header, "token_embd")
    assert found.read.keys() == {"Q4_K", "Q6_K", "F32"}


@pytest.mark.parametrize("name", ["gemma2", "gemma3", "mamba"])
def test_a_table_that_makes_the_output_too_is_read_once(folder: Path, name: str) -> None:
    header = shaped(folder, name)
    found = alone(header)
    assert found.bytes - found.state == size_of(header)
    assert "output.weight" not in {tensor.name for tensor in header.tensors}


def test_other_tables_are_looked_up_by_row(folder: Path) -> None:
    header = shaped(folder, "gemma3n")
    assert "per_layer_token_embd.weight" in {tensor.name for tensor in header.tensors}
    assert alone(header).bytes == size_of(header, "per_layer_token_embd")


@pytest.mark.parametrize(
    ("name", "share"), [("mixtral", 2 / 8), ("qwen3moe", 8 / 128), ("gpt-oss", 4 / 32)]
)
def test_of_experts_those_count_that_a_token_needs(folder: Path, name: str, share: float) -> None:
    header = shaped(folder, name)
    experts = sum(tensor.size or 0 for tensor in header.tensors if "_exps" in tensor.name)
    found = alone(header)
    rest = size_of(header, "token_embd") - experts
    assert experts > rest
    assert found.bytes == pytest.approx(rest + share * experts, rel=1e-3)
    assert found.resident == rest + experts, "they lie in memory all the same"


def test_the_output_is_made_once_for_a_whole_prompt() -> None:
    output = next(one for one in LLAMA.tensors if one.name == "output.weight")
    weights = sum(t.elements for t in LLAMA.tensors if t.name.startswith("blk"))
    assert alone(LLAMA).multiplied == {"Q8_0": weights}
    tied = replace(LLAMA, tensors=tuple(one for one in LLAMA.tensors if one is not output))
    assert alone(tied).multiplied == {"Q8_0": weights}


def test_norms_and_biases_multiply_nothing(folder: Path) -> None:
    assert "F32" not in alone(shaped(folder, "qwen2")).multiplied


def test_each_token_looks_at_those_before_it(folder: Path) -> None:
    """32 heads of 128 numbers: as many products with a key, and with a value."""
    assert alone(LLAMA, 0).attended == {128: 0}
    assert alone(LLAMA, 1).attended == {128: 4 * 32 * 256}
    assert alone(LLAMA, 1000).attended == {128: 1000 * 4 * 32 * 256}
    wide = alone(shaped(folder, "qwen3"), 10)
    assert wide.attended == {128: 10 * 8 * 32 * 256}


def test_a_sliding_window_is_looked_through_and_no_more(folder: Path) -> None:
    header = shaped(folder, "gemma2", layers=4)  # a window of 4,096 in every second layer
    one = alone(header, 1).attended[256]
    assert alone(header, 4096).attended[256] == 4096 * one
    assert alone(header, 8192).attended[256] == (8192 + 4096) * one // 2


def test_recurrent_layers_read_and_write_their_state_and_look_at_nothing(folder: Path) -> None:
    mamba = alone(shaped(folder, "mamba"), 1000)
    assert mamba.attended == {}
    assert mamba.state == 2 * 8 * 4 * (5120 * 16 + 3 * 5120)
    assert mamba.bytes == sum(mamba.read.values()) + mamba.state
    hybrid = alone(shaped(folder, "qwen3next"), 1000)
    assert hybrid.attended == {256: 1000 * 2 * 16 * 512}, "every fourth layer"
    assert hybrid.state > 0
    both = alone(shaped(folder, "falcon-h1"), 1000)
    assert both.attended[128] == 1000 * 8 * 8 * 256, "its layers do both"
    assert both.state > 0


def test_short_rows_are_counted_beyond_those_of_wide_matrices() -> None:
    assert alone(dense(layers=2)).short_rows == 0
    narrow = dense(layers=1, width=512, heads=8, kv_heads=8, vocabulary=2000)
    rows = sum(t.shape[1] for t in narrow.tensors if t.shape[0] == 512) - 2000  # the table
    more = rows - rows * 512 // 2048
    down = next(t.shape for t in narrow.tensors if "ffn_down" in t.name)
    assert alone(narrow).short_rows == pytest.approx(
        more + down[1] - down[0] * down[1] / 2048, rel=0.01
    )


# Several devices


def test_layers_on_a_card_are_its_work() -> None:
    here, card = traffic.of(LLAMA, LoadSettings(4096, n_gpu_layers=3), 10)
    whole = alone(LLAMA, 10)
    of_two = sum(t.size or 0 for t in LLAMA.tensors if t.name.startswith(("blk.0", "blk.1")))
    assert here.bytes == of_two
    assert here.bytes + card.bytes == whole.bytes
    assert here.attended[128] == card.attended[128] == whole.attended[128] // 2
    assert here.steps + card.steps == whole.steps
    everything = traffic.of(LLAMA, LoadSettings(4096, n_gpu_layers=-1), 10)
    assert (everything[0].bytes, everything[0].steps, everything[0].attended) == (0, 0, {})
    assert everything[1] == whole


def test_two_cards_share_by_their_parts() -> None:
    made = LoadSettings(4096, n_gpu_layers=-1, tensor_split=(3.0, 1.0))
    here, first, second = traffic.of(dense(layers=15), made)
    assert here.bytes == 0
    assert first.bytes > 2 * second.bytes > 0


def test_experts_that_stay_in_memory_are_the_processors_work(folder: Path) -> None:
    header = shaped(folder, "mixtral", layers=4)
    here, card = traffic.of(header, LoadSettings(4096, n_gpu_layers=-1, cpu_expert_layers=2))
    experts = sum(t.size or 0 for t in header.tensors if "_exps" in t.name)
    assert here.bytes == pytest.approx(experts / 2 * 2 / 8, rel=1e-3)
    assert here.bytes + card.bytes == pytest.approx(alone(header).bytes, rel=1e-6)


# What is not known


def test_of_a_split_model_nothing_is_known() -> None:
    part = replace(LLAMA, metadata={**LLAMA.metadata, "split.count": 3})
    assert traffic.of(part, ON_CPU) == []
    assert traffic.of(replace(LLAMA, tensors=()), ON_CPU) == []
    whole = replace(LLAMA, metadata={**LLAMA.metadata, "split.count": 1})
    assert traffic.of(whole, ON_CPU) == traffic.of(LLAMA, ON_CPU)


def test_a_type_that_is_newer_than_the_table_is_taken_for_a_wide_one() -> None:
    unknown = Tensor("blk.0.attn_q.weight", (4096, 4096), 999, 0)
    header = replace(LLAMA, tensors=(*LLAMA.tensors[:2], unknown))
    assert alone(header).read["F32"] == 4 * 4096 * 4096


numbers = st.one_of(st.integers(-5, 5), st.integers(0, 1 << 20), st.integers(-(1 << 63), 1 << 64))


@settings(max_examples=60, deadline=None)
@given(
    keys=st.dictionaries(
        st.sampled_from([
            "block_count", "embedding_length", "attention__head_count", "attention__key_length",
            "attention__head_count_kv", "expert_count", "expert_used_count", "split__count",
            "attention__sliding_window", "ssm__state_size", "ssm__inner_size", "vocab_size",
        ]),
        numbers,
    ),
    shape=st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple),
    name=st.sampled_from(["output.weight", "blk.0.ffn_up_exps.weight", "blk.999999.x", "rope"]),
    layers=st.integers(-2, 9),
    depth=st.integers(0, 1 << 30),
)  # fmt: skip
def test_no_header_is_too_odd_to_be_reckoned_with(
    keys: dict[str, int], shape: tuple[int, ...], name: str, layers: int, depth: int
) -> None:
    header = dense(layers=2, width=64, heads=2, kv_heads=1, vocabulary=100, **keys)
    header = replace(header, tensors=(*header.tensors, Tensor(name, shape, 12, 0)))
    for device in traffic.of(header, LoadSettings(512, n_gpu_layers=layers), depth):
        assert device.bytes >= 0
        assert device.steps >= 0
        assert min(device.attended.values(), default=0) >= 0
