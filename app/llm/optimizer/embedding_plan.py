"""The plan for a model that turns texts into vectors while a chat model stays loaded. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import ModelTooLarge
from app.llm.optimizer import purpose
from app.llm.optimizer.memory import Estimate, LoadSettings, estimate
from app.llm.optimizer.planning import READ_SHARE
from app.schema import LoadPlan

if TYPE_CHECKING:
    from app.gguf import Header
    from app.schema import Hardware

EMBEDDING_CONTEXT = 2048  # tokens of a text that becomes a vector: some pages of a book


def embedding_plan(hardware: Hardware, header: Header) -> LoadPlan:
    """It takes half of the cores, so that an answer that runs meanwhile keeps its own.

    Raises:
        UnsupportedModel: the file holds something that makes no vectors.
        ModelTooLarge: weights and working memory exceed the memory that is free now.
    """
    purpose.require_vectors(header)
    n_ctx = usual_text(header)
    needed = embedding_estimate(header, n_ctx).cpu.total
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
        n_gpu_layers=0,
        use_mmap=needed > hardware.available_memory * READ_SHARE,
        for_embedding=True,
    )


def usual_text(header: Header) -> int:
    """The longest text in tokens that such a model is loaded for."""
    return min(header.trained_context or EMBEDDING_CONTEXT, EMBEDDING_CONTEXT)


def embedding_estimate(header: Header, n_ctx: int, weights_size: int = 0) -> Estimate:
    """What it takes; a text is one batch."""
    settings = LoadSettings(
        n_ctx=n_ctx,
        n_batch=n_ctx,
        n_ubatch=n_ctx,
        n_outputs=0,
        embeddings=True,
        flash_attention=True,
    )
    return estimate(header, settings, weights_size=weights_size)
