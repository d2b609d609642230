"""The search that runs for the window: one at a time, whatever the window looks like meanwhile."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import HearthError
from app.ui.settings import tuning_words as words
from app.ui.settings.tuning_state import Running

if TYPE_CHECKING:
    import asyncio

    from app.llm.speedometer import Speedometer
    from app.llm.trials import Tuning, TuningProgress
    from app.schema import ModelRef
    from app.ui.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last search ended."""

    said: str = ""
    is_wrong: bool = False
    tuning: Tuning | None = None  # what it has brought


class TuningWork(QObject):
    """Lives as long as the window: a change of its look must not end a search half-way."""

    changed = Signal()

    def __init__(self, tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self.path = ""  # of the model that is tuned, or was last
        self.running: Running | None = None
        self.ended: Ended | None = None
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._reason = words.CANCELLED

    def start(self, speedometer: Speedometer, ref: ModelRef, path: str, name: str) -> None:
        """Begins to tune a model, unless a search runs already."""
        if self.running is not None:
            return
        self.path, self.ended = path, None
        self.running = Running(name)
        self._task = self._tasks.spawn(self, self._run(speedometer, ref))
        self._task.add_done_callback(self._done)
        self.changed.emit()

    def cancel(self, reason: str = words.CANCELLED) -> None:
        """Ends the search that runs, and keeps nothing; `reason` is said of it."""
        if self.running is None or not self.running.can_stop or self._task is None:
            return
        self._reason = reason
        self.running = replace(self.running, is_stopping=True)
        self._task.cancel()
        self.changed.emit()

    def clear(self) -> None:
        """Says no more of how the last search ended."""
        if self.ended is not None:
            self.ended = None
            self.changed.emit()

    async def _run(self, speedometer: Speedometer, ref: ModelRef) -> None:
        try:
            async with aclosing(speedometer.tune(ref)) as reports:
                async for report in reports:
                    self._report(report)
        except HearthError as error:
            self._end(error=error)
        else:
            self._end(said=words.NO_RESULT)

    def _done(self, task: asyncio.Task[None]) -> None:
        """It was cancelled, perhaps before it began, or has failed by a bug."""
        if task is self._task:
            self._end(said=self._reason if task.cancelled() else words.NO_RESULT)

    def _report(self, report: TuningProgress) -> None:
        if self.running is not None:
            self.running = replace(self.running, progress=report)
            self.changed.emit()

    def _end(self, said: str = "", error: HearthError | None = None) -> None:
        """A result stays one, whatever happens after it."""
        progress = self.running.progress if self.running is not None else None
        tuning = progress.tuning if progress is not None else None
        if error is not None:
            said = f"{error}" if tuning is None else f"{words.NO_RELOAD} {error}"
        elif tuning is not None:
            said = ""
        self.running = self._task = None
        self.ended = Ended(said, error is not None, tuning)
        self.changed.emit()
