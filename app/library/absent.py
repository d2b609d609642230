"""Remembers the models that were here, so that those of an unplugged drive are shown as away."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from app.library.database import LibraryDatabase, Row, Table
from app.library.records import Kind, LibraryModel, Presence, Source
from app.library.stores.store import Look
from app.llm.optimizer.needs import Needs

AWAY = "Its drive or folder is not there now."
KEPT = (
    "name", "size", "architecture", "parameters", "quantisation", "trained_context", "licence",
    "description", "program", "modified",
)  # fmt: skip


class Memory:
    """The models of the last look, by their paths; for one thread at a time."""

    def __init__(
        self, database: LibraryDatabase, mount_of: Callable[[Path], str] | None = None
    ) -> None:
        """`mount_of` tells on which drive a folder is: the place at which that appears."""
        self._database = database
        self._mount_of = mount_of or mount_point
        self._known: dict[Path, dict[str, Any]] | None = None

    def absent(
        self, look: Look, folders: Iterable[Path], found: Iterable[LibraryModel]
    ) -> list[LibraryModel]:
        """Models that were here before and are now behind something that is away.

        The others that are missing were deleted, and are forgotten. `folders` are those that the
        person chose: where a drive is unplugged, an empty one may stand in its place.
        """
        here = {model.path: model for model in found}
        self._note_mounts(look, folders, here)
        known = self._load()
        away = {
            path: made
            for path, values in known.items()
            if path not in here
            and look.is_blocked(path)
            and (made := _restored(path, values)) is not None
        }
        self._keep(known, here, away)
        return list(away.values())

    def forget(self, path: Path) -> None:
        """Shows a model that is away no longer."""
        self._load().pop(path, None)
        self._database.write(Table.KNOWN, {}, [path])

    def _load(self) -> dict[Path, dict[str, Any]]:
        if self._known is None:
            rows = self._database.read(Table.KNOWN)
            self._known = {
                path: row.value for path, row in rows.items() if isinstance(row.value, dict)
            }
        return self._known

    def _keep(
        self,
        known: dict[Path, dict[str, Any]],
        here: dict[Path, LibraryModel],
        away: dict[Path, LibraryModel],
    ) -> None:
        news = {
            path: values
            for path, model in here.items()
            if not model.is_shipped and known.get(path) != (values := _remembered(model))
        }
        gone = [path for path in known if path not in here and path not in away]
        known.update(news)
        for path in gone:
            del known[path]
        rows = {path: Row(values) for path, values in news.items()}
        self._database.write(Table.KNOWN, rows, gone)

    def _note_mounts(
        self, look: Look, folders: Iterable[Path], here: dict[Path, LibraryModel]
    ) -> None:
        """Remembers the drive of each folder; an empty one on another drive counts as away."""
        present = [folder for folder in folders if folder in look.folders]
        if not present:
            return
        before = self._database.read(Table.MOUNTS)
        news: dict[Path, Row] = {}
        for folder in present:
            mount = self._mount_of(folder)
            known = before[folder].value if folder in before else mount
            if known != mount and not any(path.is_relative_to(folder) for path in here):
                look.blocked.add(folder)
            elif folder not in before or known != mount:
                news[folder] = Row(mount)
        self._database.write(Table.MOUNTS, news)


def mount_point(folder: Path) -> str:
    """Where the drive of a folder appears among the folders."""
    place = Path(os.path.realpath(folder))
    while not os.path.ismount(place) and place != place.parent:
        place = place.parent
    return str(place)


def _remembered(model: LibraryModel) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(model, name) for name in KEPT}
    return {
        **values,
        "kind": model.kind.value,
        "features": sorted(model.features),
        "files": [os.fsencode(file).hex() for file in model.files],
        "source": dataclasses.astuple(model.source) if model.source else None,
        "taken": dataclasses.astuple(model.taken) if model.taken else None,
    }


def _restored(path: Path, values: dict[str, Any]) -> LibraryModel | None:
    """A model as it was, or None where that cannot be understood."""
    try:
        return LibraryModel(
            path=path,
            files=tuple(Path(os.fsdecode(bytes.fromhex(file))) for file in values["files"]),
            kind=Kind(values["kind"]),
            features=frozenset(values["features"]),
            source=Source(*values["source"]) if values["source"] else None,
            taken=Needs(*map(int, taken))
            if (taken := values.get("taken"))
            else None,  # else an older entry
            presence=Presence.AWAY,
            problem=AWAY,
            **{name: values[name] for name in KEPT},
        )
    except (KeyError, TypeError, ValueError):
        return None
