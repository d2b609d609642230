"""What of a model's shape a plan turns on: its layers, its experts, and the width of its heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.gguf import Header

BLOCK = 32  # numbers of a quantised KV cache that share a scale; a head's must be a multiple


@dataclass(frozen=True, slots=True)
class Shape:
    """The counts that can be set, and what the KV cache may be."""

    layers: int  # the output layer among them
    expert_layers: int  # those with experts; 0: the model has none
    may_quantise: bool  # the KV cache can be kept in blocks

    @classmethod
    def of(cls, header: Header) -> Shape:
        """As the header has it."""
        blocks = header.shape("block_count")
        experts = blocks - header.shape("leading_dense_block_count")
        return cls(
            layers=blocks + 1,
            expert_layers=max(0, experts) if header.shape("expert_count") else 0,
            may_quantise=_divides(header),
        )


def _divides(header: Header) -> bool:
    heads = header.shape("attention.head_count")
    size = header.shape("embedding_length") // heads if heads else 0
    sizes = [header.shape(f"attention.{part}_length") or size for part in ("key", "value")]
    return all(size > 0 and size % BLOCK == 0 for size in sizes)
