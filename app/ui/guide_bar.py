"""The quiet line that leads from the starter to a larger model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QWidget

from app import wording
from app.ui.controls import IconButton, text_button

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from app.ui.icons import Icons

TEXT = "For real work, get a larger model:"
WIDE = 100  # characters; in less room the links stand below the text
NARROW = 50  # and in less than this, each on a line of its own


class GuideBar(QFrame):
    """Under the header until it is dismissed; Help brings it back."""

    models_wanted = Signal()
    open_wanted = Signal()
    servers_wanted = Signal()
    starter_wanted = Signal()
    dismissed = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("guideBar")
        self._label = QLabel(TEXT, self)
        self._label.setObjectName("guideText")
        self._label.setProperty("role", "muted")
        self._starter = text_button("Load the starter", "link", self, "guideStarterButton")
        self._starter.clicked.connect(self.starter_wanted)
        models = text_button("Models for this computer", "link", self, "guideModelsButton")
        models.clicked.connect(self.models_wanted)
        opening = text_button("Open a model file…", "link", self, "guideOpenButton")
        opening.clicked.connect(self.open_wanted)
        self._servers = text_button("", "link", self, "guideServersButton")
        self._servers.clicked.connect(self.servers_wanted)
        close = IconButton(icons, "close", "Hide this line (Help brings it back)", self)
        close.setObjectName("guideClose")
        close.clicked.connect(self.dismissed)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(4)
        for button in (self._starter, models, opening, self._servers):
            self._buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self._buttons.addStretch(1)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(4)
        self._middle.addWidget(self._label)
        self._middle.addLayout(self._buttons, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 6)
        row.addLayout(self._middle, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.show_servers({})
        self.offer_starter(offered=False)
        self.hide()

    def offer_starter(self, *, offered: bool) -> None:
        """Shows the way back to the starter, where another model is selected."""
        self._starter.setVisible(offered)

    def show_servers(self, found: Mapping[str, int]) -> None:
        """Names the model servers that were found, with their models; none hides the button."""
        names = list(found)
        text = f"{len(names)} servers found"
        if len(names) == 1:
            text = f"Found {wording.server(names[0], found[names[0]])}"
        self._servers.setText(text.replace("&", "&&"))
        self._servers.setVisible(bool(names))
        self._servers.setToolTip(", ".join(names))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follows the width."""
        super().resizeEvent(event)
        room = event.size().width() / self.fontMetrics().averageCharWidth()
        direction = QBoxLayout.Direction
        self._label.setWordWrap(room <= WIDE)
        self._middle.setDirection(direction.LeftToRight if room > WIDE else direction.TopToBottom)
        self._buttons.setDirection(
            direction.LeftToRight if room > NARROW else direction.TopToBottom
        )
