"""How this process loads its models: as suits the computer, the person, and what went before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.llm.optimizer import stepping
from app.llm.optimizer.planning import Beside, measured, plan, settings_of
from app.llm.optimizer.room import NOTHING_RELEASED, Released, Room, room
from app.llm.optimizer.wishes import NO_WISHES, Ceiling, Wishes

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.memory import Estimate
    from app.llm.optimizer.remembered import Remembered
    from app.schema import Adapter, LoadPlan


class Surveys(Protocol):
    """Tells the facts about this computer."""

    def now(self) -> Computer:
        """With what is free now; may block for two seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be loaded: a model's header, and those of its adapters."""

    header: Header
    adapters: tuple[tuple[Adapter, Header], ...] = ()

    @property
    def beside(self) -> Beside:
        """What is loaded with the model."""
        return Beside(self.adapters)


class LocalPlans:
    """Plans for loads, each smaller than the one that failed; each method may block."""

    def __init__(
        self,
        survey: Surveys,
        remembered: Remembered,
        wishes: Callable[[str], Wishes] = lambda _model: NO_WISHES,
    ) -> None:
        """`wishes` gives what the person wants of a model, by its path."""
        self._survey = survey
        self._remembered = remembered
        self._wishes = wishes

    def made(
        self,
        subject: Subject,
        released: Released = NOTHING_RELEASED,
        wishes: Wishes | None = None,
    ) -> LoadPlan:
        """The plan for a load now; `wishes` stand in for those that are kept. Raises ModelError."""
        computer = self._survey.now()
        ceiling = self._remembered.ceiling(subject.header, computer.fingerprint())
        return self._plan(computer, subject, released, ceiling, wishes)

    def room(self, released: Released = NOTHING_RELEASED) -> Room:
        """What a load may take now."""
        return room(self._survey.now(), released)

    def lower(
        self, subject: Subject, failed: LoadPlan, ceiling: Ceiling | None = None
    ) -> tuple[LoadPlan, Ceiling] | None:
        """The plan after one that failed for want of memory; None where nothing is left to try.

        `ceiling` is that of the failed plan, if it came from here. Raises ModelError.
        """
        computer = self._survey.now()
        known = ceiling or self._remembered.ceiling(subject.header, computer.fingerprint())
        lower = stepping.lower(failed, subject.header, known)
        if lower is None:
            return None
        return self._plan(computer, subject, NOTHING_RELEASED, lower), lower

    def worked(self, subject: Subject, ceiling: Ceiling) -> None:
        """Remembers that a plan within this was loaded after something larger had failed."""
        self._remembered.keep(subject.header, self._survey.now().fingerprint(), ceiling)

    def wishes(self, subject: Subject) -> Wishes:
        """What the person wants of a model."""
        return self._wishes(str(subject.header.path))

    def estimate(self, subject: Subject, made: LoadPlan) -> Estimate:
        """What a plan takes."""
        return measured(subject.header, subject.beside, settings_of(made))

    def _plan(
        self,
        computer: Computer,
        subject: Subject,
        released: Released,
        ceiling: Ceiling,
        wishes: Wishes | None = None,
    ) -> LoadPlan:
        if wishes is None:
            wishes = self._wishes(str(subject.header.path))
        return plan(
            computer, subject.header, wishes, subject.beside, released=released, ceiling=ceiling
        )


def notice_of(made: LoadPlan) -> str:
    """What the person is told of a plan: where something is less than was wanted."""
    return " ".join(reason.sentence for reason in made.reasons if reason.is_notice)
