"""KoboldCpp's models.

It has no folder of its own: they lie beside the program, or where its saved settings (`.kcpps`,
JSON) say.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from app.library.stores import install_folders, names, reading
from app.library.stores.places import Places
from app.library.stores.store import Look, Shape, StoreFile, has_file
from app.library.stores.walking import walk

PROGRAM = "KoboldCpp"
SETTINGS = ".kcpps"
MODELS = ("model_param", "model", "draftmodel", "embeddingsmodel")
OTHERS = ("mmproj", "lora")
# Such as koboldcpp.exe, koboldcpp-linux-x64, koboldcpp.py, and saved settings.
PROGRAM_FILE = re.compile(r"koboldcpp[\w-]*(?:\.exe|\.py)?|.+\.kcpps", re.IGNORECASE)
NAMES = ("koboldcpp", "kobold.cpp", "kobold-cpp", "kobold_cpp")


def folders(places: Places) -> list[Path]:
    """Folders that are called after it, where people put such."""
    return install_folders.named(places, NAMES)


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models that its settings name, then those beside it."""
    yield from _settled(look, folder)
    yield from walk(look, folder, PROGRAM)


def _is_folder_of_it(listed: Collection[str]) -> bool:
    """Whether the program or settings of it lie there."""
    return any(PROGRAM_FILE.fullmatch(name) for name in listed)


def _settled(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models that the settings in a folder name."""
    try:
        settings = sorted(folder.glob(f"*{SETTINGS}"))
    except OSError:
        settings = []
    for file in settings:
        yield from _named(look, folder, reading.json_object(file))


def _named(look: Look, folder: Path, settings: dict[str, Any]) -> Iterator[StoreFile]:
    projectors = [path for path in _paths(folder, settings, "mmproj") if has_file(path)]
    for key in (*MODELS, *OTHERS):
        for path in _paths(folder, settings, key):
            found = look.named(path)
            if found is not None:
                projector = projectors[0] if projectors and key in MODELS[:2] else None
                yield dataclasses.replace(found, program=PROGRAM, projector=projector)


def _paths(folder: Path, settings: dict[str, Any], key: str) -> list[Path]:
    """The files that stand at a key: one, a list of them, or none; relative to the program."""
    value = settings.get(key)
    texts = value if isinstance(value, list) else [value]
    return [
        folder / text
        for text in texts
        if isinstance(text, str) and "\0" not in text and names.is_model(Path(text).name)
    ]


SHAPE = Shape(PROGRAM, _is_folder_of_it, _settled)
