"""What a model is named by: a repo's id, whose files are in Hugging Face's cache, or a folder."""

from __future__ import annotations

from pathlib import Path

from app.llm.providers.huggingface import extra


def folder(name: str) -> Path | None:
    """The folder that is meant; None for a repo's id."""
    path = Path(name).expanduser()
    return path if path.is_dir() else None


def is_path(name: str) -> bool:
    """Whether it can be nothing but a path."""
    return name.startswith((".", "~")) or Path(name).is_absolute()


def short_name(name: str) -> str:
    """A folder's own name; a repo's id as it is."""
    return Path(name).name or name if is_path(name) or folder(name) else name


def fetch_line(name: str) -> str:
    """How a model's files come onto this disk."""
    if folder(name) is not None:
        return "Fetch its files again."
    return f"Fetch it with: {extra.program('hf')} download {name}"
