"""Newer versions of fetched models: the old one stays until the new one has loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.library.database import LibraryDatabase, Row, Table
from app.schema import ModelRef

if TYPE_CHECKING:
    from app.library.records import Download, HubModel, LibraryModel
    from app.settings import Models

LOCAL = "local"  # the provider of files, in a model's reference


class _Wanted(NamedTuple):
    """A newer version, and where it lies once it has come."""

    repo: str
    file: str
    revision: str
    path: str = ""


class Renewals:
    """Remembers which version is to take which one's place; every call blocks for a moment."""

    def __init__(self, database: LibraryDatabase) -> None:
        self._database = database

    def begin(self, old: LibraryModel, model: HubModel) -> None:
        """A newer version of `old` is being fetched."""
        self._write(old.path, _wanted(model))

    def arrived(self, download: Download) -> Sequence[Path]:
        """The paths of the old versions of which `download` is the newer one."""
        came, path = _wanted(download.model), download.files[0]
        found = [old for old, wanted in self._pending().items() if wanted[:3] == came[:3]]
        for old in found:
            if old == path:  # the old one had gone, and the newer one lies in its place
                self.end(old)
            else:
                self._write(old, came._replace(path=str(path)))
        return [old for old in found if old != path]

    def is_here(self, old: Path, revision: str) -> bool:
        """Whether the newer version of that commit has come, and only has to be loaded."""
        wanted = self._pending().get(old)
        return (wanted is not None and wanted.revision == revision and bool(wanted.path)) and Path(
            wanted.path
        ).is_file()

    def replaced_by(self, path: Path) -> Sequence[Path]:
        """The old versions whose place `path` takes when it has loaded."""
        pending = self._pending().items()
        return [old for old, wanted in pending if wanted.path == str(path) and old != path]

    def end(self, old: Path) -> None:
        """The new version has taken its place, or is not wanted any more."""
        self._database.write(Table.RENEWALS, {}, [old])

    def _write(self, old: Path, wanted: _Wanted) -> None:
        self._database.write(Table.RENEWALS, {old: Row(wanted)})

    def _pending(self) -> dict[Path, _Wanted]:
        """What can be read of what was written down."""
        rows = self._database.read(Table.RENEWALS).items()
        return {
            old: _Wanted(*row.value)
            for old, row in rows
            if isinstance(row.value, list)
            and len(row.value) in (3, 4)
            and all(isinstance(text, str) for text in row.value)
        }


def _wanted(model: HubModel) -> _Wanted:
    return _Wanted(model.repo, model.files[0].path, model.revision)


def equip(chosen: Models, old: Path, new: Path) -> bool:
    """Gives the new version what the person gave the old one: its name and adapters.

    Returns whether there was something to give.
    """
    before = chosen.names, chosen.adapters
    if str(old) in chosen.names:
        chosen.names = {**chosen.names, str(new): chosen.names[str(old)]}
    if str(old) in chosen.adapters:
        chosen.adapters = {**chosen.adapters, str(new): chosen.adapters[str(old)]}
    return before != (chosen.names, chosen.adapters)


def succeed(chosen: Models, old: Path, new: Path) -> bool:
    """Puts the new version wherever the old one was chosen; returns whether that was anywhere."""
    before = chosen.default, chosen.selected, chosen.embedding, chosen.recent
    was, becomes = str(ModelRef(LOCAL, str(old))), str(ModelRef(LOCAL, str(new)))
    chosen.default = becomes if chosen.default == was else chosen.default
    chosen.selected = becomes if chosen.selected == was else chosen.selected
    chosen.embedding = becomes if chosen.embedding == was else chosen.embedding
    recent = (str(new) if path == str(old) else path for path in chosen.recent)
    chosen.recent = tuple(dict.fromkeys(recent))
    return before != (chosen.default, chosen.selected, chosen.embedding, chosen.recent)
