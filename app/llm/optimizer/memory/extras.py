"""What llama.cpp takes beside its buffers: vocabulary, conversions of the kernels, a projector."""

from __future__ import annotations

from collections.abc import Iterable

from app.gguf import Header
from app.llm.optimizer.memory.keys import Keys, vocabulary_size
from app.llm.optimizer.memory.layers import Layer, Model
from app.llm.optimizer.memory.settings import LoadSettings

BASE = 4 << 20  # bytes: graphs and back ends; measured
GPU_RUNTIME = 512 << 20  # bytes that a GPU's runtime takes for itself, more or less
TOKEN, MERGE = 190, 100  # bytes of an entry with the tables that find it; measured
NAMELESS_TOKEN = 44  # bytes where a file has no vocabulary
CELL = 64  # bytes to remember what is in a cell of the cache; llama-kv-cells.h
HALF = 2
ROW_INDEX = 8
# A row is converted to eight-bit blocks before it meets quantised weights: bytes per number.
_CONVERTED = (9, 8)


def overhead_bytes(header: Header, settings: LoadSettings) -> int:
    """What the engine needs to know of a model and of its context."""
    merges = header.metadata.get("tokenizer.ggml.merges")
    count = getattr(merges, "length", 0) or (len(merges) if isinstance(merges, tuple) else 0)
    has_words = "tokenizer.ggml.tokens" in header.metadata
    known = vocabulary_size(header) * (TOKEN if has_words else NAMELESS_TOKEN)
    return BASE + known + int(count) * MERGE + settings.cells() * settings.streams() * CELL


def work_bytes(model: Model, layers: Iterable[Layer], settings: LoadSettings) -> int:
    """What the processor's kernels convert at once; ggml-cpu.c, ggml_graph_plan."""
    tokens, most = settings.tokens(), 0
    upper, lower = _CONVERTED
    for layer in layers:
        inner = max(layer.width("ffn_down.weight", 0), layer.width("ssm_out.weight", 0))
        inner = max(inner, model.width, layer.heads * layer.value)
        inner = inner if layer.shapes else max(inner, layer.feed_forward)
        most = max(most, inner * tokens * upper // lower)
        if layer.experts and layer.used_experts:
            rows = min(layer.used_experts, layer.experts) * tokens
            width = layer.width("ffn_down_exps.weight", 0) or layer.expert_width
            most = max(most, rows * (width * upper // lower + layer.experts * ROW_INDEX))
        if layer.owns_cache and not settings.flash_attention and settings.type_v.lower() != "f32":
            # The weights of what is seen meet values that are halved.
            most = max(most, settings.window_cells(layer.window) * tokens * layer.heads * HALF)
    return most


def projector_bytes(header: Header) -> tuple[int, int]:
    """A projector's weights, and what it takes to see one picture; both in bytes."""
    keys = Keys(header)
    side, patch = keys.number("vision.image_size"), keys.number("vision.patch_size")
    seen = min((side // patch) ** 2 if patch else 0, 1 << 16)
    width, inner = keys.number("vision.embedding_length"), keys.number("vision.feed_forward_length")
    heads = keys.number("vision.attention.head_count")
    row = 4 * (6 * min(width, 1 << 16) + 2 * min(inner, 1 << 18))
    return header.weights_size, seen * (row + seen * min(heads, 1 << 10) * 4)
