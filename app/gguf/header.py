"""What a GGUF file says of itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.gguf.tables import FILE_TYPES, GUESSED_FILE_TYPE, TENSOR_TYPES


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array that was skipped: what it holds and how many of them."""

    element_type: int
    length: int


Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | LongArray


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's entry: dimensions in elements, offset in bytes from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size(self) -> int | None:
        """Its bytes in the file, or None for a type that is newer than this table."""
        if self.type_id not in TENSOR_TYPES:
            return None
        _, block, size = TENSOR_TYPES[self.type_id]
        return -(-self.elements // block) * size


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_offset: int
    file_size: int
    path: Path = field(default_factory=Path)

    def text(self, key: str) -> str:
        """A string value, or "" where the key is missing or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def integer(self, key: str) -> int:
        """A whole number, the largest of an array of them, or 0 where there is none."""
        value = self.metadata.get(key)
        if isinstance(value, tuple):
            return max((item for item in value if isinstance(item, int)), default=0)
        return int(value) if isinstance(value, int) else 0

    def shape(self, key: str) -> int:
        """A whole number from the architecture's own keys, such as `llama.block_count`."""
        return self.integer(f"{self.architecture}.{key}")

    @property
    def architecture(self) -> str:
        """For instance llama or qwen3."""
        return self.text("general.architecture")

    @property
    def name(self) -> str:
        """The model's own name, else its file's."""
        return self.text("general.name").strip() or self.path.stem

    @property
    def kind(self) -> str:
        """model, adapter, mmproj, imatrix or vocabulary."""
        stated = self.text("general.type")
        if self.architecture == "clip":
            return "mmproj"
        if not stated or stated == "model":
            return "model" if self.tensors else "vocabulary"
        return stated

    @property
    def chat_template(self) -> str:
        """The Jinja source, or ""."""
        return self.text("tokenizer.chat_template")

    @property
    def trained_context(self) -> int:
        """Tokens, or 0 where it is not said."""
        return self.shape("context_length")

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def weights_size(self) -> int:
        """Bytes of all tensors; the file's size where a tensor type is unknown."""
        sizes = [tensor.size for tensor in self.tensors]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else self.file_size

    @property
    def quantisation(self) -> str:
        """The stated file type, else the tensor type that holds most bytes."""
        stated = self.metadata.get("general.file_type")
        if isinstance(stated, int) and stated & ~GUESSED_FILE_TYPE in FILE_TYPES:
            return FILE_TYPES[stated & ~GUESSED_FILE_TYPE]
        bytes_of: Counter[int] = Counter()
        for tensor in self.tensors:
            bytes_of[tensor.type_id] += tensor.size or 0
        common = bytes_of.most_common(1)
        return TENSOR_TYPES.get(common[0][0], ("",))[0] if common else ""
