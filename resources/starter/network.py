"""The starter's network: a small Llama (RMSNorm, rotary positions, SwiGLU, tied embeddings).

The shapes and the order of the rotary pairs are those of llama.cpp's architecture "llama", so that
the weights go into a GGUF file as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

NORM_EPSILON = 1e-5
ROPE_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the network; `context` is the longest text in tokens."""

    vocabulary: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    hidden: int = 704
    context: int = 2048

    @property
    def head_width(self) -> int:
        """Elements of one head."""
        return self.width // self.heads


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.attention_norm = nn.RMSNorm(width, eps=NORM_EPSILON)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_output = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.RMSNorm(width, eps=NORM_EPSILON)
        self.gate_up = nn.Linear(width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`x` is (batch, tokens, width); so is the result."""
        batch, tokens, width = x.shape
        heads = self.qkv(self.attention_norm(x)).view(
            batch, tokens, 3, self.shape.heads, self.shape.head_width
        )
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            _rotate(query, cos, sin), _rotate(key, cos, sin), value, is_causal=True
        )
        x = x + self.attention_output(mixed.transpose(1, 2).reshape(batch, tokens, width))
        gate, up = self.gate_up(self.feed_norm(x)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)


class Network(nn.Module):
    """Token numbers in, logits out."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        half = torch.arange(0, shape.head_width, 2).float() / shape.head_width
        angles = torch.outer(torch.arange(shape.context).float(), ROPE_BASE**-half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weights in self.named_parameters():
            if weights.dim() == 2:
                scale = 0.02
                if name.endswith(("attention_output.weight", "down.weight")):
                    scale /= (2 * shape.layers) ** 0.5
                nn.init.normal_(weights, std=scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """`tokens` is (batch, tokens); the result is (batch, tokens, vocabulary)."""
        count = tokens.shape[1]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos[:count], self.sin[:count])
        return functional.linear(self.norm(x), self.embedding.weight)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns neighbouring pairs by the angles of their position (RoPE; `x`: …, tokens, head)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
