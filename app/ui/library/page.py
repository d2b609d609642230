"""The models page: downloads above, and below them this disk, the Hub or the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from app.ui.controls import text_button
from app.ui.library.downloads_strip import DownloadsStrip
from app.ui.library.finder_view import FinderView
from app.ui.library.library_view import LibraryView
from app.ui.library.servers_view import ServersView
from app.ui.page import NARROW, Page
from app.ui.tab_order import TabOrder

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from app.ui.icons import Icons
    from app.ui.theme import Theme

MARGIN = 16  # pixels at least beside the column
HERE, MORE, SERVERS = 0, 1, 2  # the views
USUAL_FONT = 14  # pixels, where the person has not made the text larger


class ModelsPage(Page):
    """Three views, one at a time; what is being fetched stands above them."""

    open_wanted = Signal()
    servers_wanted = Signal()
    view_changed = Signal(int)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__("Models for this computer", "models", icons, parent)
        self._text_factor = theme.metric("ui_font") / USUAL_FONT
        self._computer = self.add_paragraph()
        self._computer.setObjectName("computerText")
        self._make_switches()
        self.downloads = DownloadsStrip(icons, self.inside)
        self.library = LibraryView(theme, icons, self.inside)
        self.finder = FinderView(icons, self.inside)
        self.servers = ServersView(self.inside)
        self.column.addWidget(self.downloads)
        self._views = (self.library, self.finder, self.servers)
        for widget in self._views:
            self.column.addWidget(widget)
            widget.setVisible(widget is self.library)
        self.column.addStretch(1)
        TabOrder(self.inside)

    def show_computer(self, sentences: str) -> None:
        """How much memory there is, and the largest file that fits."""
        self._computer.setText(sentences)

    def show_view(self, view: int) -> None:
        """Changes to another view."""
        self._group.button(view).setChecked(True)
        for number, widget in enumerate(self._views):
            widget.setVisible(number == view)
        self.verticalScrollBar().setValue(0)
        self.view_changed.emit(view)

    @property
    def view(self) -> int:
        """Which one is shown."""
        return self._group.checkedId()

    def show_top(self) -> None:
        """Takes the keyboard, and has what is shown looked at again."""
        self.verticalScrollBar().setValue(0)
        self._group.button(self.view).setFocus()
        self._views[self.view].show_now()
        self.view_changed.emit(self.view)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The rows have their buttons below their texts where there is little room."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW * self._text_factor
        for view in self._views:
            view.set_narrow(narrow=narrow)
        self._place_switches(narrow=narrow)

    def _make_switches(self) -> None:
        self._group = QButtonGroup(self)
        self._tabs = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._tabs.setSpacing(4)
        for view, label, name in (
            (HERE, "On this disk", "modelsHereTab"),
            (MORE, "Get more", "modelsMoreTab"),
            (SERVERS, "On servers", "modelsServersTab"),
        ):
            tab = QPushButton(label, self.inside)
            tab.setObjectName(name)
            tab.setProperty("role", "tab")
            tab.setCheckable(True)
            tab.setCursor(Qt.CursorShape.PointingHandCursor)
            tab.clicked.connect(lambda _checked=False, view=view: self.show_view(view))
            self._group.addButton(tab, view)
            self._tabs.addWidget(tab)
        self._group.button(HERE).setChecked(True)
        self._tabs.addStretch(1)
        opening = text_button("Open a file…", "link", self.inside, "modelsOpenButton")
        opening.clicked.connect(self.open_wanted)
        servers = text_button("Servers…", "link", self.inside, "modelsServersButton")
        servers.clicked.connect(self.servers_wanted)
        self._others = QHBoxLayout()
        self._others.setSpacing(4)
        self._others.addWidget(servers)
        self._others.addWidget(opening)
        self._switches = QGridLayout()
        self._switches.setVerticalSpacing(4)
        self._switches.addLayout(self._tabs, 0, 0)
        self._switches.setColumnStretch(0, 1)
        self._place_switches(narrow=False)
        self.column.addLayout(self._switches)

    def _place_switches(self, *, narrow: bool) -> None:
        tabs = self._group.buttons()
        wanted = sum(tab.sizeHint().width() + self._tabs.spacing() for tab in tabs)
        bar = self.verticalScrollBar().sizeHint().width()
        is_wide = wanted <= self.width() - bar - 2 * MARGIN
        direction = QBoxLayout.Direction
        self._tabs.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        self._switches.removeItem(self._others)
        at = (1, 0) if narrow else (0, 1)
        self._switches.addLayout(self._others, *at, Qt.AlignmentFlag.AlignLeft)
