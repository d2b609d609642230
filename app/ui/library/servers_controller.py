"""The models of servers on the screen: fetched, loaded, unloaded and deleted there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox

from app import wording
from app.errors import HearthError
from app.library.records import Download, Stage
from app.ui.banner import Topic
from app.ui.controls import text_button
from app.ui.library.page import SERVERS

if TYPE_CHECKING:
    from app.library.pulls import Pulls
    from app.llm.server_models import ServerModels
    from app.schema import ModelInfo, ModelRef
    from app.ui.library.page import ModelsPage
    from app.ui.shell import Shell
    from app.ui.tasks import Tasks


class ServersController(QObject):
    """Asks the servers when their view is opened, and after each change."""

    def __init__(
        self,
        page: ModelsPage,
        shell: Shell,
        tasks: Tasks,
        servers: ServerModels,
        pulls: Pulls,
        choose: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        """`choose` takes a model's reference; `on_change` is called when a server has changed."""
        super().__init__(page)
        self._view = page.servers
        self._shell = shell
        self._tasks = tasks
        self._servers = servers
        self._on_change = on_change
        self._running = {one.id for one in pulls.items}
        view = self._view
        view.pull_wanted.connect(pulls.add)
        view.load_wanted.connect(lambda ref: self._change(partial(servers.load, ref)))
        view.unload_wanted.connect(lambda ref: self._change(partial(servers.unload, ref)))
        view.delete_wanted.connect(self._ask_delete)
        view.chat_wanted.connect(choose)
        page.view_changed.connect(self._view_changed)

    def pulled(self, pulls: Sequence[Download]) -> None:
        """One of the servers has fetched something, or still does."""
        running = {one.id for one in pulls if one.stage is not Stage.DONE}
        if self._running - running:
            self._spawn(self._fill())
        self._running = running

    def _view_changed(self, view: int) -> None:
        if view == SERVERS:
            self._spawn(self._fill())

    async def _fill(self) -> None:
        self._view.show_servers(await self._servers.servers())

    def _change(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._spawn(self._changed(work))

    async def _changed(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)
        self._on_change()
        await self._fill()

    def _ask_delete(self, model: ModelInfo) -> None:
        """It is gone at once on the server, so it is asked before."""
        box = QMessageBox(self._shell)
        box.setObjectName("deleteServerModel")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle("Delete a model")
        box.setText(f"Delete “{model.name}” on {model.provider}?")
        size = f" That frees {wording.size(model.size)}." if model.size else ""
        box.setInformativeText(f"It cannot be undone; it can be fetched again.{size}")
        delete, keep = (text_button(text, "secondary", box) for text in ("Delete", "Keep it"))
        box.addButton(delete, QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(keep, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        delete.clicked.connect(lambda: self._delete(model.ref))
        box.finished.connect(box.deleteLater)
        box.open()

    def _delete(self, ref: ModelRef) -> None:
        self._change(partial(self._servers.delete, ref))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.spawn(self, coroutine)
