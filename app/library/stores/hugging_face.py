"""The cache of the Hugging Face Hub, which many programs share.

`models--<owner>--<name>/snapshots/<commit>/<file>` are links into `blobs/`, or plain files where
the system knows no links; `refs/<branch>` holds a commit. From 2.x on a blob may itself be a link
into `<cache>/blobs/`. Source: huggingface_hub, and docs.huggingface.co on the local cache.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from app.library.records import Source
from app.library.stores import names, reading
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, has_folder, is_folder

PROGRAM = "Hugging Face"
PREFIX = "models--"


def folders(places: Places) -> list[Path]:
    """Where the cache is: as the environment says, and where it is by default."""
    home = places.variable("HF_HOME")
    chosen = (
        places.variable("HF_HUB_CACHE")
        or places.variable("HUGGINGFACE_HUB_CACHE")
        or (home / "hub" if home else None)
    )
    usual = [
        places.cache / "huggingface" / "hub",
        places.home / ".cache" / "huggingface" / "hub",
    ]
    return [*([chosen] if chosen else []), *usual]


def is_repo(folder: Path) -> bool:
    """Whether a folder is a model repository of such a cache."""
    return folder.name.startswith(PREFIX) and has_folder(folder / "snapshots")


def repo_of(folder: str) -> str:
    """The repository that is kept in a folder of this name."""
    return folder.removeprefix(PREFIX).replace("--", "/", 1)


def read(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models of a cache; data sets, spaces and locks are passed over."""
    for entry in look.entries(folder, PROGRAM):
        if is_repo(Path(entry.path)):
            yield from read_repo(look, Path(entry.path))


def read_repo(look: Look, folder: Path) -> Iterator[StoreFile]:
    """The models of one repository, those of its main branch before older ones."""
    look.entries(folder, PROGRAM)
    newest = reading.text(folder / "refs" / "main").strip()
    snapshots = [
        Path(entry.path)
        for entry in look.entries(folder / "snapshots", PROGRAM)
        if is_folder(entry)
    ]
    for snapshot in sorted(snapshots, key=lambda one: (one.name != newest, one.name)):
        yield from _files(look, snapshot, folder)


def _is_removed(link: Path, repo: Path) -> bool:
    """Whether a link leads to content that was deleted; else it may be on a drive that is away."""
    blobs = repo / "blobs"
    try:
        target = Path(os.path.normpath(link.parent / link.readlink()))
    except OSError:  # it is no link
        return False
    return target.parent == blobs and has_folder(blobs) and not os.path.lexists(target)


def _files(look: Look, snapshot: Path, repo: Path) -> Iterator[StoreFile]:
    waiting = [snapshot]
    while waiting:
        below: list[Path] = []
        for entry in look.entries(waiting.pop(), PROGRAM):
            path = Path(entry.path)
            if is_folder(entry):
                below.append(path)
            elif names.is_model(entry.name) and not _is_removed(path, repo):
                found = look.file(path)
                if found is not None:
                    file = path.relative_to(snapshot).as_posix()
                    source = Source(repo_of(repo.name), file, snapshot.name)
                    yield dataclasses.replace(found, program=PROGRAM, source=source)
        waiting += reversed(below)
