"""Writes models with the widths, heads and vocabularies of real ones, which llama.cpp loads.

Their weights are holes in a sparse file, which read as zeros: a model of gigabytes is written in
milliseconds and takes no room on the disk. What a model costs in memory does not depend on what its
weights say.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

from app.gguf.tables import TENSOR_TYPES
from tests.fakes.shaped_tensors import everything

ALIGNMENT = 32
_OWN = (  # facts for the list of tensors alone
    "architecture", "tied", "mixer", "no_ffn", "extra_norms", "fused", "biases", "sinks",
    "head_norms", "step_norms", "gated", "ffn_norm", "altup",
)  # fmt: skip
Facts = dict[str, Any]


def _dense(architecture: str, sizes: str, **more: Any) -> Facts:
    """Facts from “width ffn heads kv_heads vocabulary layers”."""
    width, inner, heads, kv_heads, vocabulary, layers = map(int, sizes.split())
    return {
        "architecture": architecture,
        "embedding_length": width,
        "feed_forward_length": inner,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "vocab_size": vocabulary,
        "block_count": layers,
        "context_length": 131_072,
        "attention.layer_norm_rms_epsilon": 1e-6,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def _heads(size: int) -> Facts:
    return {"attention.key_length": size, "attention.value_length": size}


def _ssm(inner: int, state: int, rank: int, groups: int = 0) -> Facts:
    known = {"ssm.inner_size": inner, "ssm.state_size": state, "ssm.time_step_rank": rank}
    return {**known, "ssm.conv_kernel": 4, **({"ssm.group_count": groups} if groups else {})}


def _experts(count: int, used: int, width: int) -> Facts:
    known = {"expert_count": count, "expert_used_count": used}
    return {**known, "expert_feed_forward_length": width}


def _hybrid(facts: Facts, every: int, mixer: str) -> Facts:
    """The same with attention in every `every`-th layer alone."""
    layers, kv_heads = facts["block_count"], facts["attention.head_count_kv"]
    listed = [kv_heads if layer % every == every - 1 else 0 for layer in range(layers)]

    def kind(layer: int) -> str:
        return "attention" if layer % every == every - 1 else mixer

    # Qwen3next knows the layers by their interval, the others by where there are KV heads.
    heads = kv_heads if mixer == "delta_net" else listed
    return {**facts, "attention.head_count_kv": heads, "mixer": kind}


def _models() -> dict[str, Facts]:
    gemma = {"extra_norms": ("post_attention_norm", "post_ffw_norm"), "tied": True, **_heads(256)}
    after = {"extra_norms": ("post_attention_norm",), "ffn_norm": ""}
    latent = {
        "mixer": "latent", "attention.kv_lora_rank": 512, "attention.q_lora_rank": 768,
        "rope.dimension_count": 64, "attention.key_length": 576, "attention.value_length": 512,
        "attention.key_length_mla": 256, "attention.value_length_mla": 256,
        "leading_dense_block_count": 1, "expert_shared_count": 1, "expert_weights_scale": 1.8,
        "expert_gating_func": 2, "expert_weights_norm": True,
    }  # fmt: skip
    return {
        "llama": _dense("llama", "4096 14336 32 8 128256 32", rope__dimension_count=128),
        "qwen2": _dense("qwen2", "3584 18944 28 4 152064 28", biases=True),
        "qwen3": _dense("qwen3", "4096 12288 32 8 151936 36", head_norms=True) | _heads(128),
        "gemma2": _dense("gemma2", "3584 14336 16 8 256000 42")
        | {**gemma, "attention.sliding_window": 4096, "attn_logit_softcapping": 50.0}
        | {"final_logit_softcapping": 30.0},
        "gemma3": _dense("gemma3", "2560 10240 8 4 262144 34")
        | {**gemma, "attention.sliding_window": 1024, "head_norms": True},
        "gemma3n": _dense("gemma3n", "2048 8192 8 2 262144 30", altup=True)
        | {**gemma, "attention.sliding_window": 512, "head_norms": True}
        | {"final_logit_softcapping": 30.0},
        "phi3": _dense("phi3", "3072 8192 32 32 32064 32", fused=True, rope__dimension_count=96),
        "mixtral": _dense("llama", "4096 14336 32 8 32000 32", rope__dimension_count=128)
        | {"expert_count": 8, "expert_used_count": 2},
        "qwen3moe": _dense("qwen3moe", "2048 6144 32 4 151936 48", head_norms=True)
        | {**_experts(128, 8, 768), **_heads(128)},
        "gpt-oss": _dense("gpt-oss", "2880 2880 64 8 201088 24", biases=True, sinks=True)
        | {**_experts(32, 4, 2880), **_heads(64), **after, "rope.dimension_count": 64}
        | {"attention.sliding_window": 128},
        "deepseek2": _dense("deepseek2", "2048 10240 20 1 154880 47")
        | {**latent, **_experts(64, 4, 1536)},
        "mamba": _dense("mamba", "2560 0 0 0 50280 64", mixer="mamba", no_ffn=True, tied=True)
        | _ssm(5120, 16, 160),
        "mamba2": _dense("mamba2", "2560 0 0 0 50288 64", mixer="mamba2", no_ffn=True, tied=True)
        | _ssm(5120, 128, 80, 1),
        "jamba": _hybrid(
            _dense("jamba", "2560 8192 20 4 65536 28", step_norms=True) | _ssm(5120, 16, 160),
            every=7, mixer="mamba",
        ),
        "lfm2": _hybrid(
            _dense("lfm2", "2048 8192 32 8 65536 16", head_norms=True, tied=True)
            | {"shortconv.l_cache": 3},
            every=3, mixer="shortconv",
        ),
        "falcon-h1": _dense("falcon-h1", "2048 4096 8 2 65536 24", mixer="attention+mamba2")
        | {**_ssm(3072, 256, 48, 1), **_heads(128), "ffn_norm": "ffn_norm"},
        "granitehybrid": _hybrid(
            _dense("granitehybrid", "1536 512 12 4 100352 40", tied=True)
            | {**_ssm(3072, 128, 48, 1), "expert_count": 64, "expert_used_count": 6}
            | {"expert_shared_feed_forward_length": 1024},
            every=10, mixer="mamba2",
        ),
        "qwen3next": _hybrid(
            _dense("qwen3next", "2048 5120 16 2 151936 48", gated=True, head_norms=True)
            | {**_experts(512, 10, 512), **_ssm(4096, 128, 32, 16), **_heads(256), **after}
            | {"expert_shared_feed_forward_length": 512, "rope.dimension_count": 64},
            every=4, mixer="delta_net",
        ),
    }  # fmt: skip


def names() -> list[str]:
    """The models that can be written."""
    return list(_models())


def write(
    path: Path,
    name: str,
    *,
    layers: int | None = None,
    vocabulary: int | None = None,
    words: bool = False,
) -> Path:
    """A model of that name, one of `names`.

    Args:
        path: where to; a file that is there is replaced.
        name: which model.
        layers: how many of its layers, instead of all.
        vocabulary: how many tokens, instead of the real number, which for a load of a few layers
            is most of what must be read.
        words: whether it has a vocabulary of its own size, so that it can be measured whole; else
            it has none, and is written and loaded quicker.
    """
    facts = _models()[name]
    facts["block_count"] = layers or facts["block_count"]
    facts["vocab_size"] = vocabulary or facts["vocab_size"]
    heads = facts["attention.head_count_kv"]
    if isinstance(heads, list):
        facts["attention.head_count_kv"] = heads[: facts["block_count"]]
    writer = GGUFWriter(path, facts["architecture"])
    writer.add_file_type(15)
    for key, value in facts.items():
        if key not in _OWN:
            _add(writer, f"{facts['architecture']}.{key}", value)
    _vocabulary(writer, facts["vocab_size"], words=words)
    end = 0
    for tensor, shape in everything(facts).items():
        kind = _type(tensor, shape)
        _, block, size = TENSOR_TYPES[kind]
        count = math.prod(shape) // block * size
        end += -(-count // ALIGNMENT) * ALIGNMENT
        writer.add_tensor_info(
            tensor, shape[::-1], np.dtype(np.float32), count, GGMLQuantizationType(kind)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    data = -(-path.stat().st_size // ALIGNMENT) * ALIGNMENT
    os.truncate(path, data + end)
    return path


def _type(name: str, shape: tuple[int, ...]) -> int:
    """Q4_K as in a usual file, the output in Q6_K, and F32 for what is small."""
    small = (
        "altup_co",
        "altup_pr",
        "altup_router",
        "ssm_conv1d",
        "ssm_a",
        "ssm_d",
        "ssm_x",
        "ssm_dt",
        "shortconv.conv.",
        "ffn_gate_inp",
    )
    if len(shape) == 1 or "norm" in name or name.endswith("bias") or any(s in name for s in small):
        return 0
    if shape[0] % 256:
        return 8
    return 14 if name in ("output.weight", "token_embd.weight") else 12


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    adders: dict[type, Callable[[str, Any], None]] = {
        bool: writer.add_bool,
        int: writer.add_uint32,
        float: writer.add_float32,
        list: writer.add_array,
    }
    adders[type(value)](key, value)


def _vocabulary(writer: GGUFWriter, size: int, *, words: bool) -> None:
    if not words:
        writer.add_tokenizer_model("no_vocab")
        return
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"Ġword{number}" for number in range(size)])
    writer.add_token_types([TokenType.NORMAL] * size)
    writer.add_token_merges([f"Ġword{number} s" for number in range(size)])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
