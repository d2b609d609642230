"""Whether a model fits this computer, judged before it is fetched. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.library import shelf
from app.llm.optimizer import needs

if TYPE_CHECKING:
    from app.gguf import Header
    from app.schema import Hardware

GPU_MARGIN = 1 << 30  # bytes left free on a graphics card, as llama.cpp leaves them by default


class Verdict(StrEnum):
    """How a model fits."""

    WHOLE = "whole"  # into the graphics card's memory; without one, into what is free now
    PARTLY = "partly"  # a part of it on the graphics card, the rest in what is free now
    CROWDED = "crowded"  # only when other programs are closed
    NEVER = "never"  # it is too large for this computer


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the figures behind it, in bytes."""

    verdict: Verdict
    needed: int
    available: int  # of the main memory, now
    total: int  # of the main memory
    gpu: int = 0  # free on the graphics card; 0: none that is known
    context: int = 0  # tokens that the estimate is for; 0: it is a rule of thumb by size alone

    @property
    def is_exact(self) -> bool:
        """Whether the file's own header was read for it."""
        return self.context > 0


def by_size(size: int, facts: Hardware, *, gpu: int = 0) -> Judgement:
    """By a rule of thumb, for `size` bytes of files; `gpu` bytes are free on a graphics card."""
    return _judged(shelf.memory_for(size), facts, gpu)


def by_header(
    header: Header,
    size: int,
    facts: Hardware,
    *,
    context: int | None = None,
    beside: int = 0,
    gpu: int = 0,
    is_sibling: bool = False,
) -> Judgement:
    """By what the file says of itself, with the optimizer's estimate.

    Args:
        header: of the file, or of the first part of a split model.
        size: the bytes of all its parts.
        facts: about this computer.
        context: in tokens; none: what the model would be loaded with.
        beside: the bytes of what is loaded with it, such as its projector.
        gpu: bytes that are free on a graphics card with memory of its own; 0: none that is known.
        is_sibling: the header is that of the same model in another quantisation.
    """
    is_other = is_sibling or header.integer("split.count") > 1
    needed = needs.memory(header, context, size if is_other else 0) + beside
    tokens = needs.tokens(header, context)
    return _judged(needed, facts, gpu, tokens)


def _judged(needed: int, facts: Hardware, gpu: int, context: int = 0) -> Judgement:
    on_gpu = max(0, gpu - GPU_MARGIN)
    if needed <= on_gpu or (not on_gpu and needed <= facts.available_memory):
        verdict = Verdict.WHOLE
    elif needed <= on_gpu + facts.available_memory:
        verdict = Verdict.PARTLY
    elif needed <= on_gpu + facts.total_memory:
        verdict = Verdict.CROWDED
    else:
        verdict = Verdict.NEVER
    return Judgement(verdict, needed, facts.available_memory, facts.total_memory, gpu, context)
