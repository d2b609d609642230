"""Headers that are damaged, or made to do harm, give a figure all the same."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.gguf import Header, LongArray, Tensor
from app.llm.optimizer.memory import CACHE_TYPES, Estimate, Kernels, LoadSettings, estimate

ARCHITECTURES = (
    "llama", "gemma3", "gemma3n", "gpt-oss", "deepseek2", "mamba", "mamba2", "jamba", "lfm2",
    "falcon-h1", "granitehybrid", "qwen3next", "rwkv7", "kimi-linear", "nemotron_h", "bert",
    "llama4", "", "what is this",
)  # fmt: skip
KEYS = (
    "block_count", "embedding_length", "feed_forward_length", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "vocab_size",
    "attention.key_length_mla", "attention.value_length_mla", "attention.sliding_window",
    "attention.sliding_window_pattern", "attention.shared_kv_layers", "attention.recurrent_layers",
    "full_attention_interval", "expert_count", "expert_used_count", "expert_feed_forward_length",
    "leading_dense_block_count", "nextn_predict_layers", "ssm.conv_kernel", "ssm.inner_size",
    "ssm.state_size", "ssm.group_count", "ssm.time_step_rank", "wkv.head_size", "kda.head_dim",
    "shortconv.l_cache", "token_shift_count",
)  # fmt: skip
TENSORS = (
    "token_embd.weight", "output.weight", "blk.0.attn_q.weight", "blk.0.attn_qkv.weight",
    "blk.0.ffn_up.weight", "blk.0.ffn_down.weight", "blk.1.ffn_down_exps.weight",
    "blk.1.ffn_gate_inp.weight", "blk.0.ssm_out.weight", "blk.999.attn_q.weight", "blk.x.y", "",
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(0, 64), st.sampled_from([-1, 0, 1, 1 << 31, (1 << 64) - 1]), st.integers()
)
ITEMS = st.one_of(NUMBERS, st.booleans(), st.floats(), st.text(max_size=3))
VALUES = st.one_of(
    ITEMS, st.lists(ITEMS, max_size=8).map(tuple), st.builds(LongArray, NUMBERS, NUMBERS)
)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    architecture = draw(st.sampled_from(ARCHITECTURES))
    stated = draw(st.dictionaries(st.sampled_from(KEYS), VALUES))
    metadata: dict[str, Any] = {f"{architecture}.{key}": value for key, value in stated.items()}
    metadata["general.architecture"] = architecture
    sizes = st.lists(st.one_of(st.integers(0, 9000), st.just(1 << 40)), max_size=4).map(tuple)
    tensors = draw(
        st.lists(
            st.builds(Tensor, st.sampled_from(TENSORS), sizes, st.integers(0, 60), st.just(0)),
            max_size=6,
        )
    )
    return Header(3, metadata, tuple(tensors), 0, draw(st.integers(0, 1 << 40)), Path("m.gguf"))


LOADS = st.builds(
    LoadSettings,
    n_ctx=NUMBERS,
    n_batch=NUMBERS,
    n_ubatch=NUMBERS,
    type_k=st.sampled_from([*CACHE_TYPES, "nonsense"]),
    type_v=st.sampled_from([*CACHE_TYPES, "nonsense"]),
    flash_attention=st.booleans(),
    use_mmap=st.booleans(),
    kernels=st.sampled_from(Kernels),
    n_gpu_layers=NUMBERS,
    tensor_split=st.lists(st.floats(), max_size=4).map(tuple),
    cpu_expert_layers=NUMBERS,
    n_sequences=NUMBERS,
    kv_unified=st.booleans(),
    swa_full=st.booleans(),
    n_outputs=NUMBERS,
)


def assert_sane(made: Estimate) -> None:
    for device in made.devices:
        parts = (device.weights, device.repacked, device.cache, device.state, device.compute)
        assert min(*parts, device.output, device.work, device.overhead) >= 0
    assert made.cpu.name == "CPU"
    assert made.total >= made.weights + made.cache


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(headers(), LOADS)
def test_any_header_gives_a_figure(header: Header, load: LoadSettings) -> None:
    assert_sane(estimate(header, load, adapters=[header], projector=header))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("number", [0, 1, 1 << 31, (1 << 64) - 1])
def test_the_same_number_everywhere_gives_a_figure(architecture: str, number: int) -> None:
    metadata: dict[str, Any] = {f"{architecture}.{key}": number for key in KEYS}
    header = Header(3, {"general.architecture": architecture, **metadata}, (), 0, 0)
    assert_sane(estimate(header, LoadSettings(8192, n_gpu_layers=-1)))
    assert_sane(estimate(header, LoadSettings(8192, flash_attention=False)))
