"""LM Studio's models: `<publisher>/<repository>/<file>.gguf` below one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.library.stores import reading
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile
from app.library.stores.walking import walk

PROGRAM = "LM Studio"


def folders(places: Places) -> list[Path]:
    """The folder that its settings name, its own, and that of the model it ships with."""
    homes = _homes(places)
    settings = [home / "settings.json" for home in homes]
    settings += [base / "LM Studio" / "settings.json" for base in (places.data, places.config)]
    chosen = (
        places.path(reading.string(reading.json_object(file), "downloadsFolder"))
        for file in settings
    )
    usual = [home / name for home in homes for name in ("models", ".internal/bundled-models")]
    return [*filter(None, chosen), *usual]


def _homes(places: Places) -> list[Path]:
    pointer = reading.text(places.home / ".lmstudio-home-pointer").splitlines()
    named = places.path(pointer[0]) if pointer else None
    usual = [places.home / ".lmstudio", places.home / ".cache" / "lm-studio"]
    return [*([named] if named else []), *usual]


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models."""
    yield from walk(look, folder, PROGRAM)
