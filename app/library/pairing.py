"""Finds the projector (mmproj) that belongs to a model, so that the model can see or hear."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.library.facts import Facts
from app.library.records import Kind, LibraryModel, Presence
from app.library.stores import names
from app.library.stores.store import is_link

WORDS = re.compile(r"[^a-z0-9.]+")
QUANTISATION = re.compile(
    r"(?<![a-z0-9])(?:ud-)?(?:i?q\d(?:_[a-z0-9]+)*|tq\d_\d|mxfp4(?:_moe)?|b?f16|fp16|f32|fp32)(?![a-z0-9])"
)
NO_NAMES = frozenset(("", "mmproj", "mm", "proj", "projector", "model", "ggml", "gguf", "of"))
PART_NUMBER = re.compile(r"\d{5}")
_Identity = tuple[str, int, frozenset[str]]  # architecture, width, words of its name
# Of the projectors of one model, the one that llama.cpp's own choice would be nearest to.
BEST = ("F16", "BF16", "Q8_0", "F32")


def paired(
    models: Sequence[LibraryModel],
    facts: Mapping[Path, Facts],
    stated: Mapping[Path, Path],
) -> list[LibraryModel]:
    """The models, each with its projector and what that lets it do.

    `stated` has the projectors that programs name for models, by path.
    """
    projectors = [
        one for one in models if one.kind is Kind.PROJECTOR and one.presence is Presence.HERE
    ]
    if not projectors:
        return list(models)
    by_folder: defaultdict[Path, list[LibraryModel]] = defaultdict(list)
    for projector in projectors:
        by_folder[projector.folder].append(projector)
    known = {one.path: one for one in projectors}
    neighbours = _Neighbours(models, facts)
    result: list[LibraryModel] = []
    for model in models:
        chosen = None
        if model.kind is Kind.CHAT and model.presence is Presence.HERE:
            chosen = known.get(stated.get(model.path, Path()))
            chosen = chosen or _choose(model, by_folder, facts, neighbours)
        result.append(_with(model, chosen))
    return result


def _with(model: LibraryModel, projector: LibraryModel | None) -> LibraryModel:
    if projector is None:
        return model
    features = model.features | projector.features
    return dataclasses.replace(model, projector=projector.path, features=features)


class _Neighbours:
    """Which models a folder has, apart from their quantisations."""

    def __init__(self, models: Iterable[LibraryModel], facts: Mapping[Path, Facts]) -> None:
        self._beside: defaultdict[Path, set[_Identity]] = defaultdict(set)
        self._below: defaultdict[Path, set[_Identity]] = defaultdict(set)
        for model in models:
            if model.kind is Kind.CHAT:
                identity = _identity(model, facts)
                self._beside[model.folder].add(identity)
                for folder in (model.folder, model.folder.parent):
                    self._below[folder].add(identity)
        self._widths = {
            folder: Counter(width for _, width, _ in found)
            for folder, found in self._beside.items()
        }

    def are_one(self, model: _Identity, folder: Path, place: Path, made_for: int) -> bool:
        """Whether a model in `folder` may take any projector in `place` that fits its width.

        Such folders, as a repository's, hold one model in several quantisations, perhaps with a
        folder below for each; or only one model of the width that the projector is made for.
        """
        if place == folder.parent:
            return len(self._below[place]) == 1
        if place == folder.parent / "mmproj":
            return False
        there = self._beside[place]
        if len(there) == 1 or not there:
            return there <= {model}
        widths = self._widths[place]
        return bool(made_for) and model in there and widths[0] + widths[made_for] == 1


def _identity(model: LibraryModel, facts: Mapping[Path, Facts]) -> _Identity:
    width = facts[model.path].width if model.path in facts else 0
    return model.architecture, width, frozenset(_words(model.name))


def _choose(
    model: LibraryModel,
    by_folder: Mapping[Path, Sequence[LibraryModel]],
    facts: Mapping[Path, Facts],
    neighbours: _Neighbours,
) -> LibraryModel | None:
    """The best projector in the model's folder, in the one above, or in `mmproj` beside it.

    Where the model is a link, it may also lie beside what that leads to.
    """
    identity = _identity(model, facts)
    width, folder = identity[1], model.folder
    real = Path(os.path.realpath(model.path)).parent if is_link(model.path) else folder
    words = _words(model.path.name) | set(WORDS.split(model.name.lower()))
    best: tuple[int, int, str] | None = None
    chosen = None
    for place in dict.fromkeys((folder, folder.parent, folder.parent / "mmproj", real)):
        for projector in by_folder.get(place, ()):
            made_for = facts[projector.path].width if projector.path in facts else 0
            if width and made_for and width != made_for:
                continue
            own_words = _words(projector.path.name)
            is_named = bool(own_words) and own_words <= words
            if not is_named and not neighbours.are_one(
                identity, folder, place, 0 if own_words else made_for
            ):
                continue
            rank = (
                len(own_words) if is_named else 0,
                -_precision(projector),
                projector.path.name,
            )
            if best is None or rank > best:
                best, chosen = rank, projector
    return chosen


def _precision(projector: LibraryModel) -> int:
    """Its place in the order of preference."""
    stated = projector.quantisation
    return BEST.index(stated) if stated in BEST else len(BEST)


def _words(name: str) -> set[str]:
    """The words of a name that say which model it is, without those on the quantisation."""
    lower = QUANTISATION.sub("", names.shown(name).lower().removesuffix(names.SUFFIX))
    return {
        word
        for each in WORDS.split(lower)
        if (word := each.strip(".")) not in NO_NAMES and not PART_NUMBER.fullmatch(word)
    }
