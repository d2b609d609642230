"""Where models are looked for: the person's folders, programs' stores, files opened lately."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.library.records import StoreProblem
from app.library.stores import names, programs
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, has_folder, is_link
from app.library.stores.walking import walk

if TYPE_CHECKING:
    from app.settings import Models


@dataclass(frozen=True, slots=True)
class Sought:
    """What the settings say about where to look."""

    own: tuple[Path, ...] = ()  # Hearth's own folders, which need not be there
    folders: tuple[Path, ...] = ()  # that the person chose
    shipped: Path | None = None  # with Hearth
    recent: tuple[Path, ...] = ()  # files that were opened by their path
    other_programs: bool = True
    names: Mapping[str, str] = field(default_factory=dict)  # the person's own, by path


def sought(settings: Models, own: Path, shipped: Path | None) -> Sought:
    """What the person's settings mean; `own` is Hearth's folder of models."""
    chosen = [settings.download_folder, *settings.folders]
    folders = (Path(text).expanduser() for text in chosen if text.strip())
    return Sought(
        own=(own,),
        folders=tuple(folder for folder in dict.fromkeys(folders) if folder.is_absolute()),
        shipped=shipped,
        recent=tuple(map(Path, settings.recent)),
        other_programs=settings.other_programs,
        names=settings.names,
    )


def find(
    wanted: Sought, places: Places, is_stopped: Callable[[], bool]
) -> tuple[Look, list[StoreFile]]:
    """All model files, the person's before those of programs; one may be there several times."""
    stores = programs.stores(places)
    owners = programs.Owners(stores)
    look = Look(programs.SHAPES, owners, is_stopped)
    for store in stores:
        look.enter(store.folder)
        look.claim(store.folder, functools.partial(store.program.read, look, store.folder))
    found: list[StoreFile] = []
    for folder in wanted.own:
        found += walk(look, folder, owners(folder))
    for folder in wanted.folders:
        found += _chosen(look, folder, owners(folder))
    if wanted.shipped is not None:
        shipped = walk(look, wanted.shipped)
        found += [dataclasses.replace(file, is_shipped=True) for file in shipped]
    if wanted.other_programs:
        for read in look.remaining_claims():
            found += read()
        for store in stores:
            _note_absence(look, store, places.home)
    found += _recent(look, wanted.recent, {file.path for file in found})
    return look, found


def _chosen(look: Look, folder: Path, program: str) -> Iterator[StoreFile]:
    """The files of a folder in the settings, which may be on a drive that is away."""
    if not has_folder(folder) and not _is_there(folder):
        look.blocked.add(folder)
        text = f"The folder {names.shown(folder)} is not there now: its drive may be unplugged."
        look.problems.append(StoreProblem(program, folder, text))
        return
    yield from walk(look, folder, program)


def _note_absence(look: Look, store: programs.Store, home: Path) -> None:
    """Says of a program's folder that it may not be read, or that its drive is away."""
    folder = store.folder
    if has_folder(folder):
        return
    if _is_there(folder):
        look.entries(folder, store.program.name)
    elif _is_behind_link(folder) or not folder.is_relative_to(home):
        look.blocked.add(folder)


def _is_behind_link(folder: Path) -> bool:
    """Whether it, or a folder on the way to it, is a link that leads nowhere now."""
    return any(is_link(each) and not has_folder(each) for each in (folder, *folder.parents))


def _is_there(path: Path) -> bool:
    """Whether something of that name is there, even if it may not be looked at."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _recent(look: Look, recent: Iterable[Path], known: set[Path]) -> Iterator[StoreFile]:
    """Files that lie outside all folders, with their other parts and projectors beside them."""
    for path in recent:
        if path in known or not path.is_absolute():
            continue
        for each in (path, *_beside(path)):
            found = look.named(each) if each not in known else None
            if found is not None:
                known.add(each)
                yield dataclasses.replace(found, program=look.owner(each))


def _beside(path: Path) -> list[Path]:
    """The other parts of a split model, and projectors in the same folder."""
    projectors = [each for each in _listed(path.parent) if "mmproj" in each.name.lower()]
    return [each for each in (*parts(path), *projectors) if each != path]


def parts(path: Path) -> list[Path]:
    """The parts of a split model that lie beside one of them, and the first wherever they are."""
    part = names.part(path.name)
    if part is None:
        return [path]
    base, _, count = part
    first = path.with_name(names.part_name(base, 1, count))
    here = [each for each in _listed(path.parent) if names.is_part_of(each.name, base, count)]
    return sorted({first, path, *here})


def _listed(folder: Path) -> list[Path]:
    """The model files in a folder, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if names.is_model(entry.name))
    except OSError:
        return []
