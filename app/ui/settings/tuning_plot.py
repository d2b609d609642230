"""A plot of trials: how fast they were predicted to be, against how fast they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ui.settings import tuning_marks as marks
from app.ui.settings.tuning_points import Point, Scale

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

LINES = 10  # of text, as high as which the area is in which the points are
SMALL = 12 / 14  # of the text, as for other quiet lines
GAP = 6  # pixels between the area and what is written beside it
NEAR = 3.0  # radii of a mark around the pointer, in which it is meant
ACROSS, UP = "predicted, tokens/s", "measured, tokens/s"


class SpeedPlot(QWidget):
    """Drawn from the left to the right in any layout, as figures are read."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._title = title
        self._points: list[Point] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_points(self, points: Sequence[Point]) -> None:
        """Shows these; the same is said in words to those who cannot see it."""
        self._points = sorted(points, key=lambda one: (one.is_kept, one.is_plan))
        self.setAccessibleName(f"{self._title}: predicted against measured tokens per second")
        self.setAccessibleDescription(". ".join(one.sentence for one in points))
        self.update()

    def sizeHint(self) -> QSize:
        """Higher where the text is larger."""
        line = QFontMetricsF(self._small()).height()
        return QSize(240, round((LINES + 3.5) * line + 2 + 2 * GAP))

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page is."""
        return QSize(0, self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """Another font needs another height."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        """A point tells what it stands for where the pointer rests on it."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            told = self.told_at(QPointF(event.pos()))
            if told:
                QToolTip.showText(event.globalPos(), told, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def told_at(self, place: QPointF) -> str:
        """What is said of the points there, each in a line; "" where there is none."""
        reach = NEAR * marks.radius(self)
        found = [
            (distance, one.sentence)
            for one in self._points
            if (distance := (self.place(one) - place).manhattanLength()) <= reach
        ]
        return "\n".join(sentence for _, sentence in sorted(found))

    def place(self, point: Point) -> QPointF:
        """Where a point is drawn."""
        area, scale = self._area(), self._scale()
        return QPointF(
            area.left() + scale.share(point.predicted) * area.width(),
            area.bottom() - scale.share(point.measured) * area.height(),
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The axes, the line on which both are the same, and the points above them."""
        if not self._points:
            return
        painter = QPainter(self)
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._small())
        self._draw_axes(painter)
        self._draw_diagonal(painter)
        for one in self._points:
            marks.draw(
                painter, self.place(one), marks.radius(self), plan=one.is_plan, kept=one.is_kept
            )
        self._draw_names(painter)

    def _small(self) -> QFont:
        font = QFont(self.font())
        if font.pixelSize() > 0:
            font.setPixelSize(round(SMALL * font.pixelSize()))
        return font

    def _scale(self) -> Scale:
        """Of both axes, so that the diagonal runs to the corners; with ticks that have room."""
        values = [value for one in self._points for value in (one.predicted, one.measured)]
        metrics = QFontMetricsF(self._small())
        widest = metrics.horizontalAdvance("00,000")
        most = min(LINES / 2, (self.width() - widest) / (1.5 * widest))
        return Scale.over(values, max(2, int(most)))

    def _area(self) -> QRectF:
        """Where the points are."""
        metrics = QFontMetricsF(self._small())
        scale = self._scale()
        widths = [metrics.horizontalAdvance(scale.text(one)) for one in scale.ticks]
        left, right = max(widths) + GAP, max(widths[-1] / 2, marks.radius(self)) + 1
        line = metrics.height()
        top = 1.5 * line + 2  # a figure at the first line of the grid is half above it
        low = self.height() - 2 * line - 2 * GAP
        return QRectF(left, top, max(1.0, self.width() - left - right), max(1.0, low - top))

    def _draw_axes(self, painter: QPainter) -> None:
        """Thin lines at round numbers, which are written beside them."""
        area, scale, metrics = self._area(), self._scale(), painter.fontMetrics()
        flags, line = Qt.AlignmentFlag, metrics.height()
        for value in scale.ticks:
            share, text = scale.share(value), scale.text(value)
            x, y = area.left() + share * area.width(), area.bottom() - share * area.height()
            painter.setPen(QPen(marks.colour_of(QPalette.ColorRole.Mid), 1.0))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(marks.colour_of(QPalette.ColorRole.PlaceholderText))
            beside = QRectF(0, y - line / 2, area.left() - GAP, line)
            painter.drawText(beside, flags.AlignRight | flags.AlignVCenter, text)
            below = QRectF(x - area.width() / 2, area.bottom() + GAP, area.width(), line)
            painter.drawText(below, flags.AlignHCenter | flags.AlignTop, text)
        painter.drawText(QRectF(0, 0, self.width(), line), flags.AlignLeft, UP)
        last = QRectF(0, self.height() - line, area.right(), line)
        painter.drawText(last, flags.AlignRight, ACROSS)

    def _draw_diagonal(self, painter: QPainter) -> None:
        area = self._area()
        painter.setPen(
            QPen(marks.colour_of(QPalette.ColorRole.PlaceholderText), 1.0, Qt.PenStyle.DashLine)
        )
        painter.drawLine(area.bottomLeft(), area.topRight())

    def _draw_names(self, painter: QPainter) -> None:
        """Names the plan and what is kept, where there is room beside them."""
        metrics, area, away = painter.fontMetrics(), self._area(), marks.radius(self) + 3
        painter.setPen(marks.colour_of(QPalette.ColorRole.Text))
        named = [one for one in self._points if one.is_plan or one.is_kept]
        places = [self.place(one) for one in self._points]
        taken = [QRectF(at.x() - away, at.y() - away, 2 * away, 2 * away) for at in places]
        for one in reversed(named):
            text = "kept" if one.is_kept and not one.is_plan else "plan"
            size = QSizeF(metrics.horizontalAdvance(text) + 2, metrics.height())
            for box in _around(self.place(one), size, away, area):
                if not any(map(box.intersects, taken)):
                    taken.append(box)
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
                    break


def _around(place: QPointF, size: QSizeF, away: float, area: QRectF) -> list[QRectF]:
    """Boxes beside, below and above a place, as far as they are in the area."""
    wide, high = size.width(), size.height()
    boxes = [  # the first that is free is taken
        QRectF(place.x() + away, place.y() - high / 2, wide, high),
        QRectF(place.x() - away - wide, place.y() - high / 2, wide, high),
        QRectF(place.x() - wide / 2, place.y() + away, wide, high),
        QRectF(place.x() - wide / 2, place.y() - away - high, wide, high),
    ]
    inside = [box for box in boxes if area.adjusted(0, -high, 1, 0).contains(box)]
    return sorted(inside, key=lambda box: _crosses_diagonal(box, area))


def _crosses_diagonal(box: QRectF, area: QRectF) -> bool:
    slope = area.height() / area.width()
    left, right = (area.bottom() - (x - area.left()) * slope for x in (box.left(), box.right()))
    return right <= box.bottom() and left >= box.top()
