"""Numbers from a header that may be damaged: none is negative, absurd or of another kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.gguf import Header
from app.llm.optimizer.memory.settings import MOST

MAX_LAYERS = 512  # llama-hparams.h, LLAMA_MAX_LAYERS
_BLOCK = re.compile(r"blk\.(\d{1,3})\.(.+)")
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """The architecture's own keys of a header."""

    header: Header

    def number(self, key: str, layer: int | None = None) -> int:
        """A whole number from 0 to 2³¹, of one layer where it is given for each."""
        value = self.header.metadata.get(f"{self.header.architecture}.{key}")
        if isinstance(value, tuple):
            listed = [item for item in value if isinstance(item, int)]
            if layer is not None:
                value = listed[layer] if layer < len(listed) == len(value) else 0
            else:
                value = max(listed, default=0)
        return min(max(0, int(value)), MOST) if isinstance(value, int) else 0

    def flags(self, key: str) -> tuple[bool, ...]:
        """What is said of each layer; () where it is one number or nothing."""
        value = self.header.metadata.get(f"{self.header.architecture}.{key}")
        return tuple(bool(item) for item in value) if isinstance(value, tuple) else ()

    def has(self, key: str) -> bool:
        """Whether the header says something of it."""
        return f"{self.header.architecture}.{key}" in self.header.metadata


def vocabulary_size(header: Header) -> int:
    """How many tokens there are, by the list of them or by the tensor that makes their logits."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    length = getattr(tokens, "length", None)
    count = len(tokens) if isinstance(tokens, tuple) else length or 0
    count = count or Keys(header).number("vocab_size")
    if not count:
        shapes = [
            t.shape for t in header.tensors if t.name in ("output.weight", "token_embd.weight")
        ]
        count = max((shape[1] for shape in shapes if len(shape) == 2), default=0)
    return min(int(count), MOST)


def layer_tensors(header: Header) -> Mapping[int, Mapping[str, Shape]]:
    """The shapes of the tensors of each layer that the file has, by the name within the layer."""
    found: dict[int, dict[str, Shape]] = {}
    for tensor in header.tensors:
        named = _BLOCK.fullmatch(tensor.name)
        if named and tensor.shape:
            shape = tuple(min(size, MOST) for size in tensor.shape)
            found.setdefault(int(named[1]), {})[named[2]] = shape
    return found
