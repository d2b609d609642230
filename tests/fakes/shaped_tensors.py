"""The tensors of real architectures, by name and shape, as llama.cpp's loader asks for them.

Shapes are in GGUF's order, the fastest dimension first. Source: src/models/*.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shapes = dict[str, tuple[int, ...]]
Facts = Mapping[str, Any]


def everything(facts: Facts) -> Shapes:
    """All tensors of a model with those facts (see tests.fakes.shaped_models)."""
    width, vocabulary = facts["embedding_length"], facts["vocab_size"]
    norm = "token_embd_norm" if facts["architecture"].startswith("lfm2") else "output_norm"
    found: Shapes = {"token_embd.weight": (width, vocabulary), f"{norm}.weight": (width,)}
    if not facts.get("tied"):
        found["output.weight"] = (width, vocabulary)
    if facts.get("altup"):
        found |= _shared_by_altup(facts)
    for layer in range(facts["block_count"]):
        for name, shape in _layer(facts, layer).items():
            found[f"blk.{layer}.{name}"] = shape
    return found


def per_layer(facts: Facts, key: str, layer: int) -> int:
    """A fact that may differ from layer to layer."""
    value = facts.get(key, 0)
    return int(value[layer]) if isinstance(value, list) else int(value)


def _layer(facts: Facts, layer: int) -> Shapes:
    width = facts["embedding_length"]
    found: Shapes = {"attn_norm.weight": (width,)}
    mixer = facts.get("mixer", "attention")
    if callable(mixer):
        mixer = mixer(layer)
    for kind in mixer.split("+"):
        found |= _MIXERS[kind](facts, layer)
    if not facts.get("no_ffn"):
        found |= _feed_forward(facts, layer)
    for name in facts.get("extra_norms", ()):
        found[f"{name}.weight"] = (width,)
    if facts.get("altup"):
        found |= _altup(width)
    return found


ALTUP, ALTUP_WIDTH, LAUREL_RANK = 4, 256, 64  # of gemma3n; llama-hparams.h


def _shared_by_altup(facts: Facts) -> Shapes:
    width, whole = facts["embedding_length"], ALTUP_WIDTH * facts["block_count"]
    return {
        "per_layer_token_embd.weight": (whole, facts["vocab_size"]),
        "per_layer_model_proj.weight": (width, whole),
        "per_layer_proj_norm.weight": (ALTUP_WIDTH,),
        "altup_proj.weight": (width, width, ALTUP - 1),
        "altup_unembd_proj.weight": (width, width, ALTUP - 1),
    }


def _altup(width: int) -> Shapes:
    return {
        "inp_gate.weight": (width, ALTUP_WIDTH),
        "proj.weight": (ALTUP_WIDTH, width),
        "post_norm.weight": (width,),
        "altup_correct_coef.weight": (ALTUP, ALTUP),
        "altup_correct_scale.weight": (width,),
        "altup_predict_coef.weight": (ALTUP, ALTUP * ALTUP),
        "altup_router.weight": (width, ALTUP),
        "altup_router_norm.weight": (width,),
        "laurel_l.weight": (width, LAUREL_RANK),
        "laurel_r.weight": (LAUREL_RANK, width),
        "laurel_post_norm.weight": (width,),
    }


def _attention(facts: Facts, layer: int) -> Shapes:
    width, heads = facts["embedding_length"], facts["attention.head_count"]
    head = facts.get("attention.key_length", width // heads)
    kv = head * per_layer(facts, "attention.head_count_kv", layer)
    queries = head * heads * (2 if facts.get("gated") else 1)
    found: Shapes = {"attn_output.weight": (head * heads, width)}
    if facts.get("fused"):
        found["attn_qkv.weight"] = (width, queries + 2 * kv)
    else:
        found["attn_q.weight"] = (width, queries)
        found["attn_k.weight"] = found["attn_v.weight"] = (width, kv)
    if facts.get("biases"):
        found["attn_q.bias"] = (queries,)
        found["attn_k.bias"] = found["attn_v.bias"] = (kv,)
    if facts.get("sinks"):
        found["attn_output.bias"], found["attn_sinks.weight"] = (width,), (heads,)
    if facts.get("head_norms"):
        found["attn_q_norm.weight"] = found["attn_k_norm.weight"] = (head,)
    return found


def _latent(facts: Facts, layer: int) -> Shapes:
    width, heads = facts["embedding_length"], facts["attention.head_count"]
    rank, turned = facts["attention.kv_lora_rank"], facts["rope.dimension_count"]
    query_rank = facts["attention.q_lora_rank"]
    key, value = facts["attention.key_length_mla"], facts["attention.value_length_mla"]
    return {
        "attn_q_a_norm.weight": (query_rank,),
        "attn_q_a.weight": (width, query_rank),
        "attn_q_b.weight": (query_rank, heads * key),
        "attn_kv_a_norm.weight": (rank,),
        "attn_kv_a_mqa.weight": (width, rank + turned),
        "attn_k_b.weight": (key - turned, rank, heads),
        "attn_v_b.weight": (rank, value, heads),
        "attn_output.weight": (heads * value, width),
    }


def _mamba(facts: Facts, layer: int) -> Shapes:
    width, inner = facts["embedding_length"], facts["ssm.inner_size"]
    state, rank = facts["ssm.state_size"], facts["ssm.time_step_rank"]
    found: Shapes = {
        "ssm_in.weight": (width, 2 * inner),
        "ssm_conv1d.weight": (facts["ssm.conv_kernel"], inner),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (inner, rank + 2 * state),
        "ssm_dt.weight": (rank, inner),
        "ssm_dt.bias": (inner,),
        "ssm_a": (state, inner),
        "ssm_d": (inner,),
        "ssm_out.weight": (inner, width),
    }
    if facts.get("step_norms"):
        found["ssm_dt_norm.weight"] = (rank,)
        found["ssm_b_norm.weight"] = found["ssm_c_norm.weight"] = (state,)
    return found


def _mamba2(facts: Facts, layer: int) -> Shapes:
    width, inner, heads = (
        facts[key] for key in ("embedding_length", "ssm.inner_size", "ssm.time_step_rank")
    )
    groups = facts["ssm.group_count"]
    mixed = inner + 2 * groups * facts["ssm.state_size"]
    return {
        "ssm_in.weight": (width, inner + mixed + heads),
        "ssm_conv1d.weight": (facts["ssm.conv_kernel"], mixed),
        "ssm_conv1d.bias": (mixed,),
        "ssm_dt.bias": (heads,),
        "ssm_a": (1, heads),
        "ssm_d": (1, heads),
        "ssm_norm.weight": (inner // groups, groups),
        "ssm_out.weight": (inner, width),
    }


def _delta_net(facts: Facts, layer: int) -> Shapes:
    width, inner, heads = (
        facts[key] for key in ("embedding_length", "ssm.inner_size", "ssm.time_step_rank")
    )
    keys = facts["ssm.state_size"] * facts["ssm.group_count"]
    return {
        "attn_qkv.weight": (width, 2 * keys + inner),
        "attn_gate.weight": (width, inner),
        "ssm_conv1d.weight": (facts["ssm.conv_kernel"], 2 * keys + inner),
        "ssm_dt.bias": (heads,),
        "ssm_a": (heads,),
        "ssm_ba.weight": (width, 2 * heads),
        "ssm_norm.weight": (facts["ssm.state_size"],),
        "ssm_out.weight": (inner, width),
    }


def _short_convolution(facts: Facts, layer: int) -> Shapes:
    width = facts["embedding_length"]
    return {
        "shortconv.conv.weight": (facts["shortconv.l_cache"], width),
        "shortconv.in_proj.weight": (width, 3 * width),
        "shortconv.out_proj.weight": (width, width),
    }


_MIXERS = {
    "attention": _attention,
    "latent": _latent,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "delta_net": _delta_net,
    "shortconv": _short_convolution,
}


def _feed_forward(facts: Facts, layer: int) -> Shapes:
    width, inner = facts["embedding_length"], per_layer(facts, "feed_forward_length", layer)
    # Gpt-oss and qwen3next name this norm after the attention.
    norm = facts.get("ffn_norm", "ffn_norm.weight")
    found: Shapes = {norm: (width,)} if norm else {}
    experts = facts.get("expert_count", 0)
    if not experts or layer < facts.get("leading_dense_block_count", 0):
        if not facts.get("fused"):
            found["ffn_gate.weight"] = (width, inner)
        found["ffn_up.weight"] = (width, 2 * inner if facts.get("fused") else inner)
        found["ffn_down.weight"] = (inner, width)
        return found
    each = facts.get("expert_feed_forward_length", inner)
    found["ffn_gate_inp.weight"] = (width, experts)
    found["ffn_gate_exps.weight"] = found["ffn_up_exps.weight"] = (width, each, experts)
    found["ffn_down_exps.weight"] = (each, width, experts)
    if facts.get("sinks"):
        found["ffn_gate_inp.bias"] = (experts,)
        found["ffn_gate_exps.bias"] = found["ffn_up_exps.bias"] = (each, experts)
        found["ffn_down_exps.bias"] = (width, experts)
    shared = facts.get("expert_shared_feed_forward_length", 0)
    shared = shared or each * facts.get("expert_shared_count", 0)
    if shared:
        found["ffn_gate_shexp.weight"] = found["ffn_up_shexp.weight"] = (width, shared)
        found["ffn_down_shexp.weight"] = (shared, width)
    if facts.get("gated"):
        found["ffn_gate_inp_shexp.weight"] = (width,)
    return found
