"""Writes small, real LoRA adapters for the models of gguf_models.py, and the merged models."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFWriter

from tests.fakes.gguf_models import Shape

RANK = 4
ALPHA = 8.0  # an adapter's own strength is ALPHA / RANK
CHANGED = ("attn_q", "ffn_down")


def write_lora(
    path: Path,
    *,
    shape: Shape | None = None,
    seed: int = 5,
    kind: str = "adapter",
    method: str = "lora",
    parts: Sequence[str] = ("lora_a", "lora_b"),
    tensors: Sequence[str] = CHANGED,
    invocation: Sequence[int] = (),
) -> Path:
    """An adapter of random factors for each layer's `tensors`; `parts` can leave one factor out."""
    shape = shape or Shape()
    writer = GGUFWriter(path, shape.architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", method)
    writer.add_float32("adapter.lora.alpha", ALPHA)
    if invocation:
        writer.add_array("adapter.alora.invocation_tokens", list(invocation))
    for name, factors in _factors(shape, seed, tensors).items():
        for part, values in zip(("lora_a", "lora_b"), factors, strict=True):
            if part in parts:
                writer.add_tensor(f"{name}.{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_merged(model: Path, path: Path, scale: float, *, seed: int = 5) -> Path:
    """A copy of a random model whose weights contain the adapter of `seed`, `scale` times."""
    shutil.copy(model, path)
    reader = GGUFReader(path, "r+")
    known = {tensor.name: tensor.data for tensor in reader.tensors}
    for name, (down, up) in _factors(Shape(), seed, CHANGED).items():
        known[name] += (scale * ALPHA / RANK * (up @ down)).astype(np.float32)
    reader.data.flush()
    return path


def _factors(shape: Shape, seed: int, tensors: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """For each tensor's name the factors A (rank × inputs) and B (outputs × rank)."""
    generator = np.random.default_rng(seed)

    def factor(rows: int, columns: int) -> Any:
        return (generator.standard_normal((rows, columns)) / 8).astype(np.float32)

    made: dict[str, tuple[Any, Any]] = {}
    for layer in range(shape.layers):
        for tensor in tensors:
            inputs = shape.feed_forward if tensor == "ffn_down" else shape.embedding
            name = f"blk.{layer}.{tensor}.weight"
            made[name] = (factor(RANK, inputs), factor(shape.embedding, RANK))
    return made
