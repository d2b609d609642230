"""Turns the facts about a computer and a model's header into the way to load it. Pure."""

from __future__ import annotations

from app.errors import ModelTooLarge, UnsupportedModel
from app.gguf import Header
from app.schema import Hardware, LoadPlan

DEFAULT_CONTEXT = 8192  # tokens
KV_ELEMENT = 2  # bytes of an F16
COMPUTE_RESERVE = 256 << 20  # bytes for compute buffers and the program itself
# Of the free memory, the share up to which weights are read instead of mapped. A mapped file that
# another program overwrites in place kills the process that maps it (SIGBUS).
READ_SHARE = 0.8
ENCODERS = ("bert", "t5encoder")

_NOT_FOR_CHAT = {
    "adapter": "an adapter (LoRA), which changes another model and cannot answer by itself",
    "mmproj": "a projector (mmproj), which lets another model see or hear",
    "imatrix": "an importance matrix, a by-product of quantising a model",
    "vocabulary": "a vocabulary without weights",
}


def default_plan(hardware: Hardware, header: Header, context: int | None = None) -> LoadPlan:
    """The plain plan: physical cores as threads, the model's context up to 8,192 tokens.

    Args:
        hardware: the facts about this computer.
        header: the model's header.
        context: the number of tokens wanted, instead of the default.

    Raises:
        UnsupportedModel: the file holds something that cannot chat.
        ModelTooLarge: weights and KV cache exceed this computer's memory.
    """
    if header.kind in _NOT_FOR_CHAT:
        raise UnsupportedModel(
            f"“{header.path.name}” is {_NOT_FOR_CHAT[header.kind]}.",
            "Open the model file itself.",
        )
    if header.architecture.endswith(ENCODERS) or "-bert" in header.architecture:
        raise UnsupportedModel(
            f"“{header.path.name}” is an embedding model, which compares texts but cannot chat.",
            "Choose a chat model.",
        )
    trained = header.trained_context or DEFAULT_CONTEXT
    n_ctx = min(context or DEFAULT_CONTEXT, trained)
    needed = header.weights_size + kv_cache_size(header, n_ctx) + COMPUTE_RESERVE
    if needed > hardware.total_memory:
        raise ModelTooLarge(
            f"“{header.name}” needs {needed / 1e9:.1f} GB of memory, and this computer "
            f"has {hardware.total_memory / 1e9:.1f} GB.",
            "Choose a smaller model, or a smaller quantisation of this one.",
        )
    return LoadPlan(
        path=str(header.path),
        n_ctx=n_ctx,
        n_threads=hardware.physical_cores,
        n_threads_batch=hardware.physical_cores,
        use_mmap=needed > hardware.available_memory * READ_SHARE,
    )


def kv_cache_size(header: Header, n_ctx: int) -> int:
    """Bytes of an F16 KV cache of `n_ctx` tokens, taking every layer for a full attention layer."""
    heads = header.shape("attention.head_count")
    kv_heads = header.shape("attention.head_count_kv") or heads
    head_size = header.shape("embedding_length") // heads if heads else 0
    row = (header.shape("attention.key_length") or head_size) + (
        header.shape("attention.value_length") or head_size
    )
    return header.shape("block_count") * n_ctx * kv_heads * row * KV_ELEMENT
