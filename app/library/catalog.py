"""The library: every model on this disk that Hearth can find, in whichever program's folder."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.library import facts, grouping, pairing
from app.library.absent import Memory
from app.library.database import LibraryDatabase, Row, Table
from app.library.fact_book import FactBook
from app.library.finding import Sought, find
from app.library.records import Kind, LibraryModel, Presence, Snapshot, Source
from app.library.stores import names, ollama
from app.library.stores.places import Places
from app.library.stores.store import Look, StoreFile, time_of
from app.library.stores.walking import walk
from app.llm.providers import local
from app.schema import ModelInfo, ModelRef

SUFFIX = names.SUFFIX
USABLE = (Kind.CHAT, Kind.EMBEDDING)
_LOG = logging.getLogger(__name__)


class Library:
    """Looks at the disk when it is asked to, which blocks; it may be asked from any thread."""

    def __init__(
        self,
        database: LibraryDatabase,
        sought: Callable[[], Sought],
        places: Places | None = None,
        *,
        clock: Callable[[], float] = time.time,
        mount_of: Callable[[Path], str] | None = None,
    ) -> None:
        """`sought` says where to look, and is asked at each look."""
        self.database = database
        self._sought = sought
        self._places = places or Places.here()
        self._facts = FactBook(database, clock)
        self._memory = Memory(database, mount_of)
        self._scanning = threading.Lock()
        self._is_closed = threading.Event()
        self._files: dict[Path, StoreFile] = {}
        self.last = Snapshot()
        self.trash: tuple[Path, ...] = ()  # folders with deleted models that the last look met
        self.watched: Mapping[Path, int] = {}  # folders of the last look, and when they changed
        self.blocked: Mapping[Path, int | None] = {}  # what could not be read; times, or None
        self.unsettled: tuple[Path, ...] = ()  # files that were being written

    def scan(self) -> Snapshot:
        """All models as they are now. What was read before is not read again until it changes."""
        with self._scanning:
            wanted = self._sought()
            look, files = find(wanted, self._places, self._is_closed.is_set)
            groups, known = self._read(files)
            if self._is_closed.is_set():
                return self.last
            look.check_ways()
            self._files = {group.first.path: group.first for group in groups}
            found = self._with_memories(_models(groups, known))
            away = self._memory.absent(look, wanted.folders, found)
            models = [_renamed(model, wanted) for model in self._with_uses((*found, *away))]
            self._forget(look, known, away)
            self._note(look, known)
            ordered = sorted(models, key=lambda model: (model.name.lower(), str(model.path)))
            problems = tuple(dict.fromkeys(look.problems))
            self.last = Snapshot(tuple(ordered), problems)
            return self.last

    def _read(
        self, files: Sequence[StoreFile]
    ) -> tuple[list[grouping.Group], dict[Path, facts.Facts]]:
        """The files by models, and their facts; without those that went away meanwhile."""
        while True:
            groups = grouping.groups(files)
            wanted = [file for group in groups for file in group.files]
            known = self._facts.of(wanted, self._is_closed.is_set)
            gone = {file.path for file in wanted if file.path not in known}
            if not gone or self._is_closed.is_set():
                return groups, known
            files = [file for file in files if file.path not in gone]

    def infos(self) -> list[ModelInfo]:
        """The models that can be loaded now, as the manager lists them; looks at the disk."""
        return [info(model) for model in self.scan().models if can_be_loaded(model)]

    def texts(self, model: LibraryModel) -> tuple[tuple[str, Path], ...]:
        """More about a model that its program keeps in files of its own: titles and files."""
        file = self._files.get(model.path)
        return file.texts if file is not None else ()

    def parameters(self, model: LibraryModel) -> dict[str, Any]:
        """What its program sets for its answers, such as `temperature` and `stop`; none: {}."""
        return ollama.parameters(self.texts(model))

    def used(self, path: Path, when: datetime | None = None) -> None:
        """Writes down that a model was used, now or at a time that is given."""
        stamp = (when or datetime.now().astimezone()).timestamp()
        self.database.write(Table.USED, {path: Row(stamp)})

    def fetched(self, path: Path, source: Source) -> None:
        """Writes down from where Hearth has fetched a file, which is then Hearth's own."""
        try:
            size = path.stat().st_size
        except OSError as error:
            _LOG.info("%s is gone already: %s", path, error)
            return
        self.database.write(Table.SOURCES, {path: Row(dataclasses.astuple(source), size)})

    def source(self, path: Path) -> Source | None:
        """From where Hearth has fetched a file, a part of a split model too, if it is that file."""
        row = self.database.read(Table.SOURCES).get(path)
        try:
            if row is None or row.size != path.stat().st_size:
                return None
            return Source(*row.value)
        except (OSError, TypeError):
            return None

    def close(self) -> None:
        """Has a look that is going on end early, and all later ones."""
        self._is_closed.set()

    def _with_memories(self, models: Iterable[LibraryModel]) -> list[LibraryModel]:
        """The models, with the source of those that Hearth has fetched."""
        sources = self.database.read(Table.SOURCES)
        return [_sourced(model, sources) for model in models]

    def _with_uses(self, models: Iterable[LibraryModel]) -> list[LibraryModel]:
        used = self.database.read(Table.USED)
        return [
            dataclasses.replace(model, last_used=_time(used[model.path].value))
            if model.path in used
            else model
            for model in models
        ]

    def _forget(
        self, look: Look, known: Mapping[Path, facts.Facts], away: Sequence[LibraryModel]
    ) -> None:
        """Drops what is remembered of files that are gone; of those that are away it stays."""
        kept = {file for model in away for file in model.files}

        def is_gone(path: Path) -> bool:
            return path not in known and path not in kept and not look.is_blocked(path)

        self._facts.forget(is_gone)

    def _note(self, look: Look, known: Mapping[Path, facts.Facts]) -> None:
        self.trash = tuple(look.trash)
        self.watched = look.folders
        self.blocked = {path: time_of(path) for path in look.blocked}
        self.unsettled = tuple(path for path, each in known.items() if not each.is_final)


def _models(groups: Sequence[grouping.Group], known: dict[Path, facts.Facts]) -> list[LibraryModel]:
    stated = {group.first.path: group.first.projector for group in groups if group.first.projector}
    return pairing.paired([grouping.model(group, known) for group in groups], known, stated)


def _renamed(model: LibraryModel, wanted: Sought) -> LibraryModel:
    name = wanted.names.get(str(model.path), "").strip()
    return dataclasses.replace(model, name=name) if name else model


def _sourced(model: LibraryModel, sources: Mapping[Path, Row]) -> LibraryModel:
    row = sources.get(model.path)
    if row is None or not isinstance(row.value, list):
        return model
    size = model.size if len(model.files) == 1 else row.size
    if row.size != size:  # another file lies there now
        return model
    try:
        return dataclasses.replace(model, source=Source(*row.value), program="")
    except TypeError:
        return model


def _time(stamp: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(stamp))).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def can_be_loaded(model: LibraryModel) -> bool:
    """Whether it is here and of a kind that answers or makes vectors."""
    return model.presence is Presence.HERE and model.kind in USABLE


def info(model: LibraryModel) -> ModelInfo:
    """A model as the manager and its lists see it."""
    is_embedding = model.kind is Kind.EMBEDDING
    return ModelInfo(
        ref=ModelRef(local.NAME, str(model.path)),
        name=model.name,
        size=model.size,
        quantisation=model.quantisation,
        architecture=model.architecture,
        parameters=model.parameters,
        trained_context=model.trained_context,
        description=model.description,
        features=frozenset({"embedding"}) if is_embedding else model.features & {"thinking"},
    )


def models(folders: Iterable[Path], files: Sequence[Path] = ()) -> list[ModelInfo]:
    """The models in the folders and among the files, without a library; each header is read."""
    look = Look()
    found = [made for file in files if (made := look.file(file)) is not None]
    for folder in folders:
        found += walk(look, folder)
    groups = grouping.groups(found)
    known = {file.path: facts.read(file.path) for group in groups for file in group.files}
    for path, each in known.items():
        if each.problem:
            _LOG.info("left out of the list: %s: %s", path, each.problem)
    listed = [
        info(model) for group in groups if can_be_loaded(model := grouping.model(group, known))
    ]
    return sorted(listed, key=lambda model: model.name.lower())
