"""Which model of the library a person means by a path or a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.errors import NoModel, UsageError
from app.library.hub import files
from app.library.records import LibraryModel
from app.library.stores import names

LOCAL = "local:"  # the beginning of a reference to a file on this disk


def path_of(text: str) -> Path:
    """The file that a text names if it is a path."""
    return Path(text.removeprefix(LOCAL)).expanduser().absolute()


def find(models: Sequence[LibraryModel], text: str) -> LibraryModel:
    """The model that is meant by a path, a name from the list, or the repository it came from.

    Raises:
        NoModel: there is none.
        UsageError: there are several.
    """
    path, wanted = path_of(text), text.casefold()
    found = [model for model in models if path in model.files]
    found = found or [model for model in models if wanted in _names(model)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise _missing(models, text, path)
    raise UsageError(
        f"Several models are called “{text}”.",
        "Give the path of one: " + ", ".join(names.shown(model.path) for model in found),
    )


def _names(model: LibraryModel) -> list[str]:
    return [name.casefold() for name in _called(model)]


def _called(model: LibraryModel) -> Iterator[str]:
    """All that a person may call a model: its names, its file's, and what it was fetched by."""
    yield model.name
    yield from model.other_names
    yield from (model.path.name, model.path.stem, names.title(model.path))
    if model.source is not None:
        yield model.source.repo
        for quantisation in (files.quantisation(model.source.file), model.quantisation):
            yield f"{model.source.repo}:{quantisation}"


def _missing(models: Sequence[LibraryModel], text: str, path: Path) -> NoModel:
    if path.is_file():
        return NoModel(
            f"{names.shown(path)} is not among the models of the library.",
            "It lies outside the folders that Hearth looks into.",
        )
    known = {model.name.casefold(): model.name for model in models}
    near = difflib.get_close_matches(text.casefold(), known, n=1)
    guess = f"Perhaps “{known[near[0]]}”? " if near else ""
    return NoModel(
        f"There is no model called “{text}”.", f"{guess}The names are in: hearth models list."
    )
