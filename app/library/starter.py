"""The model that ships with Hearth: it explains the program, and proves that everything works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.providers import local
from app.schema import ModelRef

if TYPE_CHECKING:
    from pathlib import Path


def folder(resources: Path) -> Path:
    """Where the models lie that ship with the program."""
    return resources / "models"


def find(resources: Path) -> ModelRef | None:
    """The starter, or None in an installation without it."""
    file = folder(resources) / "starter.gguf"
    return ModelRef(local.NAME, str(file)) if file.is_file() else None
