"""Which models can be compared, and which of them at first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import wording
from app.library import verdicts
from app.library.records import Kind, LibraryModel, Presence
from app.ui.settings.compare_words import Candidate

if TYPE_CHECKING:
    from app.schema import LoadedModel

HANDFUL = 5  # models that are compared at first


def candidates(models: Iterable[LibraryModel], loaded: LoadedModel | None) -> list[Candidate]:
    """The chat models that are here, and the loaded one wherever it lies."""
    in_use = loaded_path(loaded)
    found = [
        Candidate(
            str(model.path),
            model.name,
            _facts(model.quantisation, model.size),
            is_loaded=str(model.path) == in_use,
        )
        for model in _usable(models)
    ]
    if loaded is not None and in_use and all(one.path != in_use for one in found):
        info = loaded.info
        facts = _facts(info.quantisation, info.size)
        found.insert(0, Candidate(in_use, info.name, facts, is_loaded=True))
    return found


def at_first(
    models: Sequence[LibraryModel], loaded: LoadedModel | None, free: int
) -> frozenset[str]:
    """The loaded model and those that fit into so many bytes, at most a handful.

    Those that were used last go before the others, and then large ones before small ones.
    """
    fitting = [one for one in _usable(models) if verdicts.by_rule(one.size).least <= free]
    fitting.sort(key=lambda one: (one.last_used is None, -_used(one), -one.size))
    paths = [path for path in (loaded_path(loaded),) if path]
    paths += [str(one.path) for one in fitting] or [str(one.path) for one in _usable(models)]
    return frozenset(list(dict.fromkeys(paths))[:HANDFUL])


def loaded_path(loaded: LoadedModel | None) -> str:
    """The file of the model that is in this process; "" where there is none."""
    is_here = loaded is not None and loaded.plan is not None
    return str(Path(loaded.info.ref.model)) if loaded is not None and is_here else ""


def _usable(models: Iterable[LibraryModel]) -> list[LibraryModel]:
    return [one for one in models if one.kind is Kind.CHAT and one.presence is Presence.HERE]


def _used(model: LibraryModel) -> float:
    return model.last_used.timestamp() if model.last_used is not None else 0.0


def _facts(quantisation: str, size: int) -> str:
    return " · ".join(filter(None, (quantisation, wording.size(size) if size else "")))
