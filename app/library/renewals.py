"""Newer versions of fetched models: the old one stays until the new one has loaded once."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from app.library.database import LibraryDatabase, Row, Table
from app.library.records import Download, HubModel, LibraryModel, Source


class Renewals:
    """Remembers which version is to take which one's place; every call blocks for a moment."""

    def __init__(self, database: LibraryDatabase) -> None:
        self._database = database

    def begin(self, old: LibraryModel, model: HubModel) -> None:
        """A newer version of `old` is being fetched."""
        wanted = Source(model.repo, model.files[0].path, model.revision)
        self._database.write(Table.RENEWALS, {old.path: Row(astuple(wanted)[:3])})

    def arrived(self, download: Download) -> Path | None:
        """The path of the old version, where `download` is a newer one of it."""
        model = download.model
        for old, row in self._database.read(Table.RENEWALS).items():
            if list(row.value)[:3] == [model.repo, model.files[0].path, model.revision]:
                value = (*list(row.value)[:3], str(download.files[0]))
                self._database.write(Table.RENEWALS, {old: Row(value)})
                return old
        return None

    def replaced_by(self, path: Path) -> Path | None:
        """The old version whose place `path` takes when it has loaded; None where there is none."""
        for old, row in self._database.read(Table.RENEWALS).items():
            value = list(row.value)
            if len(value) > 3 and value[3] == str(path):
                return old
        return None

    def end(self, old: Path) -> None:
        """The new version has taken its place, or is not wanted any more."""
        self._database.write(Table.RENEWALS, {}, [old])
