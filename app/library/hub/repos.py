"""Reads what huggingface_hub tells of a repository into the library's nouns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.library.hub import files
from app.library.records import HubFile, HubModel, HubRepo, Kind

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from huggingface_hub.hf_api import RepoSibling

GIT_NAME = re.compile(r"[0-9a-f]{40}")
LARGEST_SMALL = 32 << 20  # bytes; what is larger and no large file to the Hub is listed wrongly
VISION_TASK = "image-text-to-text"
EMBEDDING_TASKS = ("feature-extraction", "sentence-similarity")
# What the models of a repository make, where it is no text; llama.cpp opens none of them.
OTHER_TASKS = (
    "automatic-speech-recognition", "image-to-image", "image-to-video", "text-to-audio",
    "text-to-image", "text-to-speech", "text-to-video", "text-ranking",
)  # fmt: skip


def repo(info: ModelInfo) -> HubRepo:
    """A repository as the window lists it."""
    tags, about = _tags(info), _about(info)
    updated = info.last_modified
    return HubRepo(
        id=info.id,
        downloads=_number(info.downloads),
        likes=_number(info.likes),
        updated=updated if isinstance(updated, datetime) else None,
        is_gated=bool(info.gated),
        licence=next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), ""),
        architecture=_text(about.get("architecture")),
        parameters=_number(about.get("total")),
        trained_context=_number(about.get("context_length")),
        is_vision=info.pipeline_tag == VISION_TASK or VISION_TASK in tags,
        is_embedding=_is_embedding(info),
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository with everything in it, at one commit."""

    repo: HubRepo
    revision: str  # the commit
    files: tuple[HubFile, ...]
    models: tuple[HubModel, ...]  # made of the files, small ones first

    def file(self, path: str) -> HubFile | None:
        """The file of that path."""
        return next((file for file in self.files if file.path == path), None)


def listing(info: ModelInfo) -> Listing:
    """A repository whose files were asked for as well."""
    revision = _text(info.sha)
    found = tuple(map(_file, info.siblings or ()))
    made = files.models(info.id, revision, found, _usual(info))
    return Listing(repo(info), revision, found, tuple(made))


def _file(sibling: RepoSibling) -> HubFile:
    """A file of a repository; where it is a large one, its blob is but a pointer to it."""
    if sibling.lfs:
        size, sha256 = _number(sibling.lfs.size), _text(sibling.lfs.sha256).lower()
        return HubFile(sibling.rfilename, size, sha256)
    size, name = _number(sibling.size), _text(sibling.blob_id).lower()
    is_known = size <= LARGEST_SMALL and GIT_NAME.fullmatch(name)
    return HubFile(sibling.rfilename, size, git_name=name if is_known else "")


def is_other(info: ModelInfo) -> bool:
    """Whether its models make something else than text and vectors."""
    return info.pipeline_tag in OTHER_TASKS


def _usual(info: ModelInfo) -> Kind:
    """What the files of a repository are for, where their names say nothing else."""
    if _is_embedding(info):
        return Kind.EMBEDDING
    return Kind.OTHER if is_other(info) else Kind.CHAT


def _is_embedding(info: ModelInfo) -> bool:
    task = info.pipeline_tag
    return task in EMBEDDING_TASKS or (not task and "sentence-transformers" in _tags(info))


def _tags(info: ModelInfo) -> Sequence[str]:
    return info.tags or ()


def _about(info: ModelInfo) -> dict[str, Any]:
    """What the Hub has read from one of the GGUF files."""
    return info.gguf if isinstance(info.gguf, dict) else {}


def _number(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
