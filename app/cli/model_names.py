"""Which model of the library a person means by a path or a name."""

from __future__ import annotations

import contextlib
import difflib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.errors import NoModel, UsageError
from app.library.hub import files
from app.library.records import LibraryModel
from app.library.stores import names
from app.library.stores.store import has_file

LOCAL = "local:"  # the beginning of a reference to a file on this disk


def path_of(text: str) -> Path:
    """The file that a text names if it is a path."""
    path = Path(text.removeprefix(LOCAL))
    with contextlib.suppress(RuntimeError):  # a tilde, and no user of that name
        path = path.expanduser()
    path = path.absolute()
    # Dots lead to where the links before them lead; the file itself may be a link.
    return Path(os.path.realpath(path.parent), path.name) if ".." in path.parts else path


def find(models: Sequence[LibraryModel], text: str) -> LibraryModel:
    """The model that is meant by a path, a name from the list, or the repository it came from.

    What the list calls a model counts before what else it may be called.

    Raises:
        NoModel: there is none.
        UsageError: there are several.
    """
    path, wanted = path_of(text), _folded(text)
    found = (
        _at(models, path)
        or [model for model in models if model.name == text]
        or [model for model in models if _folded(model.name) == wanted]
        or [model for model in models if wanted in map(_folded, _called(model))]
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise _missing(models, text, path)
    raise UsageError(
        f"Several models are called “{names.shown(text)}”.",
        "Give the path of one: " + ", ".join(names.shown(model.path) for model in found),
    )


def _at(models: Sequence[LibraryModel], path: Path) -> list[LibraryModel]:
    """Those with a file at a path, also where a folder on the way to it is a link."""
    found = [model for model in models if path in model.files]
    if found or not os.path.lexists(path):
        return found
    real = Path(os.path.realpath(path.parent), path.name)
    return [
        model
        for model in models
        for file in model.files
        if file.name == path.name and Path(os.path.realpath(file.parent), file.name) == real
    ]


def _folded(text: str) -> str:
    """As it is compared: letters are alike however they are capitalised and composed."""
    return unicodedata.normalize("NFC", text).casefold()


def _called(model: LibraryModel) -> Iterator[str]:
    """All that a person may call a model: its names, its file's, and what it was fetched by."""
    yield from model.other_names
    yield from (model.path.name, model.path.stem, names.title(model.path))
    if model.source is not None:
        yield model.source.repo
        for quantisation in (files.quantisation(model.source.file), model.quantisation):
            yield f"{model.source.repo}:{quantisation}"


def _missing(models: Sequence[LibraryModel], text: str, path: Path) -> NoModel:
    if has_file(path):
        return NoModel(
            f"{names.shown(path)} is not among the models of the library.",
            "Either it lies outside the folders that Hearth looks into, or it is no model file.",
        )
    known = {_folded(model.name): model.name for model in models}
    near = difflib.get_close_matches(_folded(text), known, n=1)
    guess = f"Perhaps “{known[near[0]]}”? " if near else ""
    return NoModel(
        f"There is no model called “{names.shown(text)}”.",
        f"{guess}The names are in: hearth models list.",
    )
