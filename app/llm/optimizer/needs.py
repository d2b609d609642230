"""The memory that a model file needs when it is loaded as it usually is. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.llm.optimizer import purpose
from app.llm.optimizer.embedding_plan import embedding_estimate, usual_text
from app.llm.optimizer.memory import Estimate, LoadSettings, estimate
from app.llm.optimizer.planning import usual_context
from app.llm.optimizer.wishes import NO_WISHES

if TYPE_CHECKING:
    from app.gguf import Header


def tokens(header: Header, wanted: int | None = None) -> int:
    """The context that a model is loaded with: what is wanted or the usual, as it was trained."""
    if purpose.makes_vectors(header):
        usual = usual_text(header)
        return min(wanted or usual, header.trained_context or usual)
    return usual_context(header, replace(NO_WISHES, context=wanted))


def estimated(header: Header, n_ctx: int | None = None, weights_size: int = 0) -> Estimate:
    """What a model takes in the computer's memory.

    Args:
        header: of the file, or of the first part of a split model.
        n_ctx: the context in tokens, instead of the usual one; never beyond the trained one.
        weights_size: the bytes of all parts, where the header tells only of the first.
    """
    n_ctx = tokens(header, n_ctx)
    if purpose.makes_vectors(header):
        return embedding_estimate(header, n_ctx, weights_size)
    return estimate(header, LoadSettings(n_ctx=n_ctx), weights_size=weights_size)


def memory(header: Header, n_ctx: int | None = None, weights_size: int = 0) -> int:
    """As `estimated`, in bytes; a part such as a projector needs its own size."""
    if header.kind in purpose.PARTS:
        return weights_size or header.weights_size
    return estimated(header, n_ctx, weights_size).total
