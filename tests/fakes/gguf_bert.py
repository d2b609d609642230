"""Writes a small, real BERT, which turns texts into vectors and cannot chat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, PoolingType, TokenType

WIDTH, FEED_FORWARD, LAYERS, HEADS, CONTEXT = 32, 64, 2, 4, 64
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN, BEGIN, END, MASK = 1, 2, 3, 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("the", "cat", "dog", "sat", "ran", "quick", "brown", "fox")


def write_bert(
    path: Path, *, pooling: PoolingType | None = PoolingType.MEAN, name: str = "Tiny BERT"
) -> Path:
    """A BERT of random F32 weights, the same for each way of pooling."""
    generator = np.random.default_rng(3)
    # A word begins with ▁; letters stand for themselves within a word.
    tokens = [*SPECIAL, *(f"▁{word}" for word in WORDS), *(f"▁{one}" for one in LETTERS), *LETTERS]
    writer = GGUFWriter(path, "bert")
    writer.add_name(name)
    writer.add_file_type(0)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    if pooling is not None:
        writer.add_pooling_type(pooling)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    ordinary = len(tokens) - len(SPECIAL)
    writer.add_token_types([TokenType.CONTROL] * len(SPECIAL) + [TokenType.NORMAL] * ordinary)
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_sep_token_id(END)
    writer.add_mask_token_id(MASK)

    def matrix(label: str, rows: int, columns: int) -> None:
        values = generator.standard_normal((rows, columns)) / np.sqrt(columns)
        writer.add_tensor(label, values.astype(np.float32))

    def norm(label: str) -> None:
        writer.add_tensor(f"{label}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{label}.bias", np.zeros(WIDTH, np.float32))

    matrix("token_embd.weight", len(tokens), WIDTH)
    matrix("position_embd.weight", CONTEXT, WIDTH)
    matrix("token_types.weight", 2, WIDTH)
    norm("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for label, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ):
            matrix(f"{block}{label}.weight", rows, columns)
            writer.add_tensor(f"{block}{label}.bias", np.zeros(rows, np.float32))
        norm(f"{block}attn_output_norm")
        norm(f"{block}layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
