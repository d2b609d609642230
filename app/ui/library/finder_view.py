"""Models that can be fetched: those that are recommended, and what a search of the Hub finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app import wording
from app.library import describing
from app.library.records import Kind
from app.ui.controls import text_button
from app.ui.library.judged_context import JudgedContext
from app.ui.page import Row, Section
from app.ui.search_line import SearchLine
from app.ui.tab_order import focused_in
from app.ui.words import Words

if TYPE_CHECKING:
    from datetime import datetime

    from app.library.hub.verdict import Judgement
    from app.library.records import HubModel, HubRepo
    from app.library.shelf import ShelfModel
    from app.library.verdicts import Fit
    from app.ui.icons import Icons

SEARCH = "Search Hugging Face, such as qwen3 or a model's name"


class FinderView(QWidget):
    """The shelf, or what was found, or the files of one repository."""

    search_wanted = Signal(str)
    repo_wanted = Signal(str)  # a repository whose files are to be shown
    download_wanted = Signal(object)  # a HubModel
    shelf_download_wanted = Signal(object)  # a ShelfModel
    context_chosen = Signal(int)  # in tokens
    page_wanted = Signal(str)  # the address of a web page
    back_wanted = Signal()
    shelf_wanted = Signal()
    again_wanted = Signal()  # what was asked last, once more

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("finderView")
        self._icons = icons
        row = self._search_row()
        self._note = Words("", self, "muted")
        self._note.setObjectName("finderNote")
        self._again = text_button("Try again", "secondary", self, "finderAgainButton")
        self._again.clicked.connect(self.again_wanted)
        self._again.hide()
        self._back = text_button("Back to the list", "link", self, "finderBackButton")
        self._back.clicked.connect(self.back_wanted)
        self._section = Section("", "finderResults", self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self._back, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._note)
        column.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._section)
        self._back.hide()
        self._note.hide()
        self._is_busy = False

    def _search_row(self) -> QHBoxLayout:
        self.search = SearchLine(self._icons, self, "hubSearch", SEARCH)
        self.search.setAccessibleName("Search Hugging Face")
        self.search.returnPressed.connect(self._ask)
        self.search.textChanged.connect(self._typed)
        button = text_button("Search", "secondary", self, "hubSearchButton")
        button.clicked.connect(self._ask)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(button)
        return row

    def show_now(self) -> None:
        """Takes the keyboard."""
        self.search.setFocus()

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the rows' buttons below their text, or beside it."""
        self._section.set_narrow(narrow=narrow)

    def show_note(self, text: str, *, may_retry: bool = False) -> None:
        """A sentence above the list, such as that the network is not there; "" takes it away."""
        self._note.setText(text)
        self._note.setVisible(bool(text))
        if self._again.hasFocus() and not may_retry:
            self.search.setFocus()
        self._again.setVisible(may_retry)

    def show_shelf(self, models: Sequence[tuple[ShelfModel, Fit]]) -> None:
        """The recommendations."""
        self._begin("Recommended for this computer", is_shelf=True)
        for model, fit in models:
            known = (
                model.quantisation,
                f"about {wording.size(model.size)}",
                model.licence,
                describing.VERDICTS[fit],
                "terms to accept" if model.is_gated else "",
            )
            row = self._section.add_row(
                model.name, " · ".join(filter(None, known)), f"For {model.good_for}."
            )
            button = row.add_button("Download", "shelfDownloadButton")
            button.clicked.connect(
                lambda _checked=False, model=model: self.shelf_download_wanted.emit(model)
            )
            files = row.add_button("All sizes", "shelfFilesButton", "link")
            files.clicked.connect(lambda _checked=False, repo=model.repo: self._open(repo))

    def show_busy(self, text: str) -> None:
        """What is waited for, in place of a list."""
        self._begin("", is_shelf=False)
        self._section.say(text)
        self._is_busy = True

    def end_busy(self) -> None:
        """Takes away what is waited for, where an answer did not come."""
        if self._is_busy:
            self._begin("", is_shelf=False)

    def show_repos(self, repos: Sequence[HubRepo], now: datetime) -> None:
        """What a search has found."""
        self._begin("On Hugging Face", is_shelf=False)
        if not repos:
            self._section.say("Nothing was found. Fewer words find more.")
        for repo in repos:
            known = (
                repo.architecture,
                wording.parameters(repo.parameters) if repo.parameters else "",
                repo.licence,
                f"{wording.count(repo.downloads)} downloads" if repo.downloads else "",
                f"changed {wording.day(repo.updated, now)}" if repo.updated else "",
                "terms to accept" if repo.is_gated else "",
                "vision" if repo.is_vision else "",
                "embedding" if repo.is_embedding else "",
            )
            row = self._section.add_row(repo.id, " · ".join(filter(None, known)))
            button = row.add_button("Files", "repoFilesButton")
            button.clicked.connect(lambda _checked=False, name=repo.id: self._open(name))

    def show_files(self, repo: str, page: str, models: Sequence[HubModel], context: int) -> None:
        """The models of a repository; `show_judgements` says of each whether it fits.

        `context` is the one that they are judged for, in tokens.
        """
        self._begin(repo, is_shelf=False)
        self.context = JudgedContext(context, self._icons, self._section)
        self.context.chosen.connect(self.context_chosen)
        self.context.page_wanted.connect(lambda: self.page_wanted.emit(page))
        self._section.add_widget(self.context)
        if not models:
            self._section.say("This repository has no model file in the GGUF format.")
        for model in sorted(models, key=lambda each: each.kind is not Kind.CHAT):  # these first
            parts = f"{len(model.files)} parts" if len(model.files) > 1 else ""
            kind = describing.KINDS[model.kind] if model.kind is not Kind.CHAT else ""
            known = (model.quantisation, wording.size(model.size), parts, kind)
            row = self._section.add_row(model.name, " · ".join(filter(None, known)))
            self._file_rows[model.files[0].path] = row
            button = row.add_button("Download", "hubDownloadButton")
            button.clicked.connect(
                lambda _checked=False, model=model: self.download_wanted.emit(model)
            )

    def show_judgements(self, judged: Mapping[str, Judgement]) -> None:
        """Whether each fits, by the path of its first file."""
        for path, judgement in judged.items():
            if path in self._file_rows:
                self._file_rows[path].set_about(describing.judgement(judgement))

    def allow_context(self) -> None:
        """The files can be judged for another context now: the header of one has been read."""
        self.context.allow()

    def _begin(self, heading: str, *, is_shelf: bool) -> None:
        had_focus = self._back.hasFocus() or focused_in(self._section) is not None
        self._file_rows: dict[str, Row] = {}
        self._is_busy = False
        self._section.clear()
        self._section.set_heading(heading)
        self._back.setVisible(not is_shelf)
        if had_focus:  # what was pressed is gone
            (self.search if is_shelf else self._back).setFocus()

    def _open(self, repo: str) -> None:
        self.repo_wanted.emit(repo)

    def _ask(self) -> None:
        if words := " ".join(self.search.text().split()):
            self.search_wanted.emit(words)

    def _typed(self, text: str) -> None:
        if not text:
            self.shelf_wanted.emit()
