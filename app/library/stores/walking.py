"""Goes through a plain folder and all below it; programs' stores in there are recognised."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from app.library.records import StoreProblem
from app.library.stores import hugging_face, names
from app.library.stores.store import Look, StoreFile, is_folder

MAX_FOLDERS = 20_000  # below one that the person chose; more is a whole disk


def walk(look: Look, folder: Path, program: str = "") -> Iterator[StoreFile]:
    """The GGUF files in `folder` and below, with those of stores as their programs lay them out."""
    look.enter(folder)
    waiting = [(folder, program)]
    count = 0
    while waiting:
        here, whose = waiting.pop()
        claim = look.claimed(here)
        if claim is not None:
            yield from claim()
            continue
        count += 1
        if count > MAX_FOLDERS:
            look.problems.append(_too_large(program, folder))
            return
        entries = look.entries(here, whose)
        shape = look.recognised(entries)
        if shape is not None:
            yield from shape.read(look, here)
            if shape.is_whole:
                continue
            whose = shape.program
        below: list[tuple[Path, str]] = []
        for entry in entries:
            yield from _files(look, entry, whose, below)
        waiting += reversed(below)


def _files(
    look: Look, entry: os.DirEntry[str], program: str, below: list[tuple[Path, str]]
) -> Iterator[StoreFile]:
    """The file that an entry is, or those of a repository; other folders are put into `below`."""
    path = Path(entry.path)
    if names.is_left_out(entry.name):
        if entry.name == names.TRASH:
            look.trash.append(path)
    elif is_folder(entry):
        if hugging_face.is_repo(path):
            yield from hugging_face.read_repo(look, path)
        else:
            # A link may lead into what belongs to a program.
            whose = look.owner(path) if entry.is_symlink() else ""
            below.append((path, whose or program))
    elif names.is_model(entry.name):
        found = look.file(path)
        if found is not None:
            yield dataclasses.replace(found, program=program) if program else found
    elif entry.is_symlink():  # perhaps to a drive that is away
        look.blocked.add(path)


def _too_large(program: str, folder: Path) -> StoreProblem:
    return StoreProblem(
        program,
        folder,
        f"The folder {names.shown(folder)} has more than {MAX_FOLDERS:,} folders in it, so not "
        "all of it was looked through. Choose the folder that holds the models.",
    )
