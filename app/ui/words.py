"""Texts that stand where the layout begins, in whichever direction it runs."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

GAP = "\u200b"  # a place at which a line may end, and that is not seen
_WORD = re.compile(r"\S{20,}")  # one that may be longer than a line
_ENDS = re.compile(r"([/\\_.\-=])(?=[^\s])")
_RUN = re.compile(r"([^\s\u200b]{16})(?=[^\s\u200b])")
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"  # in the direction of the first letter


def is_mirrored(widget: QWidget) -> bool:
    """Whether the layout begins at the right."""
    return widget.layoutDirection() is Qt.LayoutDirection.RightToLeft


def isolated(text: str, widget: QWidget) -> str:
    """The text in its own direction: else “8 GB” and “Name…” are turned round in a mirrored one."""
    return f"{ISOLATE}{text}{END_OF_ISOLATE}" if text and is_mirrored(widget) else text


def breakable(text: str) -> str:
    """The text with places at which paths and other long words may go on in the next line."""
    return _WORD.sub(lambda word: _RUN.sub(rf"\1{GAP}", _ENDS.sub(rf"\1{GAP}", word[0])), text)


class Words(QLabel):
    """Plain text that takes several lines and begins where the layout does."""

    def __init__(self, text: str, parent: QWidget, role: str = "") -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        if role:
            self.setProperty("role", role)
        if is_mirrored(self):
            # Else the words of another direction would be at the other side.
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
            self.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
