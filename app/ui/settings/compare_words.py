"""What the comparison of models says, in the person's words: short in cells, whole in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from app import wording
from app.library.listing import natural
from app.llm.comparing import Cell, Fits, Row
from app.llm.load_ways import AS_IT_IS, Varied, Way
from app.ui.settings import hardware_words
from app.ui.settings.hardware_pairs import Pair

if TYPE_CHECKING:
    from app.llm.trials import Speed
    from app.schema import LoadPlan

ABOUT = "≈\u00a0"  # before what is foretold
PLAIN_CACHE = "f16"
TOLD = ("n_ctx", "type_k", "n_gpu_layers", "cpu_expert_layers")  # of a plan, beside a cell
STATES = {
    Fits.WANTED: "Fits",
    Fits.SMALLER: "Fits, with less than is wanted",
    Fits.CROWDED: "Fits only when other programs are closed",
    Fits.NEVER: "Does not fit",
}
MARKS = {  # the icon and its colour: each has a shape of its own
    Fits.WANTED: ("check", "good"),
    Fits.SMALLER: ("down", "accent"),
    Fits.CROWDED: ("warning", "danger"),
    Fits.NEVER: ("close", "danger"),
}
GROUPS = {Varied.CONTEXT: "Context", Varied.CACHE: "KV cache"}
NO_CARD = "too much on the card"


class Order(StrEnum):
    """In which order the models stand."""

    NAME = "name"
    MEMORY = "memory"
    SPEED = "speed"


class Candidate(NamedTuple):
    """A model that can be compared."""

    path: str
    name: str
    facts: str = ""  # such as Q4_K_M · 4.7 GB
    is_loaded: bool = False


def heading(way: Way) -> str:
    """Above a column, in one or two lines."""
    group = GROUPS.get(way.varied, "")
    return f"{group}\n{way.name}" if group else way.name


def phrase(way: Way) -> str:
    """A way to load as part of a sentence, with a capital at its beginning."""
    name = _low(way.name) if way.varied is Varied.CONTEXT else way.name
    group = GROUPS.get(way.varied, "")
    return f"{group} {name}" if group else way.name


def lines(cell: Cell) -> Sequence[str]:
    """A cell in up to three short lines: the memory, the speed, and what comes out."""
    made = cell.made
    if made is None:
        return STATES[Fits.NEVER], f"takes {size(cell)}"
    return [line for line in (size(cell), rate(cell), _outcome(cell, made)) if line]


def size(cell: Cell) -> str:
    """The memory on all devices."""
    return f"{ABOUT if cell.outlook.is_rough else ''}{wording.size(cell.total)}"


def rate(cell: Cell) -> str:
    """How fast an answer is written; "" where that is not known."""
    if cell.rate is None:
        return ""
    return f"{'' if cell.measured.generation else ABOUT}{wording.rate(cell.rate)}"


def sentence(cell: Cell) -> str:
    """Whether it fits, and why, in whole sentences."""
    if cell.fits is Fits.WANTED:
        return cell.sentence
    return f"{STATES[cell.fits]}. {cell.sentence}"


def spoken(name: str, cell: Cell) -> str:
    """A cell for a screen reader."""
    state = "loaded so" if cell.is_loaded else STATES[cell.fits]
    said = (state, *(line.replace(ABOUT, "about ") for line in lines(cell)))
    return f"{name}, {phrase(cell.way)}: {', '.join(dict.fromkeys(said))}"


def pairs(cell: Cell) -> list[Pair]:
    """Everything that is told of a cell: speeds, memory, and what the plan has chosen."""
    told = [line for line in cell.outlook.lines if line.choice in TOLD]
    if cell.layers is None:  # no card computes
        told = [line for line in told if line.choice != "n_gpu_layers"]
    return [
        *_speeds(cell),
        *hardware_words.memory(cell.outlook.memory, is_rough=cell.outlook.is_rough),
        *hardware_words.lines(told),
    ]


def place(order: Order) -> Callable[[str, Row], Any]:
    """Gives the key by which a model of a name has its place; what is not known comes last."""

    def key(name: str, row: Row) -> Any:
        cell = row.cells.get(AS_IT_IS)
        value = 0.0
        if order is Order.MEMORY and cell is not None:
            value = float(cell.total)
        elif order is Order.SPEED and cell is not None:
            value = -(cell.rate or 0.0)
        is_last = bool(row.problem) or (order is not Order.NAME and not value)
        return is_last, value, natural(name), row.path

    return key


def _outcome(cell: Cell, made: LoadPlan) -> str:
    cache = made.type_k if made.type_k == made.type_v else f"{made.type_k} and {made.type_v}"
    if cell.fits is Fits.NEVER:
        return NO_CARD
    if cell.fits is Fits.CROWDED:
        return "close programs"
    if cell.is_context_less:
        return f"only {made.n_ctx:,}{f', {cache}' if cell.is_cache_other else ' tokens'}"
    if cell.is_cache_other:
        return f"KV cache {cache}"
    if cell.layers is not None and 0 < cell.layers[0] < cell.layers[1]:
        return f"{cell.layers[0]} of {cell.layers[1]} on card"
    is_told = cache != PLAIN_CACHE or cell.way.varied is Varied.CACHE
    return f"{made.n_ctx:,} tokens{f', {cache}' if is_told else ''}"


def _speeds(cell: Cell) -> list[Pair]:
    if cell.made is None:
        return []
    found = [
        Pair(name, f"{about}{_rates(speed)}")
        for name, about, speed in (
            ("Speed, measured", "", cell.measured),
            ("Speed, foretold", "about ", cell.predicted),
        )
        if speed.generation is not None
    ]
    return found or [Pair("Speed", "Not known for this computer yet")]


def _rates(speed: Speed) -> str:
    written = f"{wording.rate(speed.generation or 0.0)} for the answer"
    if speed.prompt is None:
        return written
    return f"{written}, {wording.rate(speed.prompt)} for the prompt"


def _low(text: str) -> str:
    return text[:1].lower() + text[1:]
