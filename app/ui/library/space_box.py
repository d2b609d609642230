"""Room on the disk: what was deleted and can come back, and files that are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app import wording
from app.ui.controls import text_button
from app.ui.page import Section
from app.ui.tab_order import focused_in
from app.ui.words import Words

if TYPE_CHECKING:
    from app.library.records import Duplicate
    from app.library.trash import Deleted


class SpaceBox(QWidget):
    """Stands below the list of models."""

    duplicates_wanted = Signal()  # to look for them, or to look no more
    undo_wanted = Signal()
    free_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("spaceBox")
        self._deleted = Section("", "deletedModels", self)
        self._deleted.hide()
        self._button = text_button("Find duplicates", "link", self, "findDuplicatesButton")
        self._button.clicked.connect(self.duplicates_wanted)
        self._note = Words("", self, "small")
        self._note.setObjectName("duplicatesNote")
        self._found = Section("", "duplicateFiles", self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._deleted)
        column.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._note)
        column.addWidget(self._found)
        self.show_duplicates(None)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the rows' buttons below their text, or beside it."""
        self._deleted.set_narrow(narrow=narrow)
        self._found.set_narrow(narrow=narrow)

    def show_deleted(self, deleted: Sequence[Deleted]) -> None:
        """What can be brought back until the next start."""
        had_focus = focused_in(self._deleted) is not None
        self._deleted.clear()
        self._deleted.setVisible(bool(deleted))
        if had_focus:  # its button is gone
            self._button.setFocus()
        if not deleted:
            return
        names = ", ".join(f"“{one.model.name}”" for one in deleted)
        size = wording.size(sum(one.frees for one in deleted))
        row = self._deleted.add_row(
            f"Deleted: {names}", f"{size} are freed when Hearth starts next."
        )
        row.add_button("Undo", "undoDeleteButton").clicked.connect(self.undo_wanted)
        row.add_button("Free it now", "freeNowButton", "link").clicked.connect(self.free_wanted)

    def show_comparing(self, done: int, total: int) -> None:
        """How far the search for duplicates is, in bytes."""
        self._button.setText("Stop looking")
        share = f" {100 * done // total}\u00a0%" if total else ""
        self._say(f"Comparing files…{share}")

    def show_duplicates(self, found: Sequence[Duplicate] | None) -> None:
        """Files that are there more than once; None before anybody has looked."""
        self._button.setText("Find duplicates")
        self._found.clear()
        self._found.setVisible(bool(found))
        if found is None:
            self._say("")
            return
        freed = wording.size(sum(one.could_be_freed for one in found))
        self._say(f"{freed} could be freed." if found else "No file is here twice.")
        for one in found:
            self._found.add_row(
                one.files[0].name,
                f"{len(one.files)} times {wording.size(one.size)}; "
                f"{wording.size(one.could_be_freed)} could be freed",
                "\n".join(map(str, one.files)),
            )

    def _say(self, text: str) -> None:
        self._note.setText(text)
        self._note.setVisible(bool(text))
