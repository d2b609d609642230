"""Sorts, filters and searches the models of the library; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.library import verdicts
from app.library.records import Kind, LibraryModel, Presence
from app.library.verdicts import Fit

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer

LONGEST = 400  # characters of a text that are looked at for its place
NUMBER = re.compile(r"(\d+)")


class Order(StrEnum):
    """By what the list is sorted; numbers and times with the largest and latest first."""

    NAME = "name"
    USED = "used"
    SIZE = "size"
    PARAMETERS = "parameters"
    CONTEXT = "context"
    ADDED = "added"
    ARCHITECTURE = "architecture"
    QUANTISATION = "quantisation"
    PROGRAM = "program"


_VALUES: dict[Order, Callable[[LibraryModel], float]] = {
    Order.USED: lambda model: model.last_used.timestamp() if model.last_used else 0,
    Order.SIZE: lambda model: model.size,
    Order.PARAMETERS: lambda model: model.parameters,
    Order.CONTEXT: lambda model: model.trained_context,
    Order.ADDED: lambda model: model.modified,
}
_TEXTS: dict[Order, Callable[[LibraryModel], str]] = {
    Order.ARCHITECTURE: lambda model: model.architecture,
    Order.QUANTISATION: lambda model: model.quantisation,
    Order.PROGRAM: lambda model: model.program,
}


def arranged(
    models: Iterable[LibraryModel],
    *,
    words: str = "",
    kind: Kind | None = None,
    feature: str = "",
    program: str | None = None,
    presence: Presence | None = None,
    fits: Computer | None = None,
    order: Order = Order.NAME,
    is_reversed: bool = False,
) -> list[LibraryModel]:
    """The models that all filters let through, in order; what is not known comes last.

    Each of the words must be in the name, architecture, quantisation, program or path. `program`
    "" stands for the person's own, and `fits` keeps what fits that computer's memory.
    """
    wanted = _folded(words).split()
    shown = [
        model
        for model in models
        if (kind is None or model.kind is kind)
        and (not feature or feature in model.features)
        and (program is None or model.program == program)
        and (presence is None or model.presence is presence)
        and (fits is None or verdicts.of_model(model, fits) is not Fit.NEVER)
        and (not wanted or _has(model, wanted))
    ]
    shown.sort(
        key=lambda model: (natural(model.name), str(model.path)),
        reverse=is_reversed and order is Order.NAME,
    )
    if order in _VALUES:
        value = _VALUES[order]
        sign = 1 if is_reversed else -1
        shown.sort(key=lambda model: (not value(model), sign * value(model)))
    elif order in _TEXTS:
        text = _TEXTS[order]
        shown.sort(key=lambda model: natural(text(model)), reverse=is_reversed)
        shown.sort(key=lambda model: not text(model))
    return shown


def natural(text: str) -> list[Any]:
    """A key by which 7B comes before 14B."""
    parts = NUMBER.split(text[:LONGEST].casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _folded(text: str) -> str:
    """As it is compared: letters are alike however they are capitalised and composed."""
    return unicodedata.normalize("NFC", text).casefold()


def _has(model: LibraryModel, wanted: Iterable[str]) -> bool:
    texts = (
        model.name,
        *model.other_names,
        model.architecture,
        model.quantisation,
        model.program,
        model.kind,
        str(model.path),
        model.source.repo if model.source else "",
    )
    text = _folded("\n".join(texts))
    return all(word in text for word in wanted)
