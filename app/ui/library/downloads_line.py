"""One line about all downloads, for the sidebar: what comes now, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from app import wording
from app.library.records import Download, Stage
from app.library.telling import percent
from app.ui.library.downloads_strip import STEPS

MOVING = (Stage.FETCHING, Stage.CHECKING, Stage.STALLED, Stage.WAITING)


def summary(downloads: Sequence[Download]) -> str:
    """A line such as "Qwen3-4B-Q4_K_M · 43 % · 2 min left, and 2 more"; "" where nothing runs."""
    moving = [one for one in downloads if one.stage in MOVING]
    if not moving:
        return ""
    now = next((one for one in moving if one.stage is not Stage.WAITING), moving[0])
    parts = [now.model.name, f"{percent(now)} %"]
    if now.stage is Stage.STALLED:
        parts.append("waiting for the network")
    elif left := wording.time_left(now.seconds_left):
        parts.append(left)
    more = len(moving) - 1
    return " · ".join(parts) + (f", and {more} more" if more else "")


def title(downloads: Sequence[Download]) -> str:
    """The window's title while it is hidden: "43 % · Hearth"; "" where nothing runs."""
    moving = [one for one in downloads if one.stage in MOVING and one.total]
    total = sum(one.total for one in moving)
    return f"{100 * sum(one.done for one in moving) // total} % · Hearth" if total else ""


class DownloadsLine(QWidget):
    """A press on it leads to the downloads."""

    pressed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("downloadsLine")
        self._button = QPushButton(self)
        self._button.setObjectName("downloadsLineButton")
        self._button.setProperty("role", "row")
        self._button.clicked.connect(self.pressed)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, STEPS)
        self._bar.setTextVisible(False)
        self._text = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 0, 8, 0)
        column.setSpacing(2)
        column.addWidget(self._button)
        column.addWidget(self._bar)
        self.hide()

    def show_downloads(self, downloads: Sequence[Download]) -> None:
        """What comes now."""
        self._text = summary(downloads)
        self.setVisible(bool(self._text))
        moving = [one for one in downloads if one.stage in MOVING and one.total]
        total = sum(one.total for one in moving)
        self._bar.setValue(STEPS * sum(one.done for one in moving) // total if total else 0)
        self._button.setAccessibleName(f"Downloads: {self._text}")
        self._button.setToolTip(self._text)
        self._elide()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press beside the words counts as well."""
        super().mousePressEvent(event)
        self.pressed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As much of the line as there is room for."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(40, self._button.width() - 28)
        metrics = self._button.fontMetrics()
        self._button.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideMiddle, room))
