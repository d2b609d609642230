"""Models worth having, in the order in which they suit this computer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.library import verdicts
from app.library.records import HubModel, Kind
from app.library.verdicts import Fit
from app.llm.optimizer import hardware

if TYPE_CHECKING:
    from app.llm.optimizer.room import Room
    from app.schema import Hardware

HUB = "https://huggingface.co/"
GB, BILLION = 1e9, 1e9
# The weights that a token uses are read once for each token, so that the memory's speed is the
# limit: two channels give about 30 GB a second, of which one core can draw about 10. The memory of
# a plain graphics card gives about 150.
BANDWIDTH, BANDWIDTH_OF_CORE, BANDWIDTH_OF_CARD = 30e9, 10e9, 150e9  # bytes per second
USUAL_CORES = 4  # where they are not known
READING_SPEED = 5.0  # tokens per second, as fast as one reads
FREE = (Fit.NOW, Fit.PARTLY)  # as it should be loaded, into what is free
LATER = (Fit.REDUCED, Fit.CROWDED, Fit.NEVER)  # in the order in which to consider them


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
    """The facts about this computer that cost little to read, as they are now."""
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


def speed(model: ShelfModel, space: Room, cores: int) -> float:
    """A guess at the tokens per second that it writes: a rule of thumb.

    Args:
        model: in the quantisation that is meant.
        space: the memory that is free.
        cores: of the processor.
    """
    share = model.active / model.parameters if model.parameters else 1.0
    bandwidth = min(BANDWIDTH, cores * BANDWIDTH_OF_CORE)
    if space.gpus and not space.is_unified and _fit(model, space) is Fit.NOW:
        bandwidth = BANDWIDTH_OF_CARD
    return bandwidth / max(1, model.size * share)


def runs_well(model: ShelfModel, space: Room, cores: int) -> bool:
    """Whether it writes at least as fast as one reads, by that guess."""
    return speed(model, space, cores) >= READING_SPEED


def best_choice(model: ShelfModel, space: Room, cores: int) -> ShelfModel:
    """The model in the quantisation that suits this computer.

    That is the finest which fits into the free memory and runs well; where none does both, the
    smallest, which is the fastest and fits first.
    """
    choices = [model.with_choice(choice) for choice in model.choices] or [model]
    fitting = [one for one in choices if _fit(one, space) in FREE]
    good = [one for one in fitting if runs_well(one, space, cores)]
    return good[-1] if good else choices[0]


def by_fit(
    models: Iterable[ShelfModel], space: Room, cores: int | None = None
) -> list[tuple[ShelfModel, Fit]]:
    """Each model as it suits this computer, in the order in which to consider them.

    First those that fit and run well, the most capable on top; then those that fit and are slow,
    the fastest on top; then what fits with a smaller context, what fits when other programs are
    closed, and what never does, small ones first.
    """
    cores = cores or USUAL_CORES
    chosen = [best_choice(model, space, cores) for model in models]
    judged = [(one, _fit(one, space)) for one in chosen]

    def place(each: tuple[ShelfModel, Fit]) -> tuple[int, float]:
        model, fits = each
        if fits in FREE:
            if runs_well(model, space, cores):
                return 0, -model.parameters
            return 1, -speed(model, space, cores)
        return LATER.index(fits) + 2, model.size

    return sorted(judged, key=place)


def offered(model: ShelfModel, files: Iterable[HubModel]) -> HubModel | None:
    """What of a repository is meant by a recommendation, or None where it is not there any more."""
    able = [one for one in files if one.kind in (Kind.CHAT, Kind.EMBEDDING)]
    named = [one for one in able if _matches(one, model.file)]
    return next(
        iter(named or [one for one in able if one.quantisation == model.quantisation]), None
    )


def _matches(model: HubModel, pattern: str) -> bool:
    name = model.files[0].path.rpartition("/")[2]
    return fnmatchcase(name.lower(), pattern.lower())


def _fit(model: ShelfModel, space: Room) -> Fit:
    return verdicts.of_needs(verdicts.by_rule(model.size + model.projector_size), space)
