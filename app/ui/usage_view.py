"""What each model was used for: a plot over days and a plain table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app import wording
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from app.llm.usage import DayOfUse
    from app.ui.theme import Theme

DAYS = 30
PLOT_HEIGHT = 96
GAP = 2  # pixels between the bars
NO_COST = "–"
NAME_CHARACTERS = 16  # of a model's name, for which a table must have room at least
HEADINGS = ("Model", "Answers", "Read", "Written", "Time", "Cost")
Prices = Mapping[str, tuple[float, float]]  # provider -> per million tokens read, and written


class _Total(NamedTuple):
    answers: int = 0
    prompt: int = 0
    generated: int = 0
    seconds: float = 0.0

    def plus(self, day: DayOfUse) -> _Total:
        """With one more day."""
        return _Total(
            self.answers + day.answers,
            self.prompt + day.prompt_tokens,
            self.generated + day.generated_tokens,
            self.seconds + day.seconds,
        )


class UsageView(QWidget):
    """Nothing but a sentence while nothing was used."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("usageView")
        nothing = "Nothing yet. Counts are kept on this computer and hold no text."
        self._none = Words(nothing, self, "muted")
        self._plot = _Plot(theme, self)
        self._wide, self._narrow = QWidget(self), QWidget(self)
        self._list = QVBoxLayout(self._narrow)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._table = QGridLayout(self._wide)
        self._table.setContentsMargins(0, 0, 0, 0)
        self._table.setHorizontalSpacing(16)
        self._table.setVerticalSpacing(4)
        self._table.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._none)
        column.addWidget(self._plot)
        column.addWidget(self._wide)
        column.addWidget(self._narrow)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        self.show_days((), {})

    def show_days(
        self, days: Sequence[DayOfUse], prices: Prices, clouds: frozenset[str] = frozenset()
    ) -> None:
        """The use of the last days; a cost stands only where the person entered prices.

        `clouds` are the names of the providers that are cloud services.
        """
        self._none.setVisible(not days)
        self._plot.setVisible(bool(days))
        self._plot.show_days(days)
        for layout in (self._table, self._list):
            while (item := layout.takeAt(0)) is not None:
                if widget := item.widget():
                    widget.hide()
                    widget.deleteLater()
        totals: dict[str, _Total] = defaultdict(_Total)
        costs: dict[str, float] = defaultdict(float)
        for day in days:
            name = _name(day, clouds)
            totals[name] = totals[name].plus(day)
            read, written = prices.get(day.ref.provider, (0.0, 0.0))
            costs[name] += (day.prompt_tokens * read + day.generated_tokens * written) / 1e6
        rows = sorted(totals.items(), key=lambda row: -row[1].generated)
        if rows:
            self._add(0, HEADINGS, "small")
        for number, (name, total) in enumerate(rows, 1):
            cells = (
                name,
                f"{total.answers:,}",
                f"{total.prompt:,}",
                f"{total.generated:,}",
                wording.duration(total.seconds),
                f"{costs[name]:,.2f}" if costs[name] else NO_COST,
            )
            self._add(number, cells, "")
            self._add_to_list(cells)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A table where it fits, else a list."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page is: the list takes any width."""
        return QSize(0, super().minimumSizeHint().height())

    def _fit(self) -> None:
        room = self.fontMetrics().averageCharWidth() * NAME_CHARACTERS
        fits = self.width() >= self._wide.minimumSizeHint().width() + room
        self._wide.setVisible(fits and not self._none.isVisibleTo(self))
        self._narrow.setVisible(not fits and not self._none.isVisibleTo(self))

    def _add_to_list(self, cells: Sequence[str]) -> None:
        name, answers, read, written, time, cost = cells
        facts = [f"answers: {answers}", f"read: {read}", f"written: {written}", time]
        facts += [] if cost == NO_COST else [f"cost: {cost}"]
        for text, role in ((name, ""), (" · ".join(facts), "small")):
            self._list.addWidget(Words(text, self._narrow, role))

    def _add(self, row: int, cells: Sequence[str], role: str) -> None:
        for column, text in enumerate(cells):
            label = QLabel(text, self._wide)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("role", role)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            if column == 0:
                label.setWordWrap(True)
            label.setAlignment(side | Qt.AlignmentFlag.AlignTop)
            self._table.addWidget(label, row, column)


class _Plot(QWidget):
    """A bar for each day: the tokens that were written."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._bars: list[int] = [0] * DAYS
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(320, PLOT_HEIGHT + 2 * self.fontMetrics().height())

    def show_days(self, days: Sequence[DayOfUse]) -> None:
        """The last days up to today."""
        today = date.today()  # noqa: DTZ011 - the person's own calendar
        first = today - timedelta(days=DAYS - 1)
        self._bars = [0] * DAYS
        for day in days:
            place = (day.day - first).days
            if 0 <= place < DAYS:
                self._bars[place] += day.generated_tokens
        most = max(self._bars)
        self._labels = (f"{first:%d %B}", f"{today:%d %B}", f"{most:,} tokens")
        self.setAccessibleName(
            f"Tokens written per day from {first:%d %B} to {today:%d %B}, at most {most:,} a day"
        )
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Bars from the left to the right, the highest one named."""
        painter = QPainter(self)
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # as the bars are drawn
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        most = max(*self._bars, 1)
        width = self.width() / DAYS
        painter.setPen(self._theme.colour("muted"))
        area = QRectF(0, 0, self.width(), line)
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft, f"Most in a day: {self._labels[2]}")
        base = QRectF(0, line + PLOT_HEIGHT, self.width(), line)
        painter.drawText(base, Qt.AlignmentFlag.AlignLeft, self._labels[0])
        painter.drawText(base, Qt.AlignmentFlag.AlignRight, self._labels[1])
        painter.setPen(Qt.PenStyle.NoPen)
        for place, value in enumerate(self._bars):
            painter.setBrush(self._theme.colour("accent" if value else "line"))
            high = max(2.0, (PLOT_HEIGHT - 8) * value / most)
            left = place * width
            painter.drawRect(QRectF(left, line + PLOT_HEIGHT - high, width - GAP, high))


def _name(day: DayOfUse, clouds: frozenset[str]) -> str:
    """A model as the table names it."""
    name = day.ref.model.replace("\\", "/")
    if day.ref.provider == "local":
        return name.rpartition("/")[2]
    return f"{day.ref} (cloud)" if day.ref.provider in clouds else str(day.ref)
