"""The settings of a load that decide what it takes."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from app.gguf.tables import TENSOR_TYPES

PADDING = 256  # llama.cpp pads a context, and a sliding window's cache, to it; llama-context.cpp
MOST = 1 << 31  # a number beyond is no setting and no dimension, but damage
MOST_SEQUENCES = 256  # llama-cparams.h, LLAMA_MAX_SEQ
# The types that a KV cache may have: elements and bytes of a block.
CACHE_TYPES: dict[str, tuple[int, int]] = {
    name.lower(): (block, size)
    for name, block, size in TENSOR_TYPES.values()
    if name in ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL")
}


class Kernels(enum.Enum):
    """The layouts into which llama.cpp repacks weights for a processor (its extra buffers)."""

    PLAIN = "plain"  # weights stay as they are in the file
    AVX2 = "avx2"
    NEON = "neon"
    AMX = "amx"


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a model is to be loaded; the defaults are those of Hearth's own engine."""

    n_ctx: int  # tokens, of all sequences together
    n_batch: int = 2048
    n_ubatch: int = 512
    type_k: str = "f16"  # one of CACHE_TYPES
    type_v: str = "f16"
    flash_attention: bool = True
    use_mmap: bool = False
    kernels: Kernels = Kernels.PLAIN
    n_gpu_layers: int = 0  # a negative number stands for all, the output layer among them
    tensor_split: tuple[float, ...] = ()  # the share of each GPU; () is one GPU
    cpu_expert_layers: int = 0  # so many first layers keep their experts on the CPU
    offload_cache: bool = True  # a layer's KV cache is on the device of its weights
    n_sequences: int = 1
    kv_unified: bool = False  # the sequences share one cache
    swa_full: bool = True  # layers with a sliding window cache the whole context
    n_outputs: int = 1  # tokens of a batch whose logits are wanted; 0 is all
    embeddings: bool = False  # the context makes vectors of texts

    def sequences(self) -> int:
        """How many sequences there are, at least one."""
        return _within(self.n_sequences, 1, MOST_SEQUENCES)

    def cells(self) -> int:
        """Tokens that the cache of one stream holds."""
        context = padded(_within(self.n_ctx, 1, MOST))
        return context if self.kv_unified else padded(context // self.sequences())

    def streams(self) -> int:
        """Caches beside each other."""
        return 1 if self.kv_unified else self.sequences()

    def window_cells(self, window: int) -> int:
        """The same as `cells` for layers that see `window` tokens; llama-kv-cache-iswa.cpp."""
        if self.swa_full or window <= 0:
            return self.cells()
        seen = window * (self.sequences() if self.kv_unified else 1) + self.tokens()
        return padded(min(self.cells(), seen))

    def tokens(self) -> int:
        """Tokens that are computed at once."""
        most = min(_within(self.n_batch, 1, MOST), self.cells() * self.streams())
        wanted = min(_within(self.n_ubatch, 0, MOST) or most, most)
        return -(-wanted // self.sequences()) * self.sequences()

    def outputs(self) -> int:
        """Tokens of one computation whose logits are made."""
        wanted = self.n_outputs if self.n_outputs > 0 else self.tokens()
        return min(self.tokens(), max(wanted, self.sequences()))

    def shares(self) -> tuple[float, ...]:
        """What each GPU gets, added up to 1; () where none is used."""
        if self.n_gpu_layers == 0:
            return ()
        known = [s if math.isfinite(s) and s > 0 else 0.0 for s in self.tensor_split[:64]]
        total = sum(known)
        if not 0 < total < math.inf:
            known = [1.0] * (len(known) or 1)
            total = float(len(known))
        return tuple(share / total for share in known)


def padded(count: int) -> int:
    """A number of cells as llama.cpp rounds it up."""
    return -(-count // PADDING) * PADDING


def row_bytes(kind: str, elements: int) -> int:
    """Bytes of a row of the cache; a type that is not known counts as f32."""
    block, size = CACHE_TYPES.get(kind.lower(), CACHE_TYPES["f32"])
    return -(-elements // block) * size


def is_quantised(kind: str) -> bool:
    """Whether a cache type has blocks."""
    return CACHE_TYPES.get(kind.lower(), (1, 4))[0] > 1


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(int(value), most))
