"""The two plots of a search, of reading and of writing: their speeds differ tenfold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.ui.settings.tuning_plot import SpeedPlot
from app.ui.settings.tuning_points import points
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from app.llm.trials import Trial

READING, WRITING = "Reading a prompt", "Writing an answer"
EXPLAINED = "Points on the dashed line are as fast as predicted; those above it are faster."
LETTERS = 32  # of a plot that has another one beside it


class SpeedPlots(QWidget):
    """Beside each other, or below each other where it is narrow."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.reading, self.writing = SpeedPlot(READING, self), SpeedPlot(WRITING, self)
        self._boxes = [
            _titled(title, plot, self)
            for title, plot in ((READING, self.reading), (WRITING, self.writing))
        ]
        self._is_stacked: bool | None = None
        self._plots = QGridLayout()
        self._plots.setHorizontalSpacing(24)
        self._plots.setVerticalSpacing(12)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._plots)
        column.addWidget(Words(EXPLAINED, self, "small"))
        self._place()

    def show_trials(self, trials: Sequence[Trial], kept: int) -> None:
        """Shows those that were predicted; nothing where none was."""
        found = [points(trials, kept, is_prompt=is_prompt) for is_prompt in (True, False)]
        for plot, box, these in zip((self.reading, self.writing), self._boxes, found, strict=True):
            plot.show_points(these)
            box.setVisible(bool(these))
        self.setVisible(any(found))

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page is."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Finds out whether there is room for two beside each other."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        is_stacked = self.width() < 2 * LETTERS * self.fontMetrics().averageCharWidth()
        if is_stacked is self._is_stacked:
            return
        self._is_stacked = is_stacked
        for at, box in enumerate(self._boxes):
            self._plots.removeWidget(box)
            self._plots.addWidget(box, at if is_stacked else 0, 0 if is_stacked else at)
        for column in range(2):
            self._plots.setColumnStretch(column, 0 if is_stacked and column else 1)


def _titled(title: str, plot: SpeedPlot, parent: QWidget) -> QWidget:
    box = QWidget(parent)
    plot.setParent(box)
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    column.addWidget(Words(title, box, "strong"))
    column.addWidget(plot)
    return box
