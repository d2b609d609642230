"""The models on this disk: shown as they are now, loaded, renamed, looked at and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

from app import wording
from app.errors import HearthError
from app.library import details, duplicates, removal
from app.library.catalog import info
from app.library.records import LibraryModel, Snapshot
from app.ui.banner import Topic
from app.ui.controls import text_button
from app.ui.library.details_dialog import DetailsDialog

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from app.library.removal import Removal
    from app.library.trash import Deleted
    from app.settings import SettingsFile
    from app.ui.library.page import ModelsPage
    from app.ui.library.services import LibraryServices
    from app.ui.services import Services
    from app.ui.shell import Shell


class LibraryController(QObject):
    """Connects the view of this disk with the library."""

    def __init__(
        self,
        page: ModelsPage,
        shell: Shell,
        services: Services,
        library: LibraryServices,
        settings: SettingsFile,
        load: Callable[[str], None],
        look_again: Callable[[], None],
        look_for_changes: Callable[[LibraryModel], None],
    ) -> None:
        """`load` takes a model's reference; `look_again` has the disk looked at at once.

        `look_for_changes` asks whether a model changed at its source.
        """
        super().__init__(page)
        self._page = page
        self._view = page.library
        self._shell = shell
        self._services = services
        self._library = library
        self._settings = settings
        self._load = load
        self._look_again = look_again
        self._snapshot = Snapshot()
        self._comparing: asyncio.Task[Any] | None = None
        view = self._view
        view.load_wanted.connect(lambda model: self._load(str(info(model).ref)))
        view.rename_wanted.connect(self._rename)
        view.folder_wanted.connect(self._open_folder)
        view.delete_wanted.connect(lambda model: self._spawn(self._delete(model)))
        view.details_wanted.connect(lambda model: self._spawn(self._show_details(model)))
        view.changes_wanted.connect(look_for_changes)
        self._space = view.space
        self._space.duplicates_wanted.connect(self._compare)
        self._space.undo_wanted.connect(self._undo_latest)
        self._space.free_wanted.connect(lambda: self._spawn(self._empty()))
        self._space.show_deleted(library.deleted)

    def show(self, snapshot: Snapshot) -> None:
        """The models as the disk was last seen."""
        self._snapshot = snapshot
        self._spawn(self._fill())

    def in_use_changed(self) -> None:
        """Another model is loaded now, or none."""
        self._spawn(self._fill())

    async def _fill(self) -> None:
        judge = await asyncio.to_thread(self._library.judging.look)
        self._page.show_computer(judge.memory())
        fits = judge.fits(self._snapshot.models)
        self._view.show_snapshot(self._snapshot, fits, self._loaded_file())

    def _loaded_file(self) -> Path | None:
        state = self._services.manager.state
        if state.loaded is None or not self._services.manager.is_here(state.loaded.info.ref):
            return None
        wanted = state.loaded.info.ref.model
        return next((one.path for one in self._snapshot.models if str(one.path) == wanted), None)

    def _rename(self, model: LibraryModel, name: str) -> None:
        names = dict(self._settings.settings.models.names)
        if name:
            names[str(model.path)] = name
        else:
            names.pop(str(model.path), None)
        self._settings.settings.models.names = names
        try:
            self._settings.save()
        except HearthError as error:
            self._shell.banner.show_error(Topic.SETTINGS, error)
        self._look_again()

    def _open_folder(self, model: LibraryModel) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.folder))):
            error = HearthError("The folder could not be opened.", f"It is {model.folder}.")
            self._shell.banner.show_error(Topic.OTHER, error)

    async def _delete(self, model: LibraryModel) -> None:
        try:
            wanted = await asyncio.to_thread(removal.plan, model, self._snapshot.models)
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        if not wanted.warning:
            await self._take_away(wanted, confirmed=False)
            return
        box = QMessageBox(self._shell)
        box.setObjectName("deleteForeignModel")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle("Delete a model")
        box.setText(f"Delete “{model.name}”? That frees {wording.size(wanted.frees)}.")
        box.setInformativeText(wanted.warning)
        delete, cancel = (text_button(text, "secondary", box) for text in ("Delete", "Keep it"))
        box.addButton(delete, QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(cancel, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(cancel)
        delete.clicked.connect(lambda: self._spawn(self._take_away(wanted, confirmed=True)))
        box.finished.connect(box.deleteLater)
        box.open()

    async def _take_away(self, wanted: Removal, *, confirmed: bool) -> None:
        model = wanted.model
        if self._loaded_file() == model.path:
            await self._services.conversations.aclose()
            await self._services.manager.unload()
        try:
            deleted = await asyncio.to_thread(
                self._library.trash.delete, wanted, confirmed_foreign=confirmed
            )
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        if deleted.can_be_undone:
            self._library.deleted.append(deleted)
            size = wording.size(deleted.frees)
            self._shell.toast.show_undo(
                f"Deleted “{model.name}”, {size}", lambda: self._undo_one(deleted)
            )
        else:
            text = f"“{model.name}” was deleted for good: the full drive had no room to keep it."
            self._shell.banner.show_note(Topic.OTHER, text)
        self._space.show_deleted(self._library.deleted)
        self._look_again()

    def _undo_latest(self) -> None:
        if self._library.deleted:
            self._undo_one(self._library.deleted[-1])

    def _undo_one(self, deleted: Deleted) -> None:
        self._spawn(self._undo(deleted))

    async def _undo(self, deleted: Deleted) -> None:
        if deleted not in self._library.deleted:
            return
        self._library.deleted.remove(deleted)  # it may be asked for in two places
        try:
            await asyncio.to_thread(self._library.trash.undo, deleted)
        except HearthError as error:
            self._library.deleted.append(deleted)
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        self._space.show_deleted(self._library.deleted)
        self._look_again()

    async def _empty(self) -> None:
        """Frees at once what was deleted, which cannot be undone then."""
        library = self._library
        freed = await asyncio.to_thread(library.trash.empty, library.library.trash, with_new=True)
        self._library.deleted.clear()
        self._space.show_deleted(self._library.deleted)
        self._shell.banner.show_note(Topic.OTHER, f"{wording.size(freed)} are free again.")

    async def _show_details(self, model: LibraryModel) -> None:
        texts = self._library.library.texts(model)
        try:
            known = await asyncio.to_thread(details.read, model.path, texts, model.files)
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
            return
        dialog = DetailsDialog(model.name, known, self._shell.icons, self._shell)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _compare(self) -> None:
        """Looks for duplicates, or stops looking."""
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None
            self._space.show_duplicates(None)
        else:
            self._comparing = self._spawn(self._find_duplicates())

    async def _find_duplicates(self) -> None:
        mine = asyncio.current_task()

        def report(done: int, total: int) -> None:
            if self._comparing is mine:  # else it was stopped, and a report was on its way
                self._space.show_comparing(done, total)

        self._space.show_comparing(0, 0)
        found = await duplicates.find(self._snapshot.models, self._library.library.database, report)
        if self._comparing is mine:
            self._comparing = None
            self._space.show_duplicates(found)

    def show_deleted(self) -> None:
        """What can be brought back, where something else has deleted it."""
        self._space.show_deleted(self._library.deleted)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        return self._services.tasks.spawn(self, coroutine)
