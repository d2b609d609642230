"""What was tried, and how fast it was: a table where there is room, else a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from app.ui.settings import tuning_words as words
from app.ui.settings.tuning_marks import Mark
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from app.llm.trials import Trial

HEADINGS = ("Tried", "Reading", "predicted", "Writing", "predicted")
CAPTION = "Tokens per second, each the median of its runs."
ROOM = 26  # letters, for what was tried
GAP = 16  # pixels between the columns
COLUMNS = 6  # the marks come first


class TrialsTable(QWidget):
    """Its labels stay while trials are added, so that nothing flickers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._count = 0
        self._is_wide: bool | None = None
        self._caption = Words(CAPTION, self, "small")
        self._headings: list[QLabel] = [Words(HEADINGS[0], self, "small")]
        self._headings += [_number(text, self, "small") for text in HEADINGS[1:]]
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setColumnStretch(1, 1)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)
        self._grid.addWidget(self._caption, 0, 0, 1, COLUMNS)
        for column, heading in enumerate(self._headings, 1):
            self._grid.addWidget(heading, 1, column)
        self._fit()

    def show_trials(self, trials: Sequence[Trial], kept: int) -> None:
        """Shows these, the plan first; `kept` is the number of the best, or -1."""
        while len(self._rows) < len(trials):
            self._rows.append(_Row(self))
            self._place(len(self._rows) - 1)
        self._count = len(trials)
        for at, row in enumerate(self._rows):
            if at < self._count:
                row.show_trial(trials[at], is_plan=at == 0, is_kept=at == kept)
        self._fit()
        self._show_rows()
        self.setVisible(bool(trials))

    def texts(self) -> list[tuple[str, ...]]:
        """What is shown: a row with its numbers, or a row and a line with them."""
        return [row.texts(is_wide=bool(self._is_wide)) for row in self._rows[: self._count]]

    def minimumSizeHint(self) -> QSize:
        """As narrow as the page is: the list takes any width."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A table where it fits."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        is_wide = self.width() >= self._needed()
        if is_wide is self._is_wide:
            return
        self._is_wide = is_wide
        for at in range(len(self._rows)):
            self._place(at)
        self._show_rows()
        self._grid.setVerticalSpacing(6 if is_wide else 2)

    def _needed(self) -> int:
        """Pixels that the table takes at least."""
        shown = [heading.sizeHint().width() for heading in self._headings[1:]]
        for row in self._rows[: self._count]:
            wanted = [label.sizeHint().width() for label in row.numbers]
            shown = [max(pair) for pair in zip(shown, wanted, strict=True)]
        room = ROOM * self.fontMetrics().averageCharWidth()
        return sum(shown) + room + COLUMNS * GAP

    def _show_rows(self) -> None:
        for heading in self._headings:
            heading.setVisible(bool(self._is_wide))
        for at, row in enumerate(self._rows):
            row.show_parts(is_shown=at < self._count, is_wide=bool(self._is_wide))

    def _place(self, at: int) -> None:
        row, top = self._rows[at], 2 + 2 * at
        for part in row.parts:
            self._grid.removeWidget(part)
        side = Qt.AlignmentFlag.AlignTop
        self._grid.addWidget(row.mark, top, 0, side)
        if self._is_wide:
            self._grid.addWidget(row.name, top, 1)
            for column, label in enumerate(row.numbers, 2):
                self._grid.addWidget(label, top, column, side)
        else:
            self._grid.addWidget(row.name, top, 1, 1, COLUMNS - 1)
            self._grid.addWidget(row.facts, top + 1, 1, 1, COLUMNS - 1)


class _Row:
    """The labels of one trial; either the numbers are shown, or the line of facts."""

    def __init__(self, parent: QWidget) -> None:
        self.mark = Mark(parent)
        self.name = Words("", parent)
        self.facts = Words("", parent, "small")
        for label in (self.name, self.facts):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.facts.setContentsMargins(0, 0, 0, 6)
        self.numbers = [_number("", parent, role) for role in ("", "muted", "", "muted")]
        self.parts: tuple[QWidget, ...] = (self.mark, self.name, self.facts, *self.numbers)

    def show_trial(self, trial: Trial, *, is_plan: bool, is_kept: bool) -> None:
        """Its texts; the one that is kept stands out."""
        name = words.name(trial, is_plan=is_plan)
        said = words.marks(is_plan=is_plan, is_kept=is_kept)
        facts = words.facts(trial)
        self.mark.show_mark(plan=is_plan, kept=is_kept)
        self.name.setText(f"{name} · {said}" if said else name)
        self.name.setAccessibleName(f"{self.name.text()}: {'; '.join(facts)}")
        self.facts.setText("\n".join(facts))
        both = (
            (trial.prompt, trial.predicted.prompt),
            (trial.generation, trial.predicted.generation),
        )
        texts = [
            text
            for runs, predicted in both
            for text in (
                words.number(runs.rate if runs is not None else None),
                words.number(predicted if runs is not None else None),
            )
        ]
        for number, text in zip(self.numbers, texts, strict=True):
            number.setText(text)
        for label in (self.name, *self.numbers[::2]):
            _set_role(label, "strong" if is_kept else "")

    def show_parts(self, *, is_shown: bool, is_wide: bool) -> None:
        """Shows what belongs to the table or to the list."""
        self.mark.setVisible(is_shown)
        self.name.setVisible(is_shown)
        self.facts.setVisible(is_shown and not is_wide)
        for number in self.numbers:
            number.setVisible(is_shown and is_wide)

    def texts(self, *, is_wide: bool) -> tuple[str, ...]:
        """What it shows."""
        rest = [label.text() for label in self.numbers] if is_wide else [self.facts.text()]
        return (self.name.text(), *rest)


def _number(text: str, parent: QWidget, role: str) -> QLabel:
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
    return label


def _set_role(label: QWidget, role: str) -> None:
    if label.property("role") != role:
        label.setProperty("role", role)
        label.style().unpolish(label)
        label.style().polish(label)
