"""What the tuning block is given, and what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.llm.trials import Trial, Tuning, TuningProgress


class Step(StrEnum):
    """What the person asks for."""

    START = "start"
    CANCEL = "cancel"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Running:
    """A search that runs now."""

    model: str  # its name
    progress: TuningProgress | None = None  # None: the model is made ready
    is_stopping: bool = False

    @property
    def can_stop(self) -> bool:
        """Until something is kept."""
        kept = self.progress.tuning if self.progress is not None else None
        return not self.is_stopping and kept is None


@dataclass(frozen=True, slots=True)
class Shown:
    """The block as it is to be seen."""

    said: str = ""  # a sentence: why nothing can be tuned, or how the last search ended
    is_wrong: bool = False  # the sentence tells of something that failed
    can_start: bool = False
    running: Running | None = None
    tuning: Tuning | None = None  # what is kept, or was just found
    outdated: str = ""

    @property
    def trials(self) -> Sequence[Trial]:
        """What was tried, the plan first."""
        if self.running is not None:
            return self.running.progress.trials if self.running.progress is not None else ()
        return self.tuning.trials if self.tuning is not None else ()

    @property
    def kept(self) -> int:
        """The number of the trial that is kept; -1 while that is not known."""
        return self.tuning.kept if self.tuning is not None and self.running is None else -1
