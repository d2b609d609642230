"""LocalAI's models: GGUF files beside the YAML files that describe them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile
from app.library.stores.walking import walk

PROGRAM = "LocalAI"


def folders(places: Places) -> list[Path]:
    """The folder that the environment names, and its launcher's."""
    chosen = places.variable("LOCALAI_MODELS_PATH")
    return [*([chosen] if chosen else []), places.home / ".localai" / "models"]


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models."""
    yield from walk(look, folder, PROGRAM)
