"""Looks whether fetched models changed at their source, and swaps them with a way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.errors import HearthError, NoModel
from app.library import removal
from app.library.hub import changes
from app.library.records import Download, LibraryModel, Presence
from app.ui.banner import Topic

if TYPE_CHECKING:
    from pathlib import Path

    from app.library.hub.changes import Finding
    from app.library.records import HubModel
    from app.library.trash import Deleted
    from app.settings import SettingsFile
    from app.ui.library.services import LibraryServices
    from app.ui.main_window import MainWindow
    from app.ui.services import Services
    from app.ui.shell import Shell

LOCAL = "local:"  # before the path in a model's reference


class RenewalController(QObject):
    """Nothing is replaced unasked, and the old version goes when the new one has loaded once."""

    def __init__(
        self,
        window: MainWindow,
        services: Services,
        library: LibraryServices,
        settings: SettingsFile,
        fetch: Callable[[HubModel], None],
        retired: Callable[[Deleted], None],
    ) -> None:
        """`fetch` begins a download; `retired` is told of an old version that went."""
        super().__init__(window)  # what it offers in a banner outlives a change of the look
        self._window = window
        self._services = services
        self._library = library
        self._settings = settings
        self._fetch = fetch
        self._retired = retired
        self._is_looking = False

    @property
    def _shell(self) -> Shell:
        return self._window.shell

    def look(self, models: Sequence[LibraryModel]) -> None:
        """Asks for these models, and says what it has found."""
        self._services.tasks.spawn(self, self._look(models))

    def look_if_due(self, models: Sequence[LibraryModel]) -> None:
        """Asks once a week, where that is allowed, and speaks only of changes."""
        hub = self._settings.settings.hub
        fetched = [model for model in models if model.source is not None]
        is_due = changes.is_due(hub.looked_at, datetime.now(UTC), allowed=hub.look_for_changes)
        if fetched and is_due and not self._is_looking:
            self._is_looking = True
            self._services.tasks.spawn(self, self._look_by_itself(fetched))

    def arrived(self, download: Download) -> None:
        """A download has come whole, which may be a newer version of something."""
        self._services.tasks.spawn(self, self._note(download))

    def loaded(self, path: Path) -> None:
        """A model has loaded: if it is a newer version, the old one may go."""
        self._services.tasks.spawn(self, self._retire(path))

    async def _look(self, models: Sequence[LibraryModel]) -> None:
        self._shell.banner.show_note(Topic.OTHER, "Asking Hugging Face…")
        try:
            findings = await self._findings(models)
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        self._say(findings)

    async def _look_by_itself(self, models: Sequence[LibraryModel]) -> None:
        try:
            findings = await self._findings(models)
        except HearthError:
            return  # the network is not there: the next start asks again
        finally:
            self._is_looking = False
        self._settings.settings.hub.looked_at = datetime.now(UTC)
        try:
            await asyncio.to_thread(self._settings.save)
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
        changed = [one for one in findings if one.state is changes.State.CHANGED]
        if changed:
            self._say(changed)

    async def _findings(self, models: Sequence[LibraryModel]) -> list[Finding]:
        async with aclosing(changes.look(self._library.hub, models)) as findings:
            return [finding async for finding in findings]

    def _say(self, findings: Sequence[Finding]) -> None:
        changed = [one for one in findings if one.state is changes.State.CHANGED]
        text = "\n".join(changes.sentence(finding) for finding in findings)
        if not changed:
            self._shell.banner.show_note(Topic.OTHER, text or "No model here was fetched there.")
            return
        action = "Fetch the new version" if len(changed) == 1 else "Fetch the new versions"
        self._shell.banner.show_note(
            Topic.OTHER,
            f"{text}\nThe old one stays until the new one has loaded once.",
            action=action,
            run=lambda: self._renew(changed),
        )

    def _renew(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self._services.tasks.spawn(self, self._fetch_newer(finding))

    async def _fetch_newer(self, finding: Finding) -> None:
        source = finding.model.source
        if source is None:
            return
        try:
            models = await self._library.hub.models(source.repo, finding.revision)
            newer = next((one for one in models if one.files[0].path == source.file), None)
            if newer is None:
                raise NoModel(f"{source.file} is not in {source.repo} any more.")
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        await asyncio.to_thread(self._library.renewals.begin, finding.model, newer)
        self._fetch(newer)

    async def _note(self, download: Download) -> None:
        old = await asyncio.to_thread(self._library.renewals.arrived, download)
        names = self._settings.settings.models.names
        if old is not None and str(old) in names:
            new = {str(download.files[0]): names[str(old)]}
            self._settings.settings.models.names = {**names, **new}
            await asyncio.to_thread(self._settings.save)

    async def _retire(self, path: Path) -> None:
        old = await asyncio.to_thread(self._library.renewals.replaced_by, path)
        if old is None:
            return
        models = self._library.library.last.models
        known = next((model for model in models if model.path == old), None)
        deleted = None
        if known is not None and known.presence is Presence.HERE and not known.is_foreign:
            try:
                wanted = await asyncio.to_thread(removal.plan, known, models)
                deleted = await asyncio.to_thread(self._library.trash.delete, wanted)
            except HearthError as error:
                self._shell.banner.show_error(Topic.OTHER, error)
                return
        await asyncio.to_thread(self._library.renewals.end, old)
        chosen = self._settings.settings.models
        if chosen.default == f"{LOCAL}{old}":
            chosen.default = f"{LOCAL}{path}"
            await asyncio.to_thread(self._settings.save)
        if deleted is not None:
            self._retired(deleted)
