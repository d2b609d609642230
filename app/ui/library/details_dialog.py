"""Every key of a model's file, and what its program keeps beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.ui.controls import text_button
from app.ui.search_line import SearchLine
from app.ui.words import Words

if TYPE_CHECKING:
    from app.library.details import Details
    from app.ui.icons import Icons

SIZE = (640, 560)  # pixels, where the window has as many
COLUMNS = ("Key", "Value")
WHOLE_HEIGHT = 6  # lines of the field that shows a value as a whole
ROW_ROOM = 10  # pixels of a row beside its text


class DetailsDialog(QDialog):
    """A table that can be searched; below it the chosen value as a whole."""

    def __init__(self, name: str, details: Details, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("modelDetails")
        self.setWindowTitle(f"Details of {name}")
        self.resize(min(SIZE[0], parent.width() - 40), min(SIZE[1], parent.height() - 40))
        types = ", ".join(f"{count:,} of {kind}" for kind, count in details.tensor_types)
        tensors = "1 tensor" if details.tensors == 1 else f"{details.tensors:,} tensors"
        about = Words(f"GGUF {details.version}, {tensors}: {types}", self, "muted")
        self._rows = [(entry.key, entry.shown, entry.value) for entry in details.entries]
        self._rows += [(title, text.partition("\n")[0], text) for title, text in details.texts]
        self.search = SearchLine(icons, self, "detailsSearch", "Search the keys and values")
        self.search.textChanged.connect(self._filter)
        self._nothing = Words("No key and no value has all these words.", self, "muted")
        self._nothing.setObjectName("detailsNothing")
        self._nothing.hide()
        self.table = self._made_table()
        self.whole = QPlainTextEdit(self)
        self.whole.setObjectName("detailsValue")
        self.whole.setAccessibleName("The whole value")
        self.whole.setReadOnly(True)
        self.whole.setTabChangesFocus(True)
        self.whole.setFixedHeight(WHOLE_HEIGHT * self.fontMetrics().lineSpacing())
        copy = text_button("Copy all", "secondary", self, "copyDetailsButton")
        copy.clicked.connect(self._copy)
        close = text_button("Close", "primary", self, "closeDetailsButton")
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(copy)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        for widget in (about, self.search, self._nothing, self.table, self.whole):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_whole(row))
        if self._rows:
            self.table.setCurrentCell(0, 0)

    def _made_table(self) -> QTableWidget:
        table = QTableWidget(len(self._rows), len(COLUMNS), self)
        table.setObjectName("detailsTable")
        table.setAccessibleName("Keys and values")
        table.setHorizontalHeaderLabels(COLUMNS)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self._line_height() + ROW_ROOM)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        for row, (key, shown, _) in enumerate(self._rows):
            table.setItem(row, 0, QTableWidgetItem(key))
            table.setItem(row, 1, QTableWidgetItem(shown))
        header = table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        table.setColumnWidth(0, self.width() // 2)
        return table

    def _line_height(self) -> int:
        """Of the text as the style sheet has it."""
        self.search.ensurePolished()
        return self.search.fontMetrics().height()

    def _filter(self, words: str) -> None:
        wanted = words.casefold().split()
        found: list[int] = []
        for row, (key, _, value) in enumerate(self._rows):
            text = f"{key}\n{value}".casefold()
            is_found = all(word in text for word in wanted)
            self.table.setRowHidden(row, not is_found)
            found += [row] if is_found else []
        self._nothing.setVisible(not found)
        if self.table.currentRow() not in found:  # what is shown as a whole is in the table
            self.table.setCurrentCell(found[0] if found else -1, 0)

    def _show_whole(self, row: int) -> None:
        self.whole.setPlainText(self._rows[row][2] if 0 <= row < len(self._rows) else "")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(
            "\n".join(f"{key} = {value}" for key, _, value in self._rows)
        )
