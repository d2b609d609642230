"""Whether a model fits this computer, judged before it is fetched or loaded. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.errors import ModelTooLarge, UnsupportedModel
from app.library import verdicts
from app.library.verdicts import Fit
from app.llm.optimizer import needs, planning, purpose
from app.llm.optimizer.memory import Estimate
from app.llm.optimizer.planning import ALONE, Beside
from app.llm.optimizer.room import NOTHING_RELEASED, Released, Room, room
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.wishes import NO_CEILING, NO_WISHES, Wishes

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.machine.records import Computer
    from app.schema import LoadPlan


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the figures behind it, in bytes."""

    verdict: Fit
    needed: int  # in all, as it would be loaded; where it never fits: at the least
    available: int  # of the main memory, now, for a model
    total: int  # of the main memory, for a model, when nothing else is open
    gpu: int = 0  # free on the graphics cards for a model; 0: there is none that can be used
    context: int = 0  # tokens that it would be loaded with; 0: no header was read
    wanted: int = 0  # tokens, where those are fewer than this
    cache: str = ""  # the type of the KV cache, where it is smaller than wanted
    on_gpu: int = 0  # of what is needed, on graphics cards with memory of their own

    @property
    def is_exact(self) -> bool:
        """Whether the file's own header, or that of another quantisation, was read for it."""
        return self.context > 0


def by_size(size: int, computer: Computer, released: Released = NOTHING_RELEASED) -> Judgement:
    """By a rule of thumb, for `size` bytes of files."""
    needed, space = verdicts.by_rule(size), room(computer, released)
    fit = verdicts.of_needs(needed, space)
    on_gpu = needed.on_card if fit is Fit.NOW and space.gpus else 0
    return _judged(fit, needed.least if fit is Fit.NEVER else needed.usual, space, on_gpu=on_gpu)


def by_header(
    header: Header,
    size: int,
    computer: Computer,
    wishes: Wishes = NO_WISHES,
    beside: Beside = ALONE,
    *,
    released: Released = NOTHING_RELEASED,
    is_sibling: bool = False,
) -> Judgement:
    """By what the file says of itself: the outcome of the plan with which it would be loaded.

    Args:
        header: of the file, or of the first part of a split model.
        size: the bytes of all its parts.
        computer: its facts.
        wishes: what the person wants of the load, such as a context.
        beside: adapters and a projector that are loaded with it.
        released: memory that becomes free before the load.
        is_sibling: the header is that of the same model in another quantisation.
    """
    if is_sibling or header.integer("split.count") > 1:
        beside = replace(beside, weights_size=size)
    if purpose.makes_vectors(header):
        return _for_vectors(header, beside, computer, wishes)
    space = room(computer, released)
    try:
        made = planning.plan(computer, header, wishes, beside, released=released)
    except ModelTooLarge:
        return _too_large(header, beside, space, wishes)
    except UnsupportedModel:  # such as a projector, which is loaded with another model
        return _of_part(header, beside, space, wishes)
    return _of_plan(made, header, beside, space, wishes)


def _of_plan(
    made: LoadPlan, header: Header, beside: Beside, space: Room, wishes: Wishes
) -> Judgement:
    settings = replace(planning.settings_of(made), use_mmap=False)
    estimate = planning.measured(header, beside, settings)
    wanted = planning.wanted_settings(header, wishes, NO_CEILING, space)
    types = (made.type_k, made.type_v)
    is_smaller = types != (wanted.type_k, wanted.type_v)
    verdict = _where(made, header)
    if made.n_ctx < wanted.n_ctx or is_smaller:
        verdict = Fit.REDUCED
    if _in_memory(estimate, space) > space.free:
        verdict = Fit.CROWDED
    return _judged(
        verdict,
        estimate.total,
        space,
        context=made.n_ctx,
        wanted=wanted.n_ctx if made.n_ctx < wanted.n_ctx else 0,
        cache=" and ".join(dict.fromkeys(types)) if is_smaller else "",
        on_gpu=sum(gpu.total for gpu in estimate.gpus),
    )


def _where(made: LoadPlan, header: Header) -> Fit:
    """Whether a card that has something of the model has all of it."""
    is_part = 0 < made.n_gpu_layers < Shape.of(header).layers
    return Fit.PARTLY if is_part or made.cpu_expert_layers else Fit.NOW


def _in_memory(estimate: Estimate, space: Room) -> int:
    return estimate.total if space.is_unified else estimate.cpu.total


def _too_large(header: Header, beside: Beside, space: Room, wishes: Wishes) -> Judgement:
    needed = needs.of(header, beside.weights_size)
    over = needed.on_card + needed.beside_card - needed.usual if space.gpus else 0
    context = needs.tokens(header, wishes.context)
    return _judged(Fit.NEVER, needed.least + over, space, context=context)


def _for_vectors(header: Header, beside: Beside, computer: Computer, wishes: Wishes) -> Judgement:
    """Such a model is loaded beside the one that chats, on no card."""
    needed = needs.memory(header, wishes.context, beside.weights_size)
    fit = verdicts.of_vectors(needed, computer)
    space = replace(room(computer), gpus=())
    return _judged(fit, needed, space, context=needs.tokens(header, wishes.context))


def _of_part(header: Header, beside: Beside, space: Room, wishes: Wishes) -> Judgement:
    needed = needs.of(header, beside.weights_size)
    context = needs.tokens(header, wishes.context)
    return _judged(verdicts.of_needs(needed, space), needed.usual, space, context=context)


def _judged(
    verdict: Fit,
    needed: int,
    space: Room,
    *,
    context: int = 0,
    wanted: int = 0,
    cache: str = "",
    on_gpu: int = 0,
) -> Judgement:
    gpu = sum(card.free for card in space.gpus)
    on_gpu = 0 if space.is_unified else on_gpu
    return Judgement(verdict, needed, space.free, space.total, gpu, context, wanted, cache, on_gpu)
