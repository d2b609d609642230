"""Models worth having, and whether a model of some size fits this computer and runs well on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.library.records import HubModel, Kind, LibraryModel
from app.llm.optimizer import hardware

if TYPE_CHECKING:
    from app.schema import Hardware

HUB = "https://huggingface.co/"
GB, BILLION = 1e9, 1e9
# Beside the weights: context, compute buffers, and the rest of what is open. A rule of thumb; the
# exact need is known from the file's header, before the file is loaded.
ROOM_SHARE, ROOM = 0.1, 1_000_000_000  # of the file, and bytes
# A processor reads the weights that a token uses once for each token, so that its memory's speed
# is the limit: two channels give about 30 GB a second, and one core can draw about 10 of them.
BANDWIDTH, BANDWIDTH_OF_CORE = 30e9, 10e9  # bytes per second
READING_SPEED = 5.0  # tokens per second, as fast as one reads


class Fit(StrEnum):
    """Whether a model fits into memory."""

    NOW = "now"  # into what is free at the moment
    CROWDED = "crowded"  # only when other programs are closed
    NEVER = "never"  # it is too large for this computer


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the files of a recommended model; the size in bytes."""

    quantisation: str
    size: int
    file: str  # a pattern of its name
    is_computed: bool = False  # the size is no figure of the repository's


@dataclass(frozen=True, slots=True)
class ShelfModel:
    """One recommendation; quantisation, size and file are those of the choice that is meant."""

    name: str
    repo: str
    quantisation: str
    size: int  # bytes
    licence: str
    good_for: str
    file: str = "*.gguf"  # a pattern of its name
    family: str = ""
    kind: Kind = Kind.CHAT
    parameters: int = 0
    active: int = 0  # parameters that one token uses
    context: int = 0  # tokens that it was trained for
    is_gated: bool = False  # its terms must be accepted on its page first
    is_vision: bool = False
    projector: str = ""  # a pattern of the name of the file with which it sees
    projector_size: int = 0  # bytes; 0 is not known
    choices: tuple[Choice, ...] = ()  # the smallest first

    @property
    def page(self) -> str:
        """The web page from which the file can be downloaded."""
        return f"{HUB}{self.repo}/tree/main"

    def with_choice(self, choice: Choice) -> ShelfModel:
        """The same model in another quantisation."""
        return replace(self, quantisation=choice.quantisation, size=choice.size, file=choice.file)


def computer() -> Hardware:
    """The facts about this computer, as they are now."""
    return hardware.detect()


def read(resources: Path) -> list[ShelfModel]:
    """The recommendations, small ones first; none where the file is missing or damaged."""
    try:
        entries = json.loads((resources / "shelf.json").read_text(encoding="utf-8"))["models"]
        models = [_model(entry) for entry in entries]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    return sorted(models, key=lambda model: model.size)


def _model(entry: Mapping[str, Any]) -> ShelfModel:
    choices = sorted((_choice(file) for file in entry["files"]), key=lambda one: one.size)
    first, projector = choices[0], entry.get("projector", {})
    parameters = entry["parameters_b"]
    return ShelfModel(
        name=entry["name"],
        repo=entry["repo"],
        quantisation=first.quantisation,
        size=first.size,
        licence=entry["licence"],
        good_for=entry["good_for"],
        file=first.file,
        family=entry["family"],
        kind=Kind(entry["kind"]),
        parameters=round(parameters * BILLION),
        active=round(entry.get("active_b", parameters) * BILLION),
        context=entry["context"],
        is_gated=entry.get("gated", False),
        is_vision=entry.get("sees", False),
        projector=projector.get("file", ""),
        projector_size=round(projector.get("size_gb", 0) * GB),
        choices=tuple(choices),
    )


def _choice(file: Mapping[str, Any]) -> Choice:
    size = round(file["size_gb"] * GB)
    return Choice(file["quantisation"], size, file["file"], file.get("computed", False))


def memory_for(size: int) -> int:
    """The memory in bytes that a model file of `size` bytes takes in use, by a rule of thumb."""
    return round(size * (1 + ROOM_SHARE) + ROOM)


def fit(size: int, facts: Hardware) -> Fit:
    """Whether a model file of `size` bytes fits this computer."""
    return _fit_of(memory_for(size), facts)


def _fit_of(needed: int, facts: Hardware) -> Fit:
    if needed <= facts.available_memory:
        return Fit.NOW
    return Fit.CROWDED if needed <= facts.total_memory else Fit.NEVER


def fits(model: LibraryModel, facts: Hardware) -> Fit:
    """Whether a model of the library fits: by the optimizer, where its header was read."""
    if not model.working:
        return fit(model.size, facts)
    return _fit_of(model.size + model.working, facts)


def largest(facts: Hardware) -> int:
    """The size in bytes of the largest file that fits this computer, when nothing else is open."""
    return max(0, round((facts.total_memory - ROOM) / (1 + ROOM_SHARE)))


def speed(model: ShelfModel, facts: Hardware) -> float:
    """A guess at the tokens per second that it writes on the processor: a rule of thumb."""
    share = model.active / model.parameters if model.parameters else 1.0
    return min(BANDWIDTH, facts.physical_cores * BANDWIDTH_OF_CORE) / max(1, model.size * share)


def runs_well(model: ShelfModel, facts: Hardware) -> bool:
    """Whether it writes at least as fast as one reads, by that guess."""
    return speed(model, facts) >= READING_SPEED


def best_choice(model: ShelfModel, facts: Hardware) -> ShelfModel:
    """The model in the quantisation that suits this computer.

    That is the finest which fits into the free memory and runs well; where none does both, the
    smallest, which is the fastest and fits first.
    """
    choices = [model.with_choice(choice) for choice in model.choices] or [model]
    good = [one for one in choices if _fit(one, facts) is Fit.NOW and runs_well(one, facts)]
    return good[-1] if good else choices[0]


def by_fit(models: Iterable[ShelfModel], facts: Hardware) -> list[tuple[ShelfModel, Fit]]:
    """Each model as it suits this computer, in the order in which to consider them.

    First those that fit and run well, the most capable on top; then those that fit and are slow,
    the fastest on top; then what fits when other programs are closed, and what never does, small
    ones first.
    """
    judged = [(one, _fit(one, facts)) for one in (best_choice(model, facts) for model in models)]

    def place(each: tuple[ShelfModel, Fit]) -> tuple[int, float]:
        model, fits = each
        if fits is Fit.NOW:
            if runs_well(model, facts):
                return 0, -model.parameters
            return 1, -speed(model, facts)
        return (2 if fits is Fit.CROWDED else 3), model.size

    return sorted(judged, key=place)


def offered(model: ShelfModel, files: Iterable[HubModel]) -> HubModel | None:
    """What of a repository is meant by a recommendation, or None where it is not there any more."""
    able = [one for one in files if one.kind in (Kind.CHAT, Kind.EMBEDDING)]
    named = [one for one in able if _matches(one, model.file)]
    return next(
        iter(named or [one for one in able if one.quantisation == model.quantisation]), None
    )


def offered_projector(model: ShelfModel, files: Iterable[HubModel]) -> HubModel | None:
    """The file with which a recommended model sees, or None where it needs or has none."""
    able = [one for one in files if one.kind is Kind.PROJECTOR and model.projector]
    named = [one for one in able if _matches(one, model.projector)]
    return next(iter(named or able), None)


def _matches(model: HubModel, pattern: str) -> bool:
    name = model.files[0].path.rpartition("/")[2]
    return fnmatchcase(name.lower(), pattern.lower())


def _fit(model: ShelfModel, facts: Hardware) -> Fit:
    return fit(model.size + model.projector_size, facts)
