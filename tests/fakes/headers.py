"""Headers of models that are not there, with the tensors that such models have."""

from __future__ import annotations

from pathlib import Path

from app.gguf import Header, Tensor, Value

Q8_0 = 8  # ggml.h, enum ggml_type
Q8_0_BYTES = 34 / 32  # of a weight


def dense(
    layers: int = 32,
    width: int = 4096,
    *,
    heads: int = 32,
    kv_heads: int = 8,
    vocabulary: int = 128_256,
    trained: int = 131_072,
    experts: int = 0,
    **keys: Value,
) -> Header:
    """A Llama in Q8_0, as wide as wanted; with `experts` a mixture of them."""
    inner = width * 7 // 2
    rows = width * kv_heads // heads
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": "Some Llama",
        "llama.context_length": trained,
        "llama.block_count": layers,
        "llama.embedding_length": width,
        "llama.feed_forward_length": inner,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv_heads,
        "llama.vocab_size": vocabulary,
        **{f"llama.{name.replace('__', '.')}": value for name, value in keys.items()},
    }
    if experts:
        metadata |= {"llama.expert_count": experts, "llama.expert_used_count": 2}
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (width, vocabulary),
        "output.weight": (width, vocabulary),
    }
    for number in range(layers):
        shapes |= {
            f"blk.{number}.{name}.weight": shape
            for name, shape in {
                "attn_q": (width, width),
                "attn_k": (width, rows),
                "attn_v": (width, rows),
                "attn_output": (width, width),
            }.items()
        }
        many = "_exps" if experts else ""
        more = (experts,) if experts else ()
        shapes |= {
            f"blk.{number}.ffn_gate{many}.weight": (width, inner, *more),
            f"blk.{number}.ffn_up{many}.weight": (width, inner, *more),
            f"blk.{number}.ffn_down{many}.weight": (inner, width, *more),
        }
    tensors = tuple(Tensor(name, shape, Q8_0, 0) for name, shape in shapes.items())
    size = round(sum(tensor.elements for tensor in tensors) * Q8_0_BYTES)
    return Header(3, metadata, tensors, 0, size, Path("/models/some.gguf"))
