"""The keys that Hearth knows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.ui.controls import text_button

SHORTCUTS = (
    ("Enter", "Send the message"),
    ("Shift+Enter", "Begin a new line"),
    ("Esc", "Stop the answer, or cancel editing"),
    ("Ctrl+N", "New chat"),
    ("Ctrl+O", "Open a model file"),
    ("Ctrl+L", "Go to the message field"),
    ("Ctrl+,", "Settings"),
    ("Ctrl+B", "Show or hide the chats"),
    ("F2", "Rename the selected chat"),
    ("Delete", "Delete the selected chat"),
    ("Ctrl +, Ctrl −, Ctrl 0", "Larger, smaller, usual text"),
    ("F1", "This list"),
    ("Ctrl+Q", "Quit"),
)


class ShortcutsDialog(QDialog):
    """A table of keys and what they do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("shortcutsDialog")
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        table = QGridLayout()
        table.setHorizontalSpacing(24)
        table.setVerticalSpacing(8)
        for row, (keys, meaning) in enumerate(SHORTCUTS):
            key_label = QLabel(keys, self)
            key_label.setProperty("role", "muted")
            table.addWidget(key_label, row, 0)
            table.addWidget(QLabel(meaning, self), row, 1)
        close = text_button("Close", "secondary", self, "closeShortcuts")
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addLayout(table)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
