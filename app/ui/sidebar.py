"""The left side of the window: the name, New chat, and room for the list of chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui.controls import text_button

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.theme import Theme


class Sidebar(QWidget):
    """Its frame; the list of chats comes after the first paint."""

    new_wanted = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(theme.metric("sidebar_width"))
        name = QLabel("Hearth", self)
        name.setProperty("role", "heading")
        new = text_button("New chat", "row", self, "newChatButton")
        new.setIcon(icons.get("new-chat"))
        new.setIconSize(QSize(18, 18))
        new.setToolTip("New chat (Ctrl+N)")
        new.clicked.connect(self.new_wanted)
        top = QHBoxLayout()
        top.setContentsMargins(16, 14, 12, 6)
        top.addWidget(name)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 8)
        self._column.setSpacing(0)
        self._column.addLayout(top)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(4, 0, 6, 4)
        buttons.addWidget(new)
        self._column.addLayout(buttons)
        self._column.addStretch(1)

    def add_panel(self, panel: QWidget) -> None:
        """Puts the chats below the buttons."""
        self._column.insertWidget(self._column.count() - 1, panel, 1000)

    def add_footer(self, footer: QWidget) -> None:
        """Puts something below the chats."""
        self._column.addWidget(footer)
