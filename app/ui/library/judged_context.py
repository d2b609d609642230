"""What stands above a repository's files: the context that they are judged for, and their page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.ui.choice import CalmChoice
from app.ui.controls import text_button
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from app.ui.icons import Icons

CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)  # tokens
SPACING = 8  # pixels


class JudgedContext(QWidget):
    """In one line; where there is no room, its parts stand below each other."""

    chosen = Signal(int)  # tokens
    page_wanted = Signal()

    def __init__(self, context: int, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.box = CalmChoice(icons, self)
        self.box.setSizeAdjustPolicy(CalmChoice.SizeAdjustPolicy.AdjustToContents)
        self.box.setObjectName("judgedContext")
        self.box.setAccessibleName("Context in tokens that the files are judged for")
        for tokens in sorted({*CONTEXTS, context}):
            self.box.addItem(f"{tokens:,} tokens", tokens)
        self.box.setCurrentIndex(self.box.findData(context))
        self.box.setEnabled(False)
        self.box.setToolTip("The file's own header has to be read first.")
        self.box.currentIndexChanged.connect(lambda: self.chosen.emit(self.box.currentData()))
        label = Words("Judged for a context of", self, "small")
        label.setWordWrap(False)
        web = text_button("Open its page", "link", self, "repoPageButton")
        web.clicked.connect(self.page_wanted)
        self._parts: tuple[QWidget, ...] = (label, self.box, web)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._grid.setColumnStretch(len(self._parts), 1)
        self._lay_out(room=self.width())

    def allow(self) -> None:
        """It can be chosen now: the header of a file has been read."""
        self.box.setEnabled(True)
        self.box.setToolTip("")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many parts in a line as there is room for."""
        super().resizeEvent(event)
        self._lay_out(room=self.width())

    def minimumSizeHint(self) -> QSize:
        """As narrow as its widest part."""
        widest = max(part.sizeHint().width() for part in self._parts)
        return QSize(widest, super().minimumSizeHint().height())

    def _lay_out(self, *, room: int) -> None:
        row = column = used = 0
        for part in self._parts:
            wanted = part.sizeHint().width()
            if column and used + wanted > room:
                row, column, used = row + 1, 0, 0
            self._grid.addWidget(part, row, column, Qt.AlignmentFlag.AlignLeft)
            column, used = column + 1, used + wanted + SPACING
