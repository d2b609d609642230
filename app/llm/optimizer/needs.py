"""The memory that a model file needs, loaded as it usually is and in the least of ways. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.gguf import Header
from app.llm.optimizer import purpose
from app.llm.optimizer.embedding_plan import embedding_estimate, usual_text
from app.llm.optimizer.fitting import Fitting, Freedom
from app.llm.optimizer.memory import CPU, DeviceUse, Estimate, LoadSettings
from app.llm.optimizer.planning import Beside, measured, usual_context, wanted_settings
from app.llm.optimizer.room import UNKNOWN, GpuRoom, Room
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.wishes import NO_CEILING, NO_WISHES

if TYPE_CHECKING:
    from app.llm.optimizer.wishes import Wishes

_ANY_MODEL = Header(3, {}, (), 0, 0)
_ANY_ROOM = Room(UNKNOWN, UNKNOWN)
_NO_ROOM = Room(-1, -1)  # in which each way is tried, and none fits
_FULL_CARD = Room(UNKNOWN, UNKNOWN, (GpuRoom("", -1),))
_NOTHING = Estimate((DeviceUse(CPU),))


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes in the ways between which a plan chooses.

    A context is not made as small for a card's sake as for the memory's.
    """

    usual: int  # without a card, as nobody wishes for anything else
    least: int  # with the smallest context and KV cache
    on_card: int = 0  # with all layers there, as usual; 0: it is never put there
    least_on_card: int = 0
    beside_card: int = 0  # of the computer's memory, while all layers are on a card

    def of_file(self, size: int) -> Needs:
        """The same of a file with so many bytes more."""
        has_card = bool(self.on_card)
        return Needs(
            self.usual + size,
            self.least + size,
            self.on_card + size * has_card,
            self.least_on_card + size * has_card,
            self.beside_card,
        )


def tokens(header: Header, wanted: int | None = None) -> int:
    """The context that a model is loaded with: what is wanted or the usual, as it was trained."""
    if purpose.makes_vectors(header):
        usual = usual_text(header)
        return min(wanted or usual, header.trained_context or usual)
    return usual_context(header, replace(NO_WISHES, context=wanted))


def usual_tokens(wishes: Wishes = NO_WISHES) -> int:
    """The context that is usual for a model of which nothing is known yet."""
    return usual_context(_ANY_MODEL, wishes)


def estimated(header: Header, n_ctx: int | None = None, weights_size: int = 0) -> Estimate:
    """What a model takes in the computer's memory.

    Args:
        header: of the file, or of the first part of a split model.
        n_ctx: the context in tokens, instead of the usual one; never beyond the trained one.
        weights_size: the bytes of all parts, where the header tells only of the first.
    """
    if purpose.makes_vectors(header):
        return embedding_estimate(header, tokens(header, n_ctx), weights_size)
    wishes = replace(NO_WISHES, context=n_ctx)
    wanted = wanted_settings(header, wishes, NO_CEILING, _ANY_ROOM)
    return measured(header, Beside(weights_size=weights_size), wanted)


def memory(header: Header, n_ctx: int | None = None, weights_size: int = 0) -> int:
    """As `estimated`, in bytes; a part such as a projector needs its own size."""
    if header.kind in purpose.PARTS:
        return weights_size or header.weights_size
    return estimated(header, n_ctx, weights_size).total


def of(header: Header, weights_size: int = 0) -> Needs:
    """What a model needs at the most and at the least, as nobody wishes for anything else."""
    if header.kind in purpose.PARTS or purpose.makes_vectors(header):
        needed = memory(header, weights_size=weights_size)
        return Needs(needed, needed)
    beside = Beside(weights_size=weights_size)
    in_memory = [one.cpu.total for one in _tried(header, beside, _NO_ROOM)]
    placed = _tried(header, beside, _FULL_CARD)
    on_card = [one.gpus[0].total for one in placed]
    return Needs(in_memory[0], min(in_memory), on_card[0], min(on_card), placed[0].cpu.total)


def _tried(header: Header, beside: Beside, space: Room) -> list[Estimate]:
    """What a model takes in each of the ways that a plan tries, the one that is wanted first.

    Of a room with a card only those count that put all layers there.
    """
    found: dict[LoadSettings, Estimate] = {}
    wanted = wanted_settings(header, NO_WISHES, NO_CEILING, space)

    def measure(settings: LoadSettings) -> Estimate:
        if settings.n_gpu_layers != wanted.n_gpu_layers:
            return _NOTHING
        if settings not in found:
            found[settings] = measured(header, beside, settings)
        return found[settings]

    shape = Shape.of(header)
    Fitting(measure, space, Freedom(shape.layers, cache=shape.may_quantise)).find(wanted)
    return list(found.values())
