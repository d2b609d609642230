"""What the window shows of this computer and of the loads of its models, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app import gguf, wording
from app.llm import card_use, computer_words, plan_words, wished
from app.llm.comparing import Comparing
from app.llm.optimizer.machine.standing import StandingQuestion
from app.llm.optimizer.room import NOTHING_RELEASED, Released
from app.llm.optimizer.tuned import NOT_TUNED
from app.llm.providers.local_plans import Subject
from app.llm.use_meter import UseMeter
from app.llm.workbench import Workbench, nothing_foretold
from app.settings import WishSetting

if TYPE_CHECKING:
    from app.llm.optimizer.remembered import Remembered
    from app.llm.optimizer.survey import FindBuild, Renews
    from app.llm.providers.local_plans import LocalPlans
    from app.llm.trials import Tuning
    from app.schema import Adapter, LoadedModel, ModelRef
    from app.settings import Models


@dataclass(frozen=True, slots=True)
class ComputerFact:
    """One thing that is known of this computer, with lines that belong to it."""

    name: str
    value: str


class PlansView:
    """Reads and reckons for the window; each method may block, and none changes anything."""

    def __init__(
        self,
        survey: Renews,
        remembered: Remembered,
        build: FindBuild,
        models: Callable[[], Models],
        adapters: Callable[[str], Sequence[Adapter]] = lambda _model: (),
        plans: LocalPlans | None = None,
    ) -> None:
        """`models` are the settings, and `adapters` what is loaded with a model.

        `plans` foretells speeds, and knows what was found to be fastest.
        """
        self._survey = survey
        self._remembered = remembered
        self._build = build
        self._models = models
        self._adapters = adapters
        self._plans = plans

    def facts(self, *, again: bool = False) -> tuple[ComputerFact, ...]:
        """What is known of this computer; with `again` everything is read anew."""
        computer = self._survey.renew() if again else self._survey.now()
        if again and self._plans is not None:
            self._plans.forget_rates()
        found: list[ComputerFact] = []
        for name, value in computer_words.rows(computer, self._build()):
            if name or not found:
                found.append(ComputerFact(plan_words.upper(name), value))
            else:
                last = found[-1]
                found[-1] = dataclasses.replace(last, value=f"{last.value}\n{value}")
        return tuple(found)

    def open(self, ref: ModelRef, loaded: LoadedModel | None) -> Workbench:
        """A model of this process to be looked at and adjusted, loaded or not.

        Raises ModelError where its file, or that of an adapter, cannot be read.
        """
        made = loaded.plan if loaded is not None else None
        path = Path(made.path if made is not None else ref.model).absolute()
        header = gguf.read(path)
        wanted = made.adapters if made is not None else self._adapters(ref.model)
        subject = Subject.of(header, wanted)
        computer = self._survey.now()
        models = self._models()
        key = str(header.path)
        bench = Workbench(
            ref=ref,
            path=key,
            subject=subject,
            computer=computer,
            released=NOTHING_RELEASED,
            ceiling=self._remembered.ceiling(header, computer.fingerprint()),
            general=wished.of_all(models, lambda: computer.power.on_battery),
            kept=models.wishes.get(key, WishSetting()),
            loaded=made,
            tuned=self._plans.tuned(header, computer) if self._plans else NOT_TUNED,
            predict=partial(self._plans.predicted, subject) if self._plans else nothing_foretold,
        )
        taken = bench.taken()
        return dataclasses.replace(bench, released=Released.by(taken)) if taken else bench

    def comparing(self, loaded: LoadedModel | None, *, measures: bool = False) -> Comparing:
        """What compares models, beside `loaded` in this process; by itself it does not block.

        With `measures` it may take two seconds to find out what this computer reaches.
        """

        def tuned(bench: Workbench) -> Tuning | None:
            return self._plans.tuning(bench.subject.header) if self._plans else None

        return Comparing(self.open, self._survey.now, loaded, tuned, measures=measures)

    def tuned(self, path: str) -> Tuning | None:
        """What was found to be fastest for a model file, and holds now. Raises ModelError."""
        return self._plans.tuning(gguf.read(Path(path).absolute())) if self._plans else None

    def outdated(self, path: str) -> str:
        """Why a model had better be tuned again, as a sentence; "" where it need not.

        Raises ModelError.
        """
        header = gguf.read(Path(path).absolute())
        older = self._plans.older_tuning(header) if self._plans else None
        if older is None:
            return ""
        changed = "this computer or a driver of it"
        if older.computer == self._survey.now().fingerprint():
            changed = "llama.cpp"
        day = wording.full_day(older.day)
        return f"Since this model was tuned on {day}, {changed} has changed."

    def forget_tuning(self, path: str) -> None:
        """Plans as if a model had never been tuned. Raises ModelError."""
        if self._plans is not None:
            self._plans.forget_tuning(gguf.read(Path(path).absolute()))

    def keep_tuning(self, tuning: Tuning) -> None:
        """Takes a tuning back that was forgotten. Raises ModelError."""
        if self._plans is not None:
            self._plans.keep_tuning(gguf.read(Path(tuning.model)), tuning)

    def meter(self) -> UseMeter:
        """What tells how much this process uses while a model is loaded."""
        return UseMeter(StandingQuestion(self._cards, ()))

    def _cards(self) -> AbstractContextManager[card_use.ReadCards]:
        """Opens what reads the graphics cards of llama.cpp."""
        return card_use.opened(self._survey, self._build)
