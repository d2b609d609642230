"""The programs whose models are found: a table, and who of them has a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.library.stores import (
    gpt4all,
    hugging_face,
    jan,
    koboldcpp,
    llama_cpp,
    lm_studio,
    local_ai,
    ollama,
    text_generation_webui,
)
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, has_folder


@dataclass(frozen=True, slots=True)
class Program:
    """How the models of one program are found."""

    name: str
    folders: Callable[[Places], list[Path]]  # where they may be
    read: Callable[[Look, Path], Iterator[StoreFile]]  # those in one of the folders


SHAPES = (ollama.SHAPE, jan.SHAPE, koboldcpp.SHAPE, text_generation_webui.SHAPE)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder in which a program keeps models."""

    program: Program
    folder: Path


PROGRAMS = (
    Program(ollama.PROGRAM, ollama.folders, ollama.read),
    Program(lm_studio.PROGRAM, lm_studio.folders, lm_studio.read),
    Program(jan.PROGRAM, jan.folders, jan.read),
    Program(gpt4all.PROGRAM, gpt4all.folders, gpt4all.read),
    Program(koboldcpp.PROGRAM, koboldcpp.folders, koboldcpp.read),
    Program(
        text_generation_webui.PROGRAM, text_generation_webui.folders, text_generation_webui.read
    ),
    Program(llama_cpp.PROGRAM, llama_cpp.folders, llama_cpp.read),
    Program(local_ai.PROGRAM, local_ai.folders, local_ai.read),
    Program(hugging_face.PROGRAM, hugging_face.folders, hugging_face.read),
)


def stores(places: Places) -> list[Store]:
    """All folders in which a program may keep models, whether they are there or not."""
    found: dict[Path, Store] = {}
    for program in PROGRAMS:
        for folder in program.folders(places):
            found.setdefault(folder, Store(program, folder))
    return list(found.values())


class Owners:
    """Says whose a file or folder is, by where it lies or leads to."""

    def __init__(self, known: Sequence[Store]) -> None:
        self._folders = {
            Path(os.path.realpath(store.folder)): store.program.name for store in reversed(known)
        }

    def __call__(self, path: Path) -> str:
        """The program's name, or "" for nobody's."""
        real = Path(os.path.realpath(path))
        for folder in (real, *real.parents):
            if folder in self._folders:
                return self._folders[folder]
            lower = folder.name.lower()
            if lower.startswith(koboldcpp.NAMES):
                return koboldcpp.PROGRAM
            if lower.startswith(text_generation_webui.PROGRAM):
                return text_generation_webui.PROGRAM
            if hugging_face.is_repo(folder):
                return hugging_face.PROGRAM
            if folder.name == "blobs" and has_folder(folder.parent / "manifests"):
                return ollama.PROGRAM
        return ""
