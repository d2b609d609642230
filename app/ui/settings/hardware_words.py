"""What the hardware section says of plans, memory and use, in the person's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app import wording
from app.ui.settings.hardware_pairs import Pair

if TYPE_CHECKING:
    from app.llm.card_use import CardUse
    from app.llm.plan_words import DeviceMemory, Line
    from app.llm.trials import Speed
    from app.llm.use_meter import Use
    from app.llm.workbench import Outlook

FIRM = "\u00a0"  # a space at which no line ends


def lines(told: Sequence[Line]) -> list[Pair]:
    """Each choice with its value and its reason."""
    return [Pair(one.name, one.value, one.reason) for one in told]


def taken(outlook: Outlook) -> list[Pair]:
    """What a way to load a model takes, and how fast it is."""
    return [*memory(outlook.memory, is_rough=outlook.is_rough), *speed(outlook.speed)]


def memory(uses: Sequence[DeviceMemory], *, is_rough: bool) -> list[Pair]:
    """Each device with what is taken there, beside what is free, and its parts."""
    about = "about " if is_rough else ""
    return [
        Pair(
            use.device,
            f"{about}{wording.size(use.total)}{_of(use.free)}",
            " · ".join(_firm(f"{name} {wording.size(size)}") for name, size in use.parts),
        )
        for use in uses
    ]


def speed(foretold: Speed) -> list[Pair]:
    """The tokens per second that are foretold; nothing where they are not known."""
    parts = [
        f"about {wording.rate(value)} {doing}"
        for value, doing in (
            (foretold.generation, "when it writes"),
            (foretold.prompt, "when it reads a prompt"),
        )
        if value is not None
    ]
    if not parts:
        return []
    remark = "Foretold by what this computer was measured to reach."
    if foretold.is_rough:
        remark += " Other programs were busy meanwhile, so it may be more."
    return [Pair("Speed", ", ".join(parts), remark)]


def use(now: Use) -> str:
    """A line on the processor, the memory and the graphics cards of this moment."""
    parts = []
    if now.cores is not None:
        percent = 100 * min(1.0, now.cores / now.of_cores)
        of_all = f"{now.cores:.1f} of {now.of_cores} hardware threads"
        parts.append(f"Processor {percent:.0f}{FIRM}% ({of_all})")
    parts.append(f"Memory {wording.size(now.memory)}")
    parts += map(_card, now.cards)
    return " · ".join(parts)


def _card(card: CardUse) -> str:
    busy = "" if card.busy is None else f"{card.busy}{FIRM}% busy, "
    return f"{card.name} {busy}{wording.size(card.taken)} of {wording.size(card.total)}"


def _of(free: int | None) -> str:
    return "" if free is None else f" of {wording.size(free)} that are free for it"


def _firm(text: str) -> str:
    return text.replace(" ", FIRM)
