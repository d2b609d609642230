"""The model files on this disk that Hearth knows of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from app import gguf
from app.errors import ModelError
from app.llm.providers.local import describe
from app.schema import ModelInfo

SUFFIX = ".gguf"
_LOG = logging.getLogger(__name__)


def find_files(folders: Iterable[Path]) -> list[Path]:
    """All GGUF files in the folders and below them; a folder that is missing is empty."""
    found = {
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix.lower() == SUFFIX and file.is_file()
    }
    return sorted(found, key=lambda file: file.name.lower())


def models(folders: Iterable[Path], files: Sequence[Path] = ()) -> list[ModelInfo]:
    """The models in the folders and among the files; those that cannot be read are left out."""
    known: dict[Path, ModelInfo] = {}
    for file in (*files, *find_files(folders)):
        resolved = file.resolve()
        if resolved in known:
            continue
        try:
            header = gguf.read(file)
        except ModelError as error:
            _LOG.info("left out of the list: %s", error)
            continue
        if header.kind == "model":
            known[resolved] = describe(header)
    return sorted(known.values(), key=lambda model: model.name.lower())
