"""Jan's models: a `model.yml` for each, which names the file, in Jan's data folder or elsewhere.

`llamacpp/models/<id>/model.yml` holds `model_path`, `mmproj_path` and `name`; older versions had
`models/<id>/model.yml` or `model.json` beside the file. Source: janhq/jan, extensions and
src-tauri/src/core/app.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PureWindowsPath

from app.library.stores import names, reading
from app.library.stores.places import Places
from app.library.stores.store import Look, Shape, StoreFile, has_folder
from app.library.stores.walking import walk

PROGRAM = "Jan"
DESCRIPTION = "model.yml"
MODELS = ("llamacpp/models", "models")  # below its data folder; the second of older versions
DEPTH = 4  # of folders below one for models
APPS = ("Jan", "jan.ai.app")  # names of its folder of settings


def folders(places: Places) -> list[Path]:
    """The data folder that it was told to use, and where it is by default."""
    bases = [
        base for base in (places.variable("JAN_DATA_ROOT"), places.data, places.config) if base
    ]
    chosen = [places.variable("JAN_DATA_FOLDER")]
    for base in bases:
        for app in APPS:
            settings = reading.json_object(base / app / "settings.json")
            chosen.append(places.path(reading.string(settings, "data_folder")))
    usual = [base / app / "data" for base in bases for app in APPS]
    found = [*filter(None, chosen), *usual, places.home / "jan"]
    return list(dict.fromkeys(found))


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models that it describes, then other files in its folders."""
    look.entries(folder, PROGRAM)
    for name in MODELS:
        for description in _descriptions(folder / name, 0):
            yield from _described(look, folder, folder / name, description)
    for name in MODELS:
        if has_folder(folder / name):
            yield from walk(look, folder / name, PROGRAM)


def _is_data_folder(listed: Collection[str]) -> bool:
    beside = {"threads/", "assistants/", "extensions/"}
    return "llamacpp/" in listed and bool(beside & set(listed))


def _descriptions(folder: Path, depth: int) -> Iterator[Path]:
    """The descriptions; the folders themselves are gone through later."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name == DESCRIPTION:
            yield Path(entry.path)
        elif depth < DEPTH and not names.is_left_out(entry.name) and not entry.is_symlink():
            yield from _descriptions(Path(entry.path), depth + 1)


def _described(look: Look, data: Path, models: Path, description: Path) -> Iterator[StoreFile]:
    about = reading.pairs(reading.text(description))
    path = _file(data, about.get("model_path", ""))
    found = look.named(path) if path else None
    if found is None:
        return
    projector = _file(data, about.get("mmproj_path", ""))
    name = about.get("name") or description.parent.relative_to(models).as_posix()
    known = look.file(projector) if projector else None
    yield dataclasses.replace(
        found, program=PROGRAM, name=name, projector=known.path if known else None
    )
    if known is not None:
        yield dataclasses.replace(known, program=PROGRAM)


def _file(data: Path, text: str) -> Path | None:
    """A path as Jan writes it: absolute, or from its data folder on."""
    if not text or "\0" in text:
        return None
    if PureWindowsPath(text).drive and data.drive == "":
        return None
    return data / text.replace("\\", "/")


SHAPE = Shape(PROGRAM, _is_data_folder, read, is_whole=True)
