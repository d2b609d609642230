"""Turns a computer's facts, a model's header and a person's wishes into a load plan. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from app.errors import ModelTooLarge
from app.llm.optimizer import purpose, reasons
from app.llm.optimizer.fitting import Fitting, Freedom
from app.llm.optimizer.memory import CACHE_TYPES, Estimate, Kernels, LoadSettings, estimate
from app.llm.optimizer.room import NOTHING_RELEASED, Released, Room, room
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.threads import threads, wished
from app.llm.optimizer.tuned import NOT_TUNED, Tuned
from app.llm.optimizer.wishes import NO_CEILING, NO_WISHES, Ceiling, Wishes
from app.schema import Adapter, LoadPlan

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.machine.records import Computer

DEFAULT_CONTEXT = 8192  # tokens
PLAIN_CONTEXT = 4096  # tokens, where nothing is adapted to the computer
THRIFTY_CONTEXT = 4096  # tokens, where less memory is wished for
LEAST_CONTEXT = 256  # tokens
BATCH, UBATCH, THRIFTY_UBATCH = 2048, 512, 128  # tokens
PLAIN_CACHE = "f16"
THRIFTY_CACHE = "q8_0"
# Of the free memory, the share up to which weights are read instead of mapped. A mapped file that
# another program overwrites in place kills the process that maps it (SIGBUS).
READ_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Beside:
    """What is loaded with a model."""

    adapters: tuple[tuple[Adapter, Header], ...] = ()
    projector: Header | None = None
    weights_size: int = 0  # bytes of all parts, where the header tells only of the first


ALONE = Beside()


def plan(
    computer: Computer,
    header: Header,
    wishes: Wishes = NO_WISHES,
    beside: Beside = ALONE,
    *,
    released: Released = NOTHING_RELEASED,
    ceiling: Ceiling = NO_CEILING,
    tuned: Tuned = NOT_TUNED,
) -> LoadPlan:
    """The way to load a model, with a reason for each choice.

    Args:
        computer: its facts; what is unknown limits nothing.
        header: of the model's file, or of the first part of a split model.
        wishes: what the person wants instead of what suits the computer.
        beside: adapters, projector and further parts.
        released: memory that becomes free before the load.
        ceiling: the most that has worked before.
        tuned: what was measured to be fastest.

    Raises:
        UnsupportedModel: the file holds something that cannot chat.
        ModelTooLarge: it does not fit into this computer, with the figures.
    """
    purpose.require_chat(header)
    space = room(computer, released)
    shape = Shape.of(header)
    wanted = wanted_settings(header, tuned.over(wishes), ceiling, space)
    measure = cache(partial(measured, header, beside))
    fitting = Fitting(measure, space, _freedom(shape, wishes, wanted))
    fit = fitting.find(wanted)
    is_short = fit is None or fit.is_crowded or fit.settings.n_ctx < wanted.n_ctx
    if is_short and tuned is not NOT_TUNED:
        # What was fastest when there was room must not cost the context, or the whole load.
        with suppress(ModelTooLarge):
            plain = plan(computer, header, wishes, beside, released=released, ceiling=ceiling)
            if fit is None or fit.is_crowded or plain.n_ctx > fit.settings.n_ctx:
                return plain
    if fit is None:
        raise _too_large(header, fitting.least(wanted), space)
    told = reasons.Told(computer, header, wishes, wanted, fit, space, ceiling, tuned)
    return _plan(told, shape, beside)


def measured(header: Header, beside: Beside, settings: LoadSettings) -> Estimate:
    """What a model takes with those settings."""
    return estimate(
        header,
        settings,
        adapters=[one for _, one in beside.adapters],
        projector=beside.projector,
        weights_size=beside.weights_size,
    )


def settings_of(made: LoadPlan) -> LoadSettings:
    """The part of a plan that decides what it takes."""
    return LoadSettings(
        n_ctx=made.n_ctx,
        n_batch=min(made.n_batch, made.n_ctx),
        n_ubatch=min(made.n_ubatch, made.n_ctx),
        type_k=made.type_k,
        type_v=made.type_v,
        flash_attention=made.flash_attention,
        use_mmap=made.use_mmap,
        n_gpu_layers=made.n_gpu_layers,
        tensor_split=made.tensor_split,
        cpu_expert_layers=made.cpu_expert_layers,
    )


def wanted_settings(header: Header, wishes: Wishes, ceiling: Ceiling, space: Room) -> LoadSettings:
    """What a model is loaded with where there is room enough."""
    context = usual_context(header, wishes)
    if ceiling.context is not None:
        context = min(context, max(LEAST_CONTEXT, ceiling.context))
    layers = _layers(wishes, ceiling, space)
    flash = wishes.flash_attention if wishes.flash_attention is not None else True
    shape = Shape.of(header)
    usual = THRIFTY_CACHE if wishes.less_memory and shape.may_quantise else PLAIN_CACHE
    type_k, type_v = (_usable(kind, usual, shape) for kind in (wishes.type_k, wishes.type_v))
    if not flash:
        type_v = PLAIN_CACHE  # llama.cpp stores them turned then, which blocks do not allow
    batch = max(1, wishes.batch or BATCH)
    ubatch = max(1, wishes.ubatch or (THRIFTY_UBATCH if wishes.less_memory else UBATCH))
    return LoadSettings(
        n_ctx=context,
        n_batch=min(batch, context),
        n_ubatch=min(ubatch, batch, context),
        type_k=type_k,
        type_v=type_v,
        flash_attention=flash,
        kernels=Kernels.PLAIN,
        n_gpu_layers=layers,
        tensor_split=_split(wishes, space) if layers else (),
        cpu_expert_layers=max(0, wishes.cpu_expert_layers or 0),
    )


def usual_context(header: Header, wishes: Wishes = NO_WISHES) -> int:
    """The tokens that a model is loaded with where there is room: never more than trained."""
    usual = DEFAULT_CONTEXT if wishes.optimize else PLAIN_CONTEXT
    if wishes.less_memory:
        usual = THRIFTY_CONTEXT
    trained = header.trained_context or DEFAULT_CONTEXT
    return max(1, min(wishes.context or usual, trained))


def _layers(wishes: Wishes, ceiling: Ceiling, space: Room) -> int:
    """The most layers that may be on GPUs; a negative number stands for all."""
    if not space.gpus:
        return 0
    wanted = -1 if wishes.gpu_layers is None else max(-1, wishes.gpu_layers)
    if ceiling.gpu_layers is None:
        return wanted
    most = max(0, ceiling.gpu_layers)
    return most if wanted < 0 else min(wanted, most)


def _split(wishes: Wishes, space: Room) -> tuple[float, ...]:
    """The share of each GPU: as it was wished for, else by the memory that is free there."""
    wished_shares = wishes.tensor_split[: len(space.gpus)]
    if all(math.isfinite(one) and one >= 0 for one in wished_shares) and any(wished_shares):
        return wished_shares
    free = [card.free for card in space.gpus]
    if len(free) < 2 or not sum(free):
        return ()
    return tuple(round(one / sum(free), 3) for one in free)


def _usable(kind: str | None, otherwise: str, shape: Shape) -> str:
    """The type that was wished for, where there is such a one and the model's heads suit it."""
    known = kind.lower() if kind and kind.lower() in CACHE_TYPES else otherwise
    return PLAIN_CACHE if CACHE_TYPES[known][0] > 1 and not shape.may_quantise else known


def _freedom(shape: Shape, wishes: Wishes, wanted: LoadSettings) -> Freedom:
    is_plain = wanted.type_k == wanted.type_v == PLAIN_CACHE
    no_wish = wishes.type_k is None and wishes.type_v is None
    return Freedom(
        layers=shape.layers,
        expert_layers=shape.expert_layers,
        context=wishes.context is None,
        cache=no_wish and is_plain and wanted.flash_attention and shape.may_quantise,
        gpu_layers=wishes.gpu_layers is None,
    )


def _plan(told: reasons.Told, shape: Shape, beside: Beside) -> LoadPlan:
    settings, chip = told.fit.settings, told.computer.processor
    wishes = told.tuned.over(told.wishes)
    on_gpu = bool(settings.n_gpu_layers) and not 0 < settings.n_gpu_layers < shape.layers
    is_on_gpu = on_gpu and not settings.cpu_expert_layers
    count, why = threads(told.computer, wishes, is_on_gpu=is_on_gpu)
    batch_count, batch_why = count, "As many as write the answer."
    if wishes.threads_batch is not None:
        batch_count, batch_why = wished(wishes.threads_batch, chip)
    elif told.wishes.threads is None and wishes.threads is not None:
        # That was measured for the answer alone.
        batch_count, batch_why = threads(told.computer, told.wishes, is_on_gpu=is_on_gpu)
    use_mmap = wishes.use_mmap
    if use_mmap is None:
        use_mmap = told.fit.estimate.cpu.total > told.room.free * READ_SHARE
    made = LoadPlan(
        path=str(told.header.path),
        n_ctx=settings.n_ctx,
        n_threads=count,
        n_threads_batch=batch_count,
        n_batch=min(settings.n_batch, settings.n_ctx),  # which may have become smaller
        n_ubatch=min(settings.n_ubatch, settings.n_ctx),
        n_gpu_layers=settings.n_gpu_layers,
        tensor_split=settings.tensor_split,
        cpu_expert_layers=settings.cpu_expert_layers,
        type_k=settings.type_k,
        type_v=settings.type_v,
        flash_attention=settings.flash_attention,
        use_mmap=use_mmap,
        use_mlock=bool(wishes.use_mlock),
        use_numa=len(chip.numa_nodes) > 1 and not on_gpu,
        adapters=tuple(adapter for adapter, _ in beside.adapters),
    )
    given: Sequence[tuple[str, str]] = [("n_threads", why), ("n_threads_batch", batch_why)]
    return replace(made, reasons=reasons.of(made, told, given))


def _too_large(header: Header, least: Estimate, space: Room) -> ModelTooLarge:
    needed = least.total / 1e9
    has = space.total / 1e9
    cards = sum(card.free for card in space.gpus) / 1e9
    with_cards = f", and {cards:.1f} GB on the graphics card" if cards else ""
    return ModelTooLarge(
        f"“{header.name}” needs {needed:.1f} GB of memory, and this computer has {has:.1f} GB"
        f"{with_cards} for it.",
        "Choose a smaller model, or a smaller quantisation of this one.",
    )
