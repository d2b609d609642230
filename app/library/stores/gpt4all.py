"""GPT4All's models: GGUF files in one folder, which its settings can move.

Source: gpt4all-chat/src/mysettings.cpp (`modelPath`), and Qt's places for an organisation and app.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

from app.library.stores import reading
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile
from app.library.stores.walking import walk

PROGRAM = "GPT4All"
COMPANY = "nomic.ai"


def folders(places: Places) -> list[Path]:
    """The folder that its settings name, its own, and that of its Python package."""
    config = places.data if places.is_windows else places.config
    usual = [
        places.local_data / COMPANY / "GPT4All",
        places.home / ".cache" / "gpt4all",
    ]
    settings = [config / COMPANY / "GPT4All.ini", config / "gpt4all.io" / "GPT4All.ini"]
    chosen = (places.path(_model_path(reading.text(file))) for file in settings)
    return [*filter(None, chosen), *usual]


def _model_path(ini: str) -> str:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    try:
        parser.read_string(ini)
        return parser.get("General", "modelPath", fallback="").replace("\\\\", "\\")
    except configparser.Error:
        return ""


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models; what begins with `incomplete-` is still on its way."""
    yield from walk(look, folder, PROGRAM)
