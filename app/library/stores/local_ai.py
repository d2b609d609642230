"""LocalAI's models: GGUF files, and beside them the YAML files that name and describe them.

Source: localai.io on model configuration (`name`, `parameters.model`, `mmproj`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from app.library.stores import reading
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, has_file
from app.library.stores.walking import walk

PROGRAM = "LocalAI"


def folders(places: Places) -> list[Path]:
    """The folder that the environment names, and its launcher's."""
    chosen = places.variable("LOCALAI_MODELS_PATH")
    return [*([chosen] if chosen else []), places.home / ".localai" / "models"]


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """Its models, with what their descriptions say."""
    known = _descriptions(folder)
    for found in walk(look, folder, PROGRAM):
        name, projector = known.get(found.path, ("", None))
        yield dataclasses.replace(
            found,
            name=found.name or name,
            projector=projector if projector and has_file(projector) else None,
        )


def _descriptions(folder: Path) -> dict[Path, tuple[str, Path | None]]:
    """By file: what it is called, and its projector."""
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix in (".yaml", ".yml"))
    except OSError:
        return {}
    known: dict[Path, tuple[str, Path | None]] = {}
    for file in files:
        content = reading.text(file)
        about, model = reading.pairs(content), reading.block(content, "parameters").get("model", "")
        if model and "\0" not in content:
            projector = about.get("mmproj", "")
            beside = folder / projector if projector else None
            known.setdefault(folder / model, (about.get("name", ""), beside))
    return known
