"""What the window shows of this computer and of the loads of its models, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app import gguf
from app.llm import computer_words, plan_words, wished
from app.llm.optimizer.room import NOTHING_RELEASED, Released
from app.llm.providers.local_plans import Subject
from app.llm.use_meter import UseMeter
from app.llm.workbench import Workbench
from app.settings import WishSetting

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer
    from app.llm.optimizer.remembered import Remembered
    from app.llm.optimizer.survey import FindBuild
    from app.schema import Adapter, EngineDevice, LoadedModel, ModelRef
    from app.settings import Models


class Surveys(Protocol):
    """Tells the facts about this computer."""

    def now(self) -> Computer:
        """With what is free now; may block for two seconds."""
        ...

    def renew(self) -> Computer:
        """Reads everything afresh."""
        ...


@dataclass(frozen=True, slots=True)
class ComputerFact:
    """One thing that is known of this computer, with lines that belong to it."""

    name: str
    value: str


class PlansView:
    """Reads and reckons for the window; each method may block, and none changes anything."""

    def __init__(
        self,
        survey: Surveys,
        remembered: Remembered,
        build: FindBuild,
        models: Callable[[], Models],
        adapters: Callable[[str], Sequence[Adapter]] = lambda _model: (),
    ) -> None:
        """`models` are the settings, and `adapters` what is loaded with a model."""
        self._survey = survey
        self._remembered = remembered
        self._build = build
        self._models = models
        self._adapters = adapters

    def facts(self, *, again: bool = False) -> tuple[ComputerFact, ...]:
        """What is known of this computer; with `again` everything is read anew."""
        computer = self._survey.renew() if again else self._survey.now()
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
        adapters = tuple((one, gguf.read_adapter(one.path, header)) for one in wanted)
        subject = Subject(header, adapters)
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
        )
        taken = bench.taken()
        return dataclasses.replace(bench, released=Released.by(taken)) if taken else bench

    def meter(self) -> UseMeter:
        """What tells how much this process uses while a model is loaded."""
        return UseMeter(self._cards if self._cards() else None)

    def _cards(self) -> Sequence[EngineDevice]:
        """The graphics cards of llama.cpp, with their memory now."""
        build = self._build()
        return [one for one in build.devices if one.is_gpu] if build else []
