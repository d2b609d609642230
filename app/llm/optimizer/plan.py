"""Turns the facts about a computer and a model's header into the way to load it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import ModelTooLarge, UnsupportedModel
from app.gguf import Header
from app.schema import Adapter, Hardware, LoadPlan

DEFAULT_CONTEXT = 8192  # tokens
PLAIN_CONTEXT = 4096  # tokens, where nothing is adapted to the computer
PLAIN_THREADS = 4  # llama.cpp's own default; ggml.h, GGML_DEFAULT_N_THREADS
EMBEDDING_CONTEXT = 2048  # tokens of a text that becomes a vector: some pages of a book
KV_ELEMENT = 2  # bytes of an F16
MASK_ELEMENT = 4 + 2  # bytes of an attention mask's entry, which is made as F32 and used as F16
COMPUTE_RESERVE = 256 << 20  # bytes for compute buffers and the program itself
# Of the free memory, the share up to which weights are read instead of mapped. A mapped file that
# another program overwrites in place kills the process that maps it (SIGBUS).
READ_SHARE = 0.8
ENCODERS = ("bert", "t5encoder", "gemma-embedding")
RERANKING = 4  # of `pooling_type`; llama.h, enum llama_pooling_type

_NOT_FOR_CHAT = {
    "adapter": "an adapter (LoRA), which changes another model and cannot answer by itself",
    "mmproj": "a projector (mmproj), which lets another model see or hear",
    "imatrix": "an importance matrix, a by-product of quantising a model",
    "vocabulary": "a vocabulary without weights",
}


def default_plan(
    hardware: Hardware,
    header: Header,
    context: int | None = None,
    adapters: Sequence[tuple[Adapter, Header]] = (),
    *,
    optimize: bool = True,
) -> LoadPlan:
    """The default: physical cores as threads, the model's context up to 8,192 tokens.

    Args:
        hardware: the facts about this computer.
        header: the model's header.
        context: the number of tokens wanted, instead of the default.
        adapters: the adapters that are loaded with the model, each with its header.
        optimize: whether threads and context follow the computer; else llama.cpp's own defaults.

    Raises:
        UnsupportedModel: the file holds something that cannot chat.
        ModelTooLarge: weights and KV cache exceed this computer's memory.
    """
    _require_model(header)
    if is_encoder(header):
        raise UnsupportedModel(
            f"“{header.path.name}” is an embedding model, which compares texts but cannot chat.",
            "Choose a chat model.",
        )
    trained = header.trained_context or DEFAULT_CONTEXT
    n_ctx = min(context or (DEFAULT_CONTEXT if optimize else PLAIN_CONTEXT), trained)
    n_threads = hardware.physical_cores if optimize else PLAIN_THREADS
    needed = header.weights_size + kv_cache_size(header, n_ctx) + COMPUTE_RESERVE
    needed += sum(adapter.weights_size for _, adapter in adapters)
    if needed > hardware.total_memory:
        raise ModelTooLarge(
            f"“{header.name}” needs {needed / 1e9:.1f} GB of memory, and this computer "
            f"has {hardware.total_memory / 1e9:.1f} GB.",
            "Choose a smaller model, or a smaller quantisation of this one.",
        )
    return LoadPlan(
        path=str(header.path),
        n_ctx=n_ctx,
        n_threads=n_threads,
        n_threads_batch=n_threads,
        use_mmap=needed > hardware.available_memory * READ_SHARE,
        adapters=tuple(adapter for adapter, _ in adapters),
    )


def embedding_plan(hardware: Hardware, header: Header) -> LoadPlan:
    """The plan for a model that turns texts into vectors while a chat model stays loaded.

    It takes half of the cores, so that an answer that runs meanwhile keeps its own, and must fit
    into the memory that is free now.

    Raises:
        UnsupportedModel: the file holds something that makes no vectors.
        ModelTooLarge: weights and working memory exceed the free memory.
    """
    _require_model(header)
    if header.shape("pooling_type") == RERANKING:
        raise UnsupportedModel(
            f"“{header.path.name}” is a reranking model, which rates pairs of texts and makes no "
            "vectors.",
            "Choose an embedding model.",
        )
    n_ctx = min(header.trained_context or EMBEDDING_CONTEXT, EMBEDDING_CONTEXT)
    needed = header.weights_size + _one_text(header, n_ctx) + COMPUTE_RESERVE
    needed += 0 if is_encoder(header) else kv_cache_size(header, n_ctx)
    if needed > hardware.available_memory:
        raise ModelTooLarge(
            f"“{header.name}” needs {needed / 1e9:.1f} GB of memory to compare texts, and "
            f"{hardware.available_memory / 1e9:.1f} GB are free.",
            "Close other programs, unload the chat model, or choose a smaller embedding model.",
        )
    threads = max(1, hardware.physical_cores // 2)
    return LoadPlan(
        path=str(header.path),
        n_ctx=n_ctx,
        n_threads=threads,
        n_threads_batch=threads,
        use_mmap=needed > hardware.available_memory * READ_SHARE,
        for_embedding=True,
    )


def is_encoder(header: Header) -> bool:
    """Whether the model only reads: it makes vectors of texts and cannot write any."""
    return header.architecture.endswith(ENCODERS) or "-bert" in header.architecture


def _require_model(header: Header) -> None:
    if header.kind in _NOT_FOR_CHAT:
        raise UnsupportedModel(
            f"“{header.path.name}” is {_NOT_FOR_CHAT[header.kind]}.",
            "Open the model file itself.",
        )


def _one_text(header: Header, n_ctx: int) -> int:
    """Bytes for a text of `n_ctx` tokens in one batch: a layer's hidden states and the mask."""
    width = 2 * header.shape("feed_forward_length") + 8 * header.shape("embedding_length")
    return n_ctx * (width * 4 + n_ctx * MASK_ELEMENT)


def usual_context(header: Header, wanted: int | None = None) -> int:
    """The tokens that a model is loaded with: what is wanted or the default, as it was trained."""
    usual = EMBEDDING_CONTEXT if _makes_vectors(header) else DEFAULT_CONTEXT
    return min(wanted or usual, header.trained_context or usual)


def memory_needed(header: Header, n_ctx: int | None = None, weights: int = 0) -> int:
    """Bytes that a model takes when it is loaded; of a part such as a projector, its own size.

    Args:
        header: of the file, or of the first part of a split model.
        n_ctx: the context in tokens, instead of the default; never beyond the trained one.
        weights: the bytes of all parts, where the header tells only of the first.
    """
    weights = weights or header.weights_size
    if header.kind in ("adapter", "mmproj", "imatrix"):
        return weights
    n_ctx = usual_context(header, n_ctx)
    working = 0 if is_encoder(header) else kv_cache_size(header, n_ctx)
    working += _one_text(header, n_ctx) if _makes_vectors(header) else 0
    return weights + working + COMPUTE_RESERVE


def _makes_vectors(header: Header) -> bool:
    return is_encoder(header) or header.shape("pooling_type") > 0


def kv_cache_size(header: Header, n_ctx: int) -> int:
    """Bytes of an F16 KV cache of `n_ctx` tokens, taking every layer for a full attention layer."""
    heads = header.shape("attention.head_count")
    kv_heads = header.shape("attention.head_count_kv") or heads
    head_size = header.shape("embedding_length") // heads if heads else 0
    row = (header.shape("attention.key_length") or head_size) + (
        header.shape("attention.value_length") or head_size
    )
    return header.shape("block_count") * n_ctx * kv_heads * row * KV_ELEMENT
