"""Looks whether fetched models changed at their source, and swaps them with a way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.errors import HearthError, NoModel
from app.library import removal, renewals
from app.library.catalog import USABLE
from app.library.hub import changes
from app.library.hub.changes import State
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

AGAIN = timedelta(hours=1)  # after a look that the network did not let through


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
        self._not_before = datetime.min.replace(tzinfo=UTC)

    @property
    def _shell(self) -> Shell:
        return self._window.shell

    def look(self, models: Sequence[LibraryModel]) -> None:
        """Asks for these models, and says what it has found."""
        self._services.tasks.spawn(self, self._look(models))

    def look_if_due(self, models: Sequence[LibraryModel]) -> None:
        """Asks once a week, where that is allowed, and speaks only of changes."""
        hub, now = self._settings.settings.hub, datetime.now(UTC)
        fetched = [one for one in models if one.source is not None and one.kind in USABLE]
        is_due = changes.is_due(hub.looked_at, now, allowed=hub.look_for_changes)
        if fetched and is_due and now >= self._not_before and not self._is_looking:
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
        findings, error = await self._findings(models)
        if error is not None:
            self._shell.banner.show_error(Topic.OTHER, error)
        else:
            await self._say(findings)

    async def _look_by_itself(self, models: Sequence[LibraryModel]) -> None:
        try:
            findings, error = await self._findings(models)
        finally:
            self._is_looking = False
        if error is None and any(one.state is not State.UNKNOWN for one in findings):
            self._settings.settings.hub.looked_at = datetime.now(UTC)
            await self._save()
        else:  # the network is not there, or the Hub wants a pause
            self._not_before = datetime.now(UTC) + AGAIN
        changed = [one for one in findings if one.state is State.CHANGED]
        if news := [one for one in changed if not await self._is_here(one)]:
            await self._say(news)

    async def _findings(
        self, models: Sequence[LibraryModel]
    ) -> tuple[Sequence[Finding], HearthError | None]:
        """What was found, and what ended the look before it had asked for all."""
        found: list[Finding] = []
        try:
            async with aclosing(changes.look(self._library.hub, models)) as findings:
                async for finding in findings:
                    # One after the other: what came before an error counts.
                    found.append(finding)  # noqa: PERF401
        except HearthError as error:
            return found, error
        return found, None

    async def _is_here(self, finding: Finding) -> bool:
        """Whether the new version has been fetched before."""
        about = finding.model.path, finding.revision
        return await asyncio.to_thread(self._library.renewals.is_here, *about)

    async def _say(self, findings: Sequence[Finding]) -> None:
        lines, newer = [], []
        for one in findings:
            text = f"{one.model.name}: {changes.sentence(one)}"
            if one.state is State.CHANGED and await self._is_here(one):
                text += " The new version is here already; load it, and this one goes."
            elif one.state is State.CHANGED and one.model.kind in USABLE:
                newer.append(one)
            lines.append(text)
        text = "\n".join(lines) or "No model here was fetched there."
        if not newer:
            self._shell.banner.show_note(Topic.OTHER, text)
            return
        self._shell.banner.show_note(
            Topic.OTHER,
            f"{text}\nThe old one stays until the new one has loaded once.",
            action="Fetch the new version" if len(newer) == 1 else "Fetch the new versions",
            run=lambda: self._renew(newer),
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
        chosen = self._settings.settings.models
        replaced = await asyncio.to_thread(self._library.renewals.arrived, download)
        given = [renewals.equip(chosen, old, download.files[0]) for old in replaced]
        if any(given):
            await self._save()

    async def _retire(self, path: Path) -> None:
        replaced = await asyncio.to_thread(self._library.renewals.replaced_by, path)
        if not replaced:
            return
        # As the disk is now: what goes with the old version must not be what the new one uses.
        snapshot = await asyncio.to_thread(self._library.library.scan)
        for old in replaced:
            await self._swap(old, path, snapshot.models)

    async def _swap(self, old: Path, new: Path, models: Sequence[LibraryModel]) -> None:
        if renewals.succeed(self._settings.settings.models, old, new):
            await self._save()
        known = next((model for model in models if model.path == old), None)
        if known is not None and known.presence is Presence.AWAY:
            return  # when its drive is back, the next load has it go
        if known is not None and not known.is_foreign:
            try:
                wanted = await asyncio.to_thread(removal.plan, known, models)
                deleted = await asyncio.to_thread(self._library.trash.delete, wanted)
            except HearthError as error:
                self._shell.banner.show_error(Topic.OTHER, error)
                return
            self._tell(deleted)
        await asyncio.to_thread(self._library.renewals.end, old)

    def _tell(self, deleted: Deleted) -> None:
        if deleted.can_be_undone:
            self._retired(deleted)
            return
        self._shell.banner.show_note(
            Topic.OTHER,
            f"The new version of {deleted.model.name} works, so the old one was deleted, for good: "
            "the full drive had no room to keep it.",
        )

    async def _save(self) -> None:
        try:
            await asyncio.to_thread(self._settings.save)
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
