"""What is being fetched: one row for each download, with its progress and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.library.records import Download, Stage
from app.library.telling import progress
from app.ui.controls import ElidedLabel, IconButton

if TYPE_CHECKING:
    from app.ui.icons import Icons

STEPS = 1000  # of a progress bar


class DownloadsStrip(QWidget):
    """Rows that stay while their downloads run; hidden where there are none."""

    pause_wanted = Signal(str)  # a download's id
    resume_wanted = Signal(str)
    cancel_wanted = Signal(str)
    first_wanted = Signal(str)  # to be fetched before the others

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("downloadsStrip")
        self._icons = icons
        self._rows: dict[str, DownloadRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.hide()

    def show_downloads(self, downloads: Sequence[Download]) -> None:
        """The downloads in their order."""
        shown = [one for one in downloads if one.stage is not Stage.DONE]
        for gone in self._rows.keys() - {one.id for one in shown}:
            row = self._rows.pop(gone)
            row.hide()
            row.deleteLater()
        for place, download in enumerate(shown):
            row = self._rows.get(download.id) or self._add(download)
            if self._column.indexOf(row) != place:
                self._column.removeWidget(row)
                self._column.insertWidget(place, row)
            row.show_download(download, can_be_first=place > 0)
        self.setVisible(bool(shown))

    def row(self, download: str) -> DownloadRow | None:
        """The row of a download."""
        return self._rows.get(download)

    def _add(self, download: Download) -> DownloadRow:
        row = DownloadRow(self._icons, download.model.name, self)
        key = download.id
        row.pause.clicked.connect(lambda: self._pause_or_resume(key))
        row.cancel.clicked.connect(lambda: self.cancel_wanted.emit(key))
        row.first.clicked.connect(lambda: self.first_wanted.emit(key))
        self._rows[key] = row
        self._column.addWidget(row)
        return row

    def _pause_or_resume(self, key: str) -> None:
        (self.resume_wanted if self._rows[key].is_paused else self.pause_wanted).emit(key)


class DownloadRow(QFrame):
    """One download."""

    def __init__(self, icons: Icons, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.is_paused = False
        self._title = ElidedLabel(name, self, role="strong")
        self._text = QLabel(self)
        self._text.setObjectName("downloadText")
        self._text.setWordWrap(True)
        self._text.setProperty("role", "small")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, STEPS)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(f"Progress of {name}")
        self.first = IconButton(icons, "up", f"Fetch {name} first", self)
        self.first.setObjectName("firstDownloadButton")
        self.pause = IconButton(icons, "pause", f"Pause {name}", self)
        self.pause.setObjectName("pauseDownloadButton")
        self.cancel = IconButton(icons, "close", f"Cancel {name}", self)
        self.cancel.setObjectName("cancelDownloadButton")
        self._icons, self._name = icons, name
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 8, 10)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(4)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self._text, 1, 0)
        for column, button in enumerate((self.first, self.pause, self.cancel), 1):
            grid.addWidget(button, 0, column, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self._bar, 2, 0, 1, 4)
        grid.setColumnStretch(0, 1)

    def show_download(self, download: Download, *, can_be_first: bool) -> None:
        """How far it has come."""
        text = progress(download)
        if download.message:
            text = f"{text}\n{' '.join(filter(None, (download.message, download.remedy)))}"
        if text != self._text.text():
            self._text.setText(text)
        done = STEPS * download.done // download.total if download.total else 0
        self._bar.setValue(min(STEPS, done))
        is_paused = download.stage in (Stage.PAUSED, Stage.FAILED)
        if is_paused != self.is_paused:
            self.is_paused = is_paused
            self.pause.set_icon("play" if is_paused else "pause")
            label = f"{'Resume' if is_paused else 'Pause'} {self._name}"
            self.pause.setAccessibleName(label)
            self.pause.setToolTip(label)
        self.first.setVisible(can_be_first)
