"""Finding models: the shelf, the search of the Hub, and the files of a repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.errors import HearthError
from app.library import shelf
from app.library.records import HubModel, Kind
from app.ui.library.page import MORE

if TYPE_CHECKING:
    from pathlib import Path

    from app.gguf import Header
    from app.library.hub.client import Hub
    from app.library.judging import Judge, Judging
    from app.library.shelf import ShelfModel
    from app.ui.library.page import ModelsPage
    from app.ui.tasks import Tasks


class FinderController(QObject):
    """One question at a time: a newer one takes the older one's place."""

    def __init__(
        self,
        page: ModelsPage,
        hub: Hub,
        tasks: Tasks,
        resources: Path,
        fetch: Callable[[HubModel], None],
        judging: Judging,
    ) -> None:
        """`fetch` is given a model that the person wants."""
        super().__init__(page)
        self._page = page
        self._view = page.finder
        self._hub = hub
        self._tasks = tasks
        self._resources = resources
        self._fetch = fetch
        self._judging = judging
        self._asking: asyncio.Task[Any] | None = None
        self._question: Callable[[], Coroutine[Any, Any, None]] | None = None  # the last one
        self._models: Sequence[HubModel] = ()  # of the repository that is shown
        self._header: Header | None = None  # of one of them
        self._judge: Judge | None = None
        self._context: int | None = None  # tokens that were chosen
        self._words = ""  # of the search that the repository was opened from
        page.view_changed.connect(self._view_changed)
        view = self._view
        view.search_wanted.connect(self.search)
        view.repo_wanted.connect(self._open)
        view.shelf_wanted.connect(self.show_shelf)
        view.again_wanted.connect(self._ask_again)
        view.back_wanted.connect(self._go_back)
        view.context_chosen.connect(self._judge_for)
        view.download_wanted.connect(fetch)
        view.shelf_download_wanted.connect(
            lambda model: self._ask(partial(self._from_shelf, model))
        )
        self._is_filled = False
        self._is_opened = False  # a repository is shown

    def show_shelf(self) -> None:
        """The recommended models, those that fit this computer first."""
        self._words = ""
        self._view.show_note("")
        self._ask(self._fill)

    def search(self, words: str) -> None:
        """Looks for repositories."""
        self._words = words
        self._is_opened = False
        self._view.show_note("")
        self._view.show_busy("Searching…")
        self._ask(partial(self._search, words))

    def _go_back(self) -> None:
        """From a repository to the search that has found it, and from there to the shelf."""
        if self._is_opened and self._words:
            self.search(self._words)
        else:
            self.show_shelf()

    def _view_changed(self, view: int) -> None:
        if view == MORE and not self._is_filled:
            self.show_shelf()

    async def _fill(self) -> None:
        self._is_filled = True
        judge = await asyncio.to_thread(self._judging.look)
        models = await asyncio.to_thread(shelf.read, self._resources)
        self._view.show_shelf(judge.on_shelf(models))

    async def _search(self, words: str) -> None:
        repos = await self._hub.search(words)
        self._view.show_repos(repos, datetime.now(UTC))

    def _open(self, repo: str) -> None:
        self._is_opened = True
        self._view.show_note("")
        self._view.show_busy(f"Reading {repo}…")
        self._ask(partial(self._show_files, repo))

    async def _show_files(self, repo: str) -> None:
        models = await self._hub.models(repo)
        self._models, self._header, self._context = models, None, None
        self._judge = judge = await asyncio.to_thread(self._judging.look)
        self._view.show_files(repo, self._hub.page(repo), self._models, judge.usual_context)
        await self._show_judgements()
        first = next((one for one in self._models if one.kind is Kind.CHAT), None)
        if first is not None:
            self._header = await self._hub.header(first)
            self._view.allow_context()
            await self._show_judgements()

    def _judge_for(self, context: int) -> None:
        self._context = context
        self._tasks.spawn(self, self._show_judgements())

    async def _show_judgements(self) -> None:
        """Plans for each file, which takes some milliseconds for each."""
        judge, asked = self._judge, (self._models, self._header, self._context)
        if judge is None:
            return
        models, header, context = asked
        judged = await asyncio.to_thread(
            lambda: {one.files[0].path: judge.offered(one, header, context) for one in models}
        )
        if asked == (self._models, self._header, self._context):  # still
            self._view.show_judgements(judged)

    async def _from_shelf(self, wanted: ShelfModel) -> None:
        self._view.show_note(f"Asking for {wanted.name}…")
        models = await self._hub.models(wanted.repo)
        self._view.show_note("")
        model = shelf.offered(wanted, models)
        if model is None:
            self._open(wanted.repo)
            return
        self._fetch(model)

    def _ask(self, question: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self._question = question
        self._asking = self._tasks.spawn(self, self._asked(question))

    async def _asked(self, question: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await question()
        except HearthError as error:
            self._view.show_note(str(error), may_retry=True)
            self._view.end_busy()
        else:
            if self._question is question:  # else it has asked something else
                self._view.show_note("")

    def _ask_again(self) -> None:
        if self._question is not None:
            self._view.show_note("Asking again…")
            self._ask(self._question)
