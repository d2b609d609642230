"""Models and computers that are compared, in the words of the tests."""

import dataclasses
from pathlib import Path

from app import gguf
from app.llm.load_ways import WAYS
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.plans_view import PlansView
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.wished import of_model
from app.schema import EngineBuild, LoadedModel, LoadPlan, ModelInfo, ModelRef
from app.settings import Models

GB = 1 << 30
ENGINE = "0.3.36"  # the version of llama.cpp's package
BUILD = EngineBuild(ENGINE, can_offload=True, backends=("CPU",))
SMALL, USUAL, LARGE, TRAINED = WAYS[1:5]
F16, Q8, Q4, THRIFTY = WAYS[5:]


def computer(free: float = 12, *cards: float) -> Computer:
    """16 GiB of memory, so many of them free, and cards with so many GiB."""
    return Computer(
        Processor(physical_cores=8, logical_cores=16, performance_cores=8),
        Memory(16 * GB, round(free * GB)),
        tuple(
            Gpu(f"Card {at}", total=round(size * GB), free=round(size * GB), is_usable=True)
            for at, size in enumerate(cards)
        ),
    )


@dataclasses.dataclass
class Told:
    """The facts, as a test has them."""

    known: Computer

    def now(self) -> Computer:
        return self.known

    def renew(self) -> Computer:
        return self.known


def tunings(home: Path) -> KeptTunings:
    """What was found to be fastest."""
    return KeptTunings(home / "tuned.json", ENGINE)


def view(home: Path, known: Computer, models: Models) -> PlansView:
    """What the window is told, without anything that measures."""
    told, remembered = Told(known), Remembered(home / "p.json", ENGINE)
    plans = LocalPlans(told, remembered, tunings=tunings(home))
    return PlansView(told, remembered, lambda: BUILD, lambda: models, plans=plans)


def planned(home: Path, known: Computer, models: Models, path: Path) -> LoadPlan:
    """The plan that a load would have."""
    plans = LocalPlans(
        Told(known), Remembered(home / "p.json", ENGINE), lambda one: of_model(models, one, bool)
    )
    return plans.made(Subject(gguf.read(path)))


def loaded(plan: LoadPlan) -> LoadedModel:
    """A model that is loaded as it was planned."""
    info = ModelInfo(ModelRef("local", plan.path), "Loaded")
    return LoadedModel(info, plan.n_ctx, plan.n_threads, plan=plan)
