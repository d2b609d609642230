"""The downloads on the screen: the rows on the models page, a line beside the chats, the title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject

from app.errors import HearthError
from app.library.records import Download, HubModel, Stage
from app.ui.banner import Topic
from app.ui.library import downloads_line

if TYPE_CHECKING:
    from pathlib import Path

    from app.library.downloads.queue import Downloads
    from app.library.pulls import Pulls
    from app.ui.library.downloads_strip import DownloadsStrip
    from app.ui.main_window import MainWindow
    from app.ui.shell import Shell

TITLE = "Hearth"
ENDED = (Stage.DONE, Stage.FAILED)
SHOWN_OR_HIDDEN = (QEvent.Type.WindowStateChange, QEvent.Type.Show, QEvent.Type.Hide)


class DownloadsController(QObject):
    """Shows how all downloads stand, and does with them what the person wants."""

    def __init__(
        self,
        window: MainWindow,
        downloads: Downloads,
        pulls: Pulls,
        folder: Callable[[], Path],
        is_ready: Callable[[Download], None],
        told: dict[str, Stage],
    ) -> None:
        """`folder` is where models are kept; `is_ready` is told of each that has come whole.

        `told` keeps what was told of each, also while the window changes its look.
        """
        super().__init__(window.shell)
        self._window = window
        self._downloads = downloads
        self._pulls = pulls
        self._folder = folder
        self._is_ready = is_ready
        self._strip: DownloadsStrip | None = None
        self._told = told
        self._forget_downloads = downloads.subscribe(lambda _items: self._changed())
        self._forget_pulls = pulls.subscribe(lambda _items: self._changed())
        window.installEventFilter(self)
        self._changed()

    def detach(self) -> None:
        """Hears of no download any more."""
        self._forget_downloads()
        self._forget_pulls()
        self._window.removeEventFilter(self)
        self._window.setWindowTitle(TITLE)

    @property
    def _shell(self) -> Shell:
        return self._window.shell

    def show_in(self, strip: DownloadsStrip) -> None:
        """Has the rows there."""
        self._strip = strip
        strip.pause_wanted.connect(lambda key: self._whose(key).pause(key))
        strip.resume_wanted.connect(lambda key: self._whose(key).resume(key))
        strip.cancel_wanted.connect(lambda key: self._whose(key).cancel(key))
        strip.first_wanted.connect(lambda key: self._downloads.move(key, 0))
        strip.show_downloads(self._items())

    def fetch(self, model: HubModel) -> None:
        """Begins to fetch a model, or says why that cannot be."""
        try:
            self._downloads.add(model, self._folder())
        except HearthError as error:
            self._shell.banner.show_error(Topic.OTHER, error)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """The title has the progress as soon as the window is hidden, and no longer than that."""
        if event.type() in SHOWN_OR_HIDDEN:
            self._show_title(self._items())
        return False

    def _items(self) -> Sequence[Download]:
        """Hearth's own downloads, then what servers fetch."""
        return (*self._downloads.items, *self._pulls.items)

    def _whose(self, key: str) -> Downloads | Pulls:
        return self._pulls if any(one.id == key for one in self._pulls.items) else self._downloads

    def _changed(self) -> None:
        downloads = self._items()
        if self._strip is not None:
            self._strip.show_downloads(downloads)
        self._shell.downloads_line.show_downloads(downloads)
        self._show_title(downloads)
        for one in downloads:
            is_news = self._told.get(one.id) is not one.stage
            self._told[one.id] = one.stage
            if is_news and one.stage in ENDED:
                self._tell(one)

    def _show_title(self, downloads: Sequence[Download]) -> None:
        is_hidden = self._window.isMinimized() or not self._window.isVisible()
        title = (downloads_line.title(downloads) if is_hidden else "") or TITLE
        if self._window.windowTitle() != title:
            self._window.setWindowTitle(title)

    def _tell(self, download: Download) -> None:
        """Names an end or a failure, wherever the person is."""
        if download.stage is Stage.DONE:
            self._is_ready(download)
            return
        error = HearthError(
            f"{download.model.name}: {download.message}", download.remedy, download.details
        )
        self._shell.banner.show_error(Topic.OTHER, error)
