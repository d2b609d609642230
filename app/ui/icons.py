"""The icons: line drawings in resources/icons that take a colour of the theme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

if TYPE_CHECKING:
    from PySide6.QtCore import QRect, QSize

    from app.ui.theme import Theme


class Icons:
    """Makes icons in the colours of one theme."""

    def __init__(self, folder: Path, theme: Theme) -> None:
        self._folder = folder
        self._theme = theme

    def get(self, name: str, role: str = "text") -> QIcon:
        """The icon `name` in the colour of `role`, muted where its control is disabled."""
        source = (self._folder / f"{name}.svg").read_text(encoding="utf-8")
        return QIcon(
            _Drawing(source, self._theme.colour(role).name(), self._theme.colour("muted").name())
        )


def application_icon(folder: Path) -> QIcon:
    """The program's own icon."""
    return QIcon(_Drawing((folder / "hearth.svg").read_text(encoding="utf-8"), "", ""))


class _Drawing(QIconEngine):
    """Draws a vector when it is needed, and so is sharp on every screen."""

    def __init__(self, source: str, colour: str, disabled_colour: str) -> None:
        super().__init__()
        self._source = source
        self._colours = colour, disabled_colour
        self._pixmaps: dict[tuple[int, int, bool], QPixmap] = {}

    def clone(self) -> QIconEngine:
        """Another of the same."""
        return _Drawing(self._source, *self._colours)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        """Fills `rect`."""
        colour = self._colours[mode is QIcon.Mode.Disabled]
        source = self._source.replace("currentColor", colour)
        QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """A picture of `size` device pixels."""
        key = size.width(), size.height(), mode is QIcon.Mode.Disabled
        if key in self._pixmaps:
            return self._pixmaps[key]
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        self._pixmaps[key] = pixmap
        return pixmap
