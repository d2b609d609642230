"""Whether a model fits this computer, told by a few figures instead of a whole plan. Pure.

The figures are those between which the optimizer's plan chooses (app.llm.optimizer.needs), so that
a row of the library says what a load will do. Where there is no graphics card it says just that;
where there is one, it is right to within a layer or so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from app.library.records import Kind, LibraryModel
from app.llm.optimizer.needs import Needs
from app.llm.optimizer.room import NOTHING_RELEASED, UNKNOWN, Released, Room, room

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer

# Of a file whose header was not read, beside its weights: context, compute buffers, and the rest of
# what is open. A rule of thumb.
ROOM_SHARE, ROOM = 0.1, 1_000_000_000  # of the file, and bytes
LEAST_SHARE, LEAST_ROOM = 0.03, 500_000_000  # with the smallest context
RUNTIME = 512 << 20  # bytes that a graphics card takes beside a model
PART = 650_000_000  # bytes that each further card takes, with buffers to compute its part in
LAYERS = 32  # of a model, more or less; half a layer's room stays empty on each card
EVEN = 0.95  # of several cards' memory: their parts are not quite as large as their room


class Fit(StrEnum):
    """Whether a model fits into memory."""

    NOW = "now"  # into what is free at the moment, of a graphics card where there is one
    PARTLY = "partly"  # the graphics card has a part, what is free of the memory the rest
    REDUCED = "reduced"  # into what is free, with a smaller context or KV cache
    CROWDED = "crowded"  # only when other programs are closed
    NEVER = "never"  # it is too large for this computer


def memory_for(size: int) -> int:
    """The memory in bytes that a model file of `size` bytes takes in use, by a rule of thumb."""
    return round(size * (1 + ROOM_SHARE) + ROOM)


def by_rule(size: int) -> Needs:
    """What a model file of `size` bytes needs, by a rule of thumb."""
    usual, least = memory_for(size), round(size * (1 + LEAST_SHARE) + LEAST_ROOM)
    beside = usual // LAYERS
    return Needs(usual, least, usual + RUNTIME - beside, least + RUNTIME - beside, beside)


def of_model(model: LibraryModel, computer: Computer, released: Released = NOTHING_RELEASED) -> Fit:
    """Whether a model of the library fits once `released` is free."""
    if model.taken is None:
        return of_needs(by_rule(model.size), room(computer, released))
    needed = model.taken.of_file(model.size)
    if model.kind is Kind.EMBEDDING:
        return of_vectors(needed.usual, computer)
    return of_needs(needed, room(computer, released))


def of_vectors(needed: int, computer: Computer) -> Fit:
    """Whether a model that turns texts into vectors fits: beside the chat model, on no card."""
    total, free = computer.memory.usable_total, computer.memory.usable_available
    if needed <= (UNKNOWN if free is None else free):
        return Fit.NOW
    return Fit.CROWDED if needed <= (UNKNOWN if total is None else total) else Fit.NEVER


def of_needs(needed: Needs, space: Room) -> Fit:
    """Whether a model with these needs fits into a room, tried in the order of the plan."""
    cards = [card.free for card in space.gpus]
    if not needed.on_card or not cards:
        return _in_memory(needed.usual, needed.least, space, Fit.NOW)
    # Beside its part of the model a card has its runtime, and buffers to compute that part in.
    over = needed.on_card + needed.beside_card - needed.usual
    if space.is_unified:
        return _unified(needed, over, space)
    more = PART * (len(cards) - 1)
    there = round((sum(cards) - more) * (EVEN if more else 1))
    beside, layer = needed.beside_card, needed.usual // LAYERS
    for taken, fit in ((needed.on_card, Fit.NOW), (needed.least_on_card, Fit.REDUCED)):
        if taken <= there:
            return _in_memory(beside, beside, space, fit)
    part = sum(cards) - layer * len(cards) // 2 - more - over
    if part <= 0:  # not even one layer finds room there
        return _in_memory(needed.usual, needed.least, space, Fit.NOW)
    usual, least = max(beside, needed.usual - part), max(beside, needed.least - part)
    # It is refused where that is sure: else the load itself will say so, with its figures.
    return _in_memory(usual, least, space, Fit.PARTLY, doubt=layer)


def _unified(needed: Needs, over: int, space: Room) -> Fit:
    """The card's memory is the computer's, of which it may take a part."""
    card, beside = space.gpus[0].free, needed.beside_card
    if needed.on_card <= card:
        whole = Fit.NOW
    elif needed.least_on_card <= card and needed.least_on_card + beside <= space.free:
        whole = Fit.REDUCED
    else:
        whole = Fit.PARTLY
    return _in_memory(needed.usual + over, needed.least + over, space, whole)


def _in_memory(usual: int, least: int, space: Room, whole: Fit, doubt: int = 0) -> Fit:
    if usual <= space.free:
        return whole
    if least <= space.free:
        return Fit.REDUCED
    return Fit.CROWDED if least - doubt <= space.total else Fit.NEVER


def largest(computer: Computer) -> int:
    """The size in bytes of the largest file that fits well, when nothing else is open."""
    space = room(computer)
    total = space.total
    if not space.is_unified:
        total += sum(max(0, card.free - PART) for card in space.gpus)
    return max(0, round((total - ROOM) / (1 + ROOM_SHARE)))
