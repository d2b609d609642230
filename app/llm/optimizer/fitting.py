"""Finds settings with which a model fits, reducing what does not in a stated order. Pure.

The order: a smaller context, a KV cache of 8 bits, fewer layers on the graphics card. A context
that the person asked for is reduced last. Where a model does not fit into a graphics card wholly,
its experts stay behind first, since of those few are needed for a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.llm.optimizer.memory import Estimate, LoadSettings
from app.llm.optimizer.room import Room

SMALL_CONTEXT = 4096  # tokens; a context is not made smaller than this for a graphics card's sake
LEAST_CONTEXT = 2048  # tokens; nor than this for the memory's
SMALL_CACHE = "q8_0"
Measure = Callable[[LoadSettings], Estimate]


@dataclass(frozen=True, slots=True)
class Fit:
    """Settings with which a model can be loaded, and what it takes then."""

    settings: LoadSettings
    estimate: Estimate
    is_crowded: bool = False  # it fits only when other programs give memory back


@dataclass(frozen=True, slots=True)
class Freedom:
    """What may be changed to make a model fit."""

    layers: int  # of the model, the output layer among them
    expert_layers: int = 0  # layers with experts; 0: the model has none
    context: bool = True  # before anything else
    cache: bool = True
    gpu_layers: bool = True


class Fitting:
    """Looks for the settings, with one way to reckon what they take."""

    def __init__(self, measure: Measure, room: Room, freedom: Freedom) -> None:
        self._measure = measure
        self._room = room
        self._free = freedom

    def find(self, wanted: LoadSettings) -> Fit | None:
        """The settings nearest to those wanted that fit; None where none do.

        `wanted.n_gpu_layers` is the most layers that may be on graphics cards.
        """
        if self._room.gpus and self._free.gpu_layers and wanted.n_gpu_layers:
            for smaller in self._smaller(wanted, SMALL_CONTEXT, may_shrink=self._free.context):
                if self._on_gpus(estimate := self._measure(smaller)) and self._is_free(estimate):
                    return Fit(smaller, estimate)
        fits = []
        for smaller in self._smaller(wanted, LEAST_CONTEXT, may_shrink=True):
            placed = self._placed(smaller)
            fit = Fit(placed, self._measure(placed))
            if self._is_free(fit.estimate):
                return fit
            fits.append(fit)
        for fit in fits:
            if self._in_memory(fit.estimate) <= self._room.total:
                return replace(fit, is_crowded=True)
        return None

    def least(self, wanted: LoadSettings) -> Estimate:
        """What the model takes at the least."""
        *_, smallest = self._smaller(wanted, LEAST_CONTEXT, may_shrink=True)
        return self._measure(self._placed(smallest))

    def _smaller(
        self, wanted: LoadSettings, floor: int, *, may_shrink: bool
    ) -> Iterator[LoadSettings]:
        """The settings as they are wanted, and then those that take less and less."""
        last = wanted
        yield last
        if self._free.context:
            for smaller in _halved(last, floor):
                last = smaller
                yield last
        if self._free.cache:
            last = replace(last, type_k=SMALL_CACHE, type_v=SMALL_CACHE)
            yield last
        if may_shrink and not self._free.context:
            yield from _halved(last, floor)

    def _placed(self, settings: LoadSettings) -> LoadSettings:
        """The settings with as much on the graphics cards as has room there."""
        if not self._room.gpus:
            return replace(settings, n_gpu_layers=0, tensor_split=(), cpu_expert_layers=0)
        if not self._free.gpu_layers or not settings.n_gpu_layers:
            return settings
        most = settings.n_gpu_layers if settings.n_gpu_layers > 0 else self._free.layers
        if self._on_gpus(self._measure(settings)):
            return settings
        without_experts = self._without_experts(settings)
        if without_experts is not None and self._is_free(self._measure(without_experts)):
            return without_experts
        fewer = self._fewer_layers(settings, most)
        if without_experts is None:
            return fewer
        return min((without_experts, fewer), key=lambda one: self._in_memory(self._measure(one)))

    def _without_experts(self, settings: LoadSettings) -> LoadSettings | None:
        """All layers on the cards, but for the experts that find no room there."""
        if not self._free.expert_layers or settings.cpu_expert_layers:
            return None
        count = _first(
            1,
            self._free.expert_layers,
            lambda count: self._fits_card(replace(settings, cpu_expert_layers=count)),
        )
        return None if count is None else replace(settings, cpu_expert_layers=count)

    def _fewer_layers(self, settings: LoadSettings, most: int) -> LoadSettings:
        missing = _first(
            0, most, lambda count: self._fits_card(replace(settings, n_gpu_layers=most - count))
        )
        layers = 0 if missing is None else most - missing
        return replace(
            settings, n_gpu_layers=layers, tensor_split=settings.tensor_split * bool(layers)
        )

    def _fits_card(self, settings: LoadSettings) -> bool:
        return not settings.n_gpu_layers or self._on_gpus(self._measure(settings))

    def _on_gpus(self, estimate: Estimate) -> bool:
        """Whether each card has room for its part."""
        needs = [gpu.total for gpu in estimate.gpus]
        return len(needs) <= len(self._room.gpus) and all(
            need <= card.free for need, card in zip(needs, self._room.gpus, strict=False)
        )

    def _in_memory(self, estimate: Estimate) -> int:
        return estimate.total if self._room.is_unified else estimate.cpu.total

    def _is_free(self, estimate: Estimate) -> bool:
        return self._in_memory(estimate) <= self._room.free


def _halved(settings: LoadSettings, floor: int) -> Iterator[LoadSettings]:
    context = settings.n_ctx // 2
    while context >= floor:
        yield replace(settings, n_ctx=context)
        context //= 2


def _first(low: int, high: int, is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number from `low` to `high` that is enough, as all larger ones are; or None."""
    if high < low or not is_enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle + 1
    return low
