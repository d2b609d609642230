"""What Hearth takes of the computer at the moment: a line, and the last minute as a curve."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, QTimer
from PySide6.QtGui import QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.llm.use_meter import UseMeter
from app.ui.settings import hardware_words as words
from app.ui.settings.field import Field
from app.ui.words import Words, is_mirrored

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QPaintEvent, QShowEvent

    from app.ui.icons import Icons
    from app.ui.settings.rows import Row

SECOND = 1000  # milliseconds between two looks
POINTS = 60  # of the curve: a minute
HEIGHT = 32  # pixels


class UseField(Field):
    """Looks only while it is seen and has a meter, which it has while a model is loaded."""

    is_wide = True

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._meter: UseMeter | None = None
        self._text = Words("", self)
        self._text.setObjectName("useNow")
        self._curve = _Curve(self)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(self._text)
        column.addWidget(self._curve)
        self.line.addLayout(column, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(SECOND)
        self._timer.timeout.connect(self._look)
        self.take(None)

    @property
    def target(self) -> QWidget:
        """The text: nothing here takes the keyboard."""
        return self._text

    def value(self) -> object:
        """Nothing is set here."""
        return None

    def take(self, content: object) -> None:
        """The meter; None, or a sentence, where no model is loaded in this process."""
        meter = content if isinstance(content, UseMeter) else None
        self._rest()
        self._meter = meter  # a new one is looked at at once
        self._curve.clear()
        self._curve.setVisible(meter is not None)
        self._text.setText("" if meter else str(content or ""))
        self._follow()

    def showEvent(self, event: QShowEvent) -> None:
        """It is seen from now on."""
        super().showEvent(event)
        self._follow()

    def hideEvent(self, event: QHideEvent) -> None:
        """It is not seen any more, nor where the window is minimised."""
        super().hideEvent(event)
        self._rest()

    def _follow(self) -> None:
        """Has the timer run, or not."""
        if self._meter is None or not self.isVisible():
            self._rest()
        elif not self._timer.isActive():
            self._timer.start()
            self._look()

    def _rest(self) -> None:
        self._timer.stop()
        if self._meter is not None:
            self._meter.close()

    def _look(self) -> None:
        if self._meter is None:
            return
        now = self._meter.read()
        self._text.setText(words.use(now))
        if now.cores is not None:
            self._curve.add(min(1.0, now.cores / now.of_cores))


class _Curve(QWidget):
    """The share of the processor that was busy, the latest at the end of the line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shares: deque[float] = deque(maxlen=POINTS)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The processor in the last minute")

    def add(self, share: float) -> None:
        """One more second."""
        self._shares.append(share)
        self.update()

    def clear(self) -> None:
        """Begins anew."""
        self._shares.clear()
        self.update()

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page is."""
        return QSize(0, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The ground line, and the curve above it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self.height() - 1.0, 2.0
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Mid), 1.0))
        painter.drawLine(QPointF(0, low), QPointF(self.width(), low))
        if len(self._shares) < 2:
            return
        step = self.width() / (POINTS - 1)
        first = POINTS - len(self._shares)
        places = [(first + at) * step for at in range(len(self._shares))]
        if is_mirrored(self):
            places = [self.width() - place for place in places]
        points = [
            QPointF(place, low - share * (low - high))
            for place, share in zip(places, self._shares, strict=True)
        ]
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Accent), 1.5))
        painter.drawPolyline(QPolygonF(points))
