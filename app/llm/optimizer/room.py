"""The memory in which a model is to find room: the computer's and that of its GPUs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.llm.optimizer.machine.records import Computer, Gpu
    from app.llm.optimizer.memory import Estimate

# Bytes that are left free: for the desktop that draws on a card, and for the system.
GPU_MARGIN = 1 << 30
SYSTEM_MARGIN = 256 << 20
UNKNOWN = 1 << 62  # bytes; what is not known refuses nothing


@dataclass(frozen=True, slots=True)
class GpuRoom:
    """A GPU that the installed llama.cpp can use; memory in bytes."""

    name: str
    free: int


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a load may take, with the margins gone."""

    free: int  # of the computer's memory, now
    total: int  # of the computer's memory, if nothing else ran
    gpus: tuple[GpuRoom, ...] = ()
    is_unified: bool = False  # the GPU's memory is the computer's


@dataclass(frozen=True, slots=True)
class Released:
    """Bytes that become free before the load, since another model is unloaded for it."""

    cpu: int = 0
    gpus: tuple[int, ...] = ()

    @classmethod
    def by(cls, estimate: Estimate | None) -> Released:
        """What a loaded model gives back."""
        if estimate is None:
            return cls()
        return cls(estimate.cpu.total, tuple(gpu.total for gpu in estimate.gpus))


NOTHING_RELEASED = Released()


def room(computer: Computer, released: Released = NOTHING_RELEASED) -> Room:
    """What a load may take on a computer, once `released` is free."""
    memory = computer.memory
    total, free = memory.usable_total, memory.usable_available
    if free is None:
        free = total
    total = UNKNOWN if total is None else max(0, total - SYSTEM_MARGIN)
    free = UNKNOWN if free is None else max(0, min(total, free + released.cpu - SYSTEM_MARGIN))
    cards = used_cards(computer)
    is_unified = any(card.is_unified for card in cards)
    rooms = [
        GpuRoom(card.name, _on_card(card.free, card.total, _at(released.gpus, number)))
        for number, card in enumerate(cards)
    ]
    return Room(free, total, tuple(rooms), is_unified and len(cards) == 1)


def used_cards(computer: Computer) -> list[Gpu]:
    """The GPUs that llama.cpp takes: all cards, and the processor's own where there is no card."""
    usable = [gpu for gpu in computer.gpus if gpu.is_usable]
    return [gpu for gpu in usable if not gpu.is_unified] or usable[:1]


def _on_card(free: int | None, total: int | None, released: int) -> int:
    """Of a card whose memory is not known nothing is promised."""
    known = free if free is not None else total
    if known is None:
        return 0
    return max(0, min(known + released, total or known + released) - GPU_MARGIN)


def _at(values: Sequence[int], place: int) -> int:
    return values[place] if place < len(values) else 0
