"""Everything inside the window, laid out.

It is built in two steps: what the first paint shows, and the rest when the program is ready for it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMargins, QRect, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QResizeEvent

    from app.ui.banner import Banner, Toast
    from app.ui.chat.transcript import Transcript
    from app.ui.chat_panel import ChatPanel
    from app.ui.guide_bar import GuideBar
    from app.ui.icons import Icons
    from app.ui.library.downloads_line import DownloadsLine
    from app.ui.load_bar import LoadBar
    from app.ui.theme import Theme

from app.ui.chat.composer import Composer
from app.ui.controls import text_button
from app.ui.header import Header
from app.ui.sidebar import Sidebar
from app.ui.welcome import WelcomePage

MARGIN = 24  # beside the column


class Shell(QWidget):
    """Sidebar at the left; header, messages, conversation and composer in a column beside it."""

    chats: ChatPanel
    banner: Banner
    load_bar: LoadBar
    guide_bar: GuideBar
    transcript: Transcript
    downloads_line: DownloadsLine
    toast: Toast

    def __init__(
        self, theme: Theme, icons: Icons, icon: QIcon, models_folder: Path, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("pages")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.theme = theme
        self.icons = icons
        self._sidebar_wanted = True
        self._overlaid = False
        self._guide_wanted = False
        self.sidebar = Sidebar(theme, icons, self)
        self.header = Header(theme, icons, self)
        self.header.sidebar_button.clicked.connect(self.toggle_sidebar)
        self.welcome = WelcomePage(icon, models_folder, self)
        self._middle = QStackedWidget(self)
        self._middle.addWidget(self.welcome)
        self.edit_bar = EditBar(self)
        self.composer = Composer(theme, icons, self)
        self._conversation: QWidget = self.welcome
        self._writing_area = QWidget(self)
        self._writing = QVBoxLayout(self._writing_area)
        self._writing.setSpacing(4)
        self._writing.addWidget(self.edit_bar)
        self._writing.addWidget(self.composer)
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        self._column.addWidget(self.header)
        self._column.addWidget(self._middle, 1)
        self._column.addWidget(self._writing_area)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self.sidebar)
        self._row.addLayout(self._column, 1)

    def complete(self) -> None:
        """Adds what the first paint does without, each in its place in the order of Tab."""
        from app.ui.banner import Banner, Toast
        from app.ui.chat.transcript import Transcript
        from app.ui.chat_panel import ChatPanel
        from app.ui.guide_bar import GuideBar
        from app.ui.library.downloads_line import DownloadsLine
        from app.ui.load_bar import LoadBar

        self.chats = ChatPanel(self.theme, self.sidebar)
        self.sidebar.add_panel(self.chats)
        self.downloads_line = DownloadsLine(self.sidebar)
        self.sidebar.add_footer(self.downloads_line)
        self.banner = Banner(self.icons, self)
        self.load_bar = LoadBar(self)
        self._column.insertWidget(1, self.banner)
        self._column.insertWidget(2, self.load_bar)
        self.guide_bar = GuideBar(self.icons, self)
        self._column.insertWidget(3, self.guide_bar)
        self.transcript = Transcript(self.theme, self.icons, self)
        self._middle.addWidget(self.transcript)
        self.toast = Toast(self.composer, self)
        order = (
            self.sidebar,
            self.chats,
            self.downloads_line,
            self.header,
            self.banner,
            self.load_bar,
            self.guide_bar,
            self.welcome,
            self.transcript,
            self.edit_bar,
            self.composer,
            self.toast,
        )
        for first, second in pairwise(order):
            self.setTabOrder(first, second)

    def show_conversation(self, *, empty: bool) -> None:
        """The messages, or the welcome page where there are none."""
        self._conversation = self.welcome if empty else self.transcript
        self.leave_page()

    def add_page(self, page: QWidget) -> None:
        """Takes a page; `show_page` shows it."""
        self._middle.addWidget(page)

    def show_page(self, page: QWidget) -> None:
        """Shows a page in place of the conversation."""
        self.close_overlay()
        self._middle.setCurrentWidget(page)
        self._writing_area.hide()
        self.guide_bar.hide()  # it leads here

    def leave_page(self) -> None:
        """Shows the conversation again, where another page stood in its place."""
        self._middle.setCurrentWidget(self._conversation)
        self._writing_area.show()
        self.guide_bar.setVisible(self._guide_wanted)

    def show_guide_bar(self, *, shown: bool) -> None:
        """Shows the way to a larger model above the conversation."""
        self._guide_wanted = shown
        self.guide_bar.setVisible(shown and self._middle.currentWidget() is self._conversation)

    def toggle_sidebar(self) -> None:
        """Shows or hides the chats; in a narrow window they lie over the page."""
        if self._overlaid:
            self.sidebar.setVisible(self.sidebar.isHidden())
            self._place_overlay()
        else:
            self._sidebar_wanted = self.sidebar.isHidden()
            self.sidebar.setVisible(self._sidebar_wanted)

    def close_overlay(self) -> None:
        """Hides the chats where they lie over the page."""
        if self._overlaid:
            self.sidebar.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follows the width: the column's margins, and whether the sidebar lies over the page."""
        super().resizeEvent(event)
        narrow = self.width() < self.theme.metric("overlay_below")
        if narrow != self._overlaid:
            self._overlaid = narrow
            if narrow:
                self._row.removeWidget(self.sidebar)
                self.sidebar.hide()
            else:
                self._row.insertWidget(0, self.sidebar)
                self.sidebar.setVisible(self._sidebar_wanted)
        self._place_overlay()
        beside = 0 if narrow or self.sidebar.isHidden() else self.sidebar.width()
        page = self.width() - beside
        column = min(self.theme.metric("column_width"), page - 2 * MARGIN)
        side = max(8, (page - column) // 2)
        self._writing.setContentsMargins(QMargins(side, 4, side, 16))
        self.composer.set_page_height(self.height())

    def _place_overlay(self) -> None:
        if self._overlaid and not self.sidebar.isHidden():
            self.sidebar.setGeometry(QRect(0, 0, self.sidebar.width(), self.height()))
            self.sidebar.raise_()


class EditBar(QWidget):
    """Above the composer while an earlier message is edited."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("editBar")
        label = QLabel("Editing an earlier message. The answers below it stay as a version.", self)
        label.setProperty("role", "small")
        self.cancel = text_button("Cancel (Esc)", "link", self, "cancelEditButton")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.addWidget(label, 1)
        row.addWidget(self.cancel)
        self.hide()
