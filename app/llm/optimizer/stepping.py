"""What to try when a plan has failed to load for want of memory: less, step by step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.optimizer.shape import Shape
from app.llm.optimizer.wishes import NO_CEILING, Ceiling

if TYPE_CHECKING:
    from app.gguf import Header
    from app.schema import LoadPlan

LEAST_CONTEXT = 512  # tokens; with less, no chat is of use
KEPT = (3, 4)  # of the layers on graphics cards, at each step


def lower(failed: LoadPlan, header: Header, ceiling: Ceiling = NO_CEILING) -> Ceiling | None:
    """The most to plan with after a plan has failed; None where there is nothing left to give up.

    Layers leave the graphics cards first, whose memory is the scarcest and the least predictable;
    then the context is halved.
    """
    layers = failed.n_gpu_layers
    if layers:
        total = Shape.of(header).layers
        layers = min(layers, total) if layers > 0 else total
        return Ceiling(ceiling.context, layers * KEPT[0] // KEPT[1])
    context = failed.n_ctx // 2
    if context < LEAST_CONTEXT:
        return None
    return Ceiling(context, ceiling.gpu_layers)
