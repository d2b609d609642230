"""The block in which a model is tuned: the search as it runs, and what it has brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings import tuning_words as words
from app.ui.settings.field import Field
from app.ui.settings.tuning_plots import SpeedPlots
from app.ui.settings.tuning_state import Shown, Step
from app.ui.settings.tuning_table import TrialsTable
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row

TUNE, AGAIN = "Tune", "Tune again"


class TuningField(Field):
    """Takes what is to be shown, and emits the steps that the person takes."""

    is_wide = True

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self.said = self._words("tuningSaid")
        self.wrong = self._words("tuningWrong", "error")
        self.progress = self._words("tuningProgress")
        self.outcome = self._words("tuningOutcome", "strong")
        self.remark = self._words("tuningRemark", "small")
        self.outdated = self._words("tuningOutdated", "muted")
        self.bar = QProgressBar(self)
        self.bar.setObjectName("tuningBar")
        self.bar.setAccessibleName("Progress of the search")
        self.bar.setTextVisible(False)
        self._start = text_button(TUNE, "secondary", self, "tuningStart")
        self._cancel = text_button("Cancel", "secondary", self, "tuningCancel")
        self._cancel.setAccessibleName("Cancel the search")
        self._forget = text_button("Forget", "secondary", self, "tuningForget")
        self._forget.setAccessibleName("Forget what was found for this model")
        self._forget.setToolTip("The model is loaded as it was planned, from the next time on.")
        for button, step in (
            (self._start, Step.START),
            (self._cancel, Step.CANCEL),
            (self._forget, Step.FORGET),
        ):
            button.clicked.connect(lambda _checked=False, step=step: self.acted.emit(step))
        self.plots = SpeedPlots(self)
        self.table = TrialsTable(self)
        self._lay_out()
        self.take(None)

    @property
    def target(self) -> QWidget:
        """The button that starts the search."""
        return self._start

    def value(self) -> object:
        """Nothing is set here."""
        return None

    def take(self, content: object) -> None:
        """What is to be seen now."""
        shown = content if isinstance(content, Shown) else Shown()
        running = shown.running
        tuning = shown.tuning if running is None else None
        self._say(self.said, "" if running or shown.is_wrong else shown.said)
        self._say(self.wrong, shown.said if shown.is_wrong and not running else "")
        self._say(self.progress, words.progress(running) if running else "")
        self._say(self.outcome, words.outcome(tuning) if tuning else "")
        self._say(self.remark, words.remark(tuning) if tuning else "")
        self._say(self.outdated, "" if running else shown.outdated)
        self.bar.setVisible(running is not None)
        self.bar.setValue(words.percent(running.progress) if running else 0)
        self._show_buttons(shown)
        self.plots.show_trials(shown.trials, shown.kept)
        self.table.show_trials(shown.trials, shown.kept)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the buttons below each other, or beside each other."""
        direction = QBoxLayout.Direction
        self._buttons.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)

    def _words(self, name: str, role: str = "") -> Words:
        label = Words("", self, role)
        label.setObjectName(name)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return label

    def _lay_out(self) -> None:
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(8)
        for button in (self._start, self._cancel, self._forget):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        result = QVBoxLayout()
        result.setSpacing(2)
        result.addWidget(self.outcome)
        result.addWidget(self.remark)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addLayout(result)
        for part in (self.said, self.wrong, self.outdated, self.progress, self.bar):
            column.addWidget(part)
        column.addLayout(self._buttons)
        column.addWidget(self.plots)
        column.addWidget(self.table)
        self.line.addLayout(column, 1)

    def _say(self, label: Words, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def _show_buttons(self, shown: Shown) -> None:
        """One that goes hands the keyboard on; without a heir, the block keeps it meanwhile."""
        running = shown.running
        self._start.setText(AGAIN if shown.tuning or shown.outdated else TUNE)
        self._start.setAccessibleName(f"{self._start.text()}: {self.row.name}")
        seen = {
            self._start: running is None,
            self._cancel: running is not None,
            self._forget: running is None and shown.tuning is not None,
        }
        usable = {
            self._start: shown.can_start,
            self._cancel: running is not None and running.can_stop,
            self._forget: True,
        }
        heirs = [one for one in seen if seen[one] and usable[one]]
        focused = next((one for one in (*seen, self) if one.hasFocus()), None)
        for button in heirs:
            button.setEnabled(True)
            button.show()
        if focused is not None and focused not in heirs:
            (heirs[0] if heirs else self).setFocus()
        for button, is_seen in seen.items():
            button.setEnabled(usable[button])
            button.setVisible(is_seen)
