"""A long text that was pasted, kept beside what is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app import wording
from app.ui.controls import ElidedLabel, IconButton

if TYPE_CHECKING:
    from app.ui.icons import Icons


class PastedText(QFrame):
    """What it is, and a way to take it out."""

    removed = Signal()

    def __init__(self, text: str, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.text = text
        self.setObjectName("pastedText")
        icon = QLabel(self)
        icon.setPixmap(icons.get("file", "muted").pixmap(16, 16))
        size = wording.size(len(text.encode("utf-8", "replace")))
        label = ElidedLabel(f"Pasted text · {size}", self)
        label.setToolTip(text[:500])
        remove = IconButton(icons, "close", "Remove pasted text", self)
        remove.setObjectName("removePastedText")
        remove.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 2, 2)
        row.addWidget(icon)
        row.addWidget(label)
        row.addWidget(remove)
