"""A window on a computer that a test describes, with models that are planned for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QPushButton

from app import gguf
from app.llm import wished
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Power, Processor
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.survey import FindBuild
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.plans_view import PlansView
from app.llm.providers.local import describe
from app.llm.providers.local_plans import LocalPlans, Subject
from app.schema import EngineBuild, LoadedModel, LoadPlan, LoadProgress, LoadStage, ModelRef
from app.settings import Models, WishSetting
from app.ui.settings.hardware_facts import FactsField
from app.ui.settings.hardware_plan import PlanField
from app.ui.settings.hardware_use import UseField
from app.ui.settings.hardware_wishes import WishesField
from tests.fakes import shaped_models
from tests.fakes.provider import FakeProvider
from tests.ui.conftest import Desk, open_desk, until
from tests.ui.settings_use import Panel

GB = 1 << 30
ENGINE = "0.3.36"  # the version of llama.cpp's package
BUILD = EngineBuild("0.3.36", can_offload=False, backends=("CPU",))


def computer(
    free: float = 8, *cards: float, cores: int = 8, on_battery: bool | None = None
) -> Computer:
    """A computer with 16 GiB of memory, so many of them free, and cards with so many GiB."""
    return Computer(
        Processor(
            "Some Processor 9",
            architecture="x86_64",
            logical_cores=2 * cores,
            physical_cores=cores,
            performance_cores=cores,
            instruction_sets=frozenset({"AVX", "AVX2", "F16C"}),
        ),
        Memory(16 * GB, round(free * GB)),
        tuple(
            Gpu(f"Card {number}", total=round(card * GB), free=round(card * GB), is_usable=True)
            for number, card in enumerate(cards)
        )
        or (
            Gpu(
                "Radeon RX 7600",
                vendor="AMD",
                total=8 * GB,
                is_usable=False,
                reason="The installed llama.cpp was built without Vulkan.",
                remedy="Install Hearth's bundle with Vulkan.",
            ),
        ),
        Power(on_battery=on_battery, percent=67 if on_battery is not None else None),
    )


@dataclass
class FixedSurvey:
    """The facts as a test has them; it counts how often they were read afresh."""

    known: Computer = field(default_factory=computer)
    renewed: int = 0

    def now(self) -> Computer:
        return self.known

    def renew(self) -> Computer:
        self.renewed += 1
        return self.known


@dataclass
class PlannedProvider(FakeProvider):
    """Loads nothing, but as the plan says."""

    plans: LocalPlans | None = None
    made: list[LoadPlan] = field(default_factory=list)

    async def load(self, model: str, on_progress: Callable[[LoadProgress], None]) -> LoadedModel:
        assert self.plans is not None
        on_progress(LoadProgress(LoadStage.LOADING, 0.5))
        if self.load_hold is not None:
            await self.load_hold.wait()
        subject = Subject(gguf.read(Path(model)))
        made = self.plans.made(subject)
        self.made.append(made)
        self.loaded = model
        info = replace(describe(subject.header), ref=ModelRef("local", model))
        return LoadedModel(info, made.n_ctx, made.n_threads, plan=made)


class HardwarePanel(Panel):
    """The hardware section of a window whose computer is described."""

    def __init__(self, desk: Desk, survey: FixedSurvey, local: PlannedProvider) -> None:
        super().__init__(desk)
        self.survey = survey
        self.local = local

    @property
    def facts(self) -> FactsField:
        found = self.row("computer").field
        assert isinstance(found, FactsField)
        return found

    @property
    def plan(self) -> PlanField:
        found = self.row("plan").field
        assert isinstance(found, PlanField)
        return found

    @property
    def form(self) -> WishesField:
        found = self.row("wishes").field
        assert isinstance(found, WishesField)
        return found

    @property
    def use(self) -> UseField:
        found = self.row("use").field
        assert isinstance(found, UseField)
        return found

    @property
    def warning(self) -> str:
        label = self.part(QLabel, "outlookWarning")
        return "" if label.isHidden() else label.text()

    def offers(self, name: str) -> bool:
        """Whether a button is there."""
        return not self.part(QPushButton, name).isHidden()

    async def load(self, model: Path) -> None:
        await self.desk.services.manager.load(ModelRef("local", str(model)))

    async def until_reckoned(self) -> None:
        """What was typed has been reckoned with."""
        await until(lambda: not self.timers("wishes"))
        await until(lambda: not self.desk.services.tasks.running)

    def timers(self, key: str) -> list[int]:
        """The pauses of all timers in a row that run now."""
        found = self.row(key).findChildren(QTimer)
        return [timer.interval() for timer in found if timer.isActive()]

    def planned(self, name: str) -> str:
        """The value of a choice in the plan that is shown, "" for none."""
        return next((value for each, value, _ in self.plan.lines.texts() if each == name), "")

    def wishes(self, model: Path) -> WishSetting | None:
        """What is kept for a model."""
        return self.desk.settings.settings.models.wishes.get(str(model))


async def open_hardware(
    home: Path,
    known: Computer | None = None,
    build: FindBuild = lambda: BUILD,
    provider: type[PlannedProvider] = PlannedProvider,
) -> HardwarePanel:
    """The window, not yet at its settings; `build` is what llama.cpp tells.

    `provider` stands for the models in this process.
    """
    survey = FixedSurvey(known or computer())
    remembered = Remembered(home / "plans.json", ENGINE)
    desks: list[Desk] = []

    def models() -> Models:
        return desks[0].settings.settings.models

    plans = LocalPlans(
        survey,
        remembered,
        lambda path: wished.of_model(models(), path, lambda: survey.known.power.on_battery),
        KeptTunings(home / "tuned.json", ENGINE),
    )
    local = provider(models=[], plans=plans)
    view = PlansView(survey, remembered, build, models, plans=plans)
    desks.append(await open_desk(home, local=local, plans=view))
    return HardwarePanel(desks[0], survey, local)


def written_model(folder: Path, name: str = "qwen2") -> Path:
    """A model of some gigabytes by its header, with nothing in it."""
    return shaped_models.write(folder / f"{name}.gguf", name)
