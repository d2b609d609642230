"""text-generation-webui's models: files or folders in `user_data/models` of where it is installed.

Before version 3.1 that was `models`; portable builds may share a `user_data` beside them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from app.library.stores import install_folders, reading
from app.library.stores.places import Places
from app.library.stores.store import Look, Shape, StoreFile, has_folder
from app.library.stores.walking import walk

PROGRAM = "text-generation-webui"
NAMES = ("text-generation-webui", "textgen", "oobabooga")
MARK = "place-your-models-here.txt"  # in each of its folders of models
STARTERS = frozenset(
    ("server.py", "start_linux.sh", "start_macos.sh", "start_windows.bat", "portable_env/")
)
FLAGS = ("user_data/CMD_FLAGS.txt", "CMD_FLAGS.txt")
MODEL_FOLDER = re.compile(r"""--model-dir(?:\s+|=)("[^"\n]+"|'[^'\n]+'|[^\s\0]+)""")
BELOW = ("user_data/models", "user_data/mmproj", "models")


def folders(places: Places) -> list[Path]:
    """Its folders of models, where people put the program."""
    found: dict[Path, None] = {}
    chosen: dict[Path, None] = {}
    for install in install_folders.named(places, NAMES):
        # The installer of old put the program into a folder of its own name below.
        for base in (install, install / "text-generation-webui"):
            found.update(dict.fromkeys(base / name for name in BELOW))
            chosen.update(dict.fromkeys(_chosen(places, base)))
        found.update(dict.fromkeys(install.parent / name for name in BELOW[:2]))
    return [*chosen, *(folder for folder in found if has_folder(folder))]


def _chosen(places: Places, base: Path) -> Iterator[Path]:
    """The folder that its file of options names, which may be on a drive that is away."""
    for file in FLAGS:
        lines = reading.text(base / file).splitlines()
        options = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        if match := MODEL_FOLDER.search(options):
            named = places.path(match[1])
            yield named or base / match[1].strip("\"'")


def _is_folder_of_it(listed: Collection[str]) -> bool:
    """Whether it is installed there, or what it puts there tells."""
    here = set(listed)
    is_installed = "user_data/" in here and bool(STARTERS & here)
    return is_installed or MARK in here or {"models/", "characters/", "presets/"} <= here


def _nothing(_look: Look, _folder: Path) -> Iterator[StoreFile]:
    yield from ()


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models."""
    yield from walk(look, folder, PROGRAM)


SHAPE = Shape(PROGRAM, _is_folder_of_it, _nothing)
