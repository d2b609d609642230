"""The marks of trials, the same in the plot and beside the table: their shapes tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPalette, QPen
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

SHARE = 0.28  # of the line's height: half of a mark's width


def radius(widget: QWidget) -> float:
    """Half of a mark's width, in pixels: it follows the text."""
    return max(3.5, SHARE * widget.fontMetrics().height())


def colour_of(role: QPalette.ColorRole) -> QColor:
    """A colour of the theme; a style sheet makes a widget's own quiet text paler than it should."""
    return QGuiApplication.palette().color(role)


def draw(painter: QPainter, place: QPointF, size: float, *, plan: bool, kept: bool) -> None:
    """A square for the plan, a disc for what is kept, a ring for the others."""
    roles = QPalette.ColorRole
    colour = colour_of(roles.Accent if kept else roles.Text if plan else roles.PlaceholderText)
    painter.setPen(QPen(colour, 1.5))
    fill = colour_of(roles.Base)
    if kept:
        fill = colour
    else:
        fill.setAlpha(128)  # those below it are seen
    painter.setBrush(fill)
    if plan:
        side = 0.9 * size
        painter.drawRect(QRectF(place.x() - side, place.y() - side, 2 * side, 2 * side))
    else:
        size = size if kept else 0.8 * size
        painter.drawEllipse(place, size, size)


class Mark(QWidget):
    """A trial's mark, beside its row in the table."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._is_plan = self._is_kept = False

    def show_mark(self, *, plan: bool, kept: bool) -> None:
        """Which of them it is."""
        self._is_plan, self._is_kept = plan, kept
        self.update()

    def sizeHint(self) -> QSize:
        """As high as a line of text."""
        return QSize(round(2 * radius(self)) + 4, self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Never less."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """In the middle of the first line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QPointF(self.width() / 2, self.fontMetrics().height() / 2)
        draw(painter, place, radius(self), plan=self._is_plan, kept=self._is_kept)
