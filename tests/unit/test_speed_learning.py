"""The window foretells speeds by what is known, and learns the rest when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.llm.manager import LLMManager
from app.llm.optimizer.machine.records import Computer, Memory, Processor
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.speed.rates_book import RatesBook
from app.llm.plans_view import PlansView
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.rates import ProbeOrder, Rates
from app.llm.registry import Registry
from app.llm.state import Phase
from app.llm.trials import NO_SPEED
from app.schema import LoadedModel, ModelInfo, ModelRef
from app.settings import Models, WishSetting
from tests.fakes import shaped_models
from tests.fakes.provider import INFO, FakeProvider

GB = 1 << 30
HERE = Computer(
    Processor(physical_cores=8, logical_cores=16, performance_cores=8), Memory(64 * GB, 60 * GB)
)


class Told:
    def now(self) -> Computer:
        return HERE

    def renew(self) -> Computer:
        return HERE


class World:
    """A window's view of a computer that reaches so much with each thread."""

    def __init__(self, folder: Path, *, can_measure: bool = True) -> None:
        self.orders: list[ProbeOrder] = []
        self.can_measure = can_measure
        book = RatesBook(folder / "speeds.json", "0", self._measure, work=lambda: 0.0)
        remembered = Remembered(folder / "plans.json", "0")
        self.plans = LocalPlans(Told(), remembered, book=book)
        self.view = PlansView(Told(), remembered, lambda: None, Models, plans=self.plans)

    def _measure(self, order: ProbeOrder) -> Sequence[Rates]:
        self.orders.append(order)
        speed = 1e9 * order.threads[0]
        kinds, heads = dict.fromkeys(order.kinds, speed), dict.fromkeys(order.heads, speed)
        return [Rates(order.threads[0], kinds, kinds, kinds, heads)] if self.can_measure else []


@pytest.fixture(scope="module")
def ref(tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    """A Qwen2, by its header."""
    path = tmp_path_factory.mktemp("models") / "qwen.gguf"
    return ModelRef("local", str(shaped_models.write(path, "qwen2", layers=4)))


def test_a_speed_is_foretold_once_the_computer_is_known(tmp_path: Path, ref: ModelRef) -> None:
    world = World(tmp_path)
    bench = world.view.open(ref, None)
    usual = bench.outlook(WishSetting())
    assert usual.speed == NO_SPEED
    assert world.orders == [], "a look measures nothing"
    assert usual.made is not None
    assert bench.learn(usual.made)
    assert [order.threads for order in world.orders] == [(8,)]
    assert not bench.learn(usual.made), "it is known now"
    assert len(world.orders) == 1
    known = bench.outlook(WishSetting()).speed
    assert known.generation is not None
    assert known.prompt is not None
    assert bench.outlook(WishSetting(context=16_384)).speed == known


def test_fewer_threads_are_foretold_to_be_slower(tmp_path: Path, ref: ModelRef) -> None:
    bench = World(tmp_path).view.open(ref, None)
    speeds = []
    for threads in (8, 4):
        made = bench.outlook(WishSetting(threads=threads, threads_batch=threads)).made
        assert made is not None
        assert bench.learn(made)
        speeds.append(bench.predict(made, measures=False))
    many, few = speeds
    assert many.generation is not None
    assert many.prompt is not None
    assert few.generation == pytest.approx(many.generation / 2)
    assert few.prompt == pytest.approx(many.prompt / 2)


def test_the_loaded_model_has_its_speed_foretold_too(tmp_path: Path, ref: ModelRef) -> None:
    world = World(tmp_path)
    made = world.view.open(ref, None).outlook(WishSetting()).made
    assert made is not None
    loaded = LoadedModel(ModelInfo(ref, "Qwen"), made.n_ctx, made.n_threads, plan=made)
    bench = world.view.open(ref, loaded)
    assert bench.present().speed == NO_SPEED
    bench.learn(made)
    assert bench.present().speed == bench.outlook(WishSetting()).speed != NO_SPEED


def test_where_nothing_can_be_measured_nothing_is_foretold(tmp_path: Path, ref: ModelRef) -> None:
    world = World(tmp_path, can_measure=False)
    bench = world.view.open(ref, None)
    made = bench.outlook(WishSetting()).made
    assert made is not None
    assert [bench.learn(made) for _ in range(2)] == [False, False]
    assert len(world.orders) == 1
    assert bench.outlook(WishSetting()).speed == NO_SPEED


def test_without_a_book_nothing_is_known(tmp_path: Path, ref: ModelRef) -> None:
    remembered = Remembered(tmp_path / "plans.json", "0")
    plans = LocalPlans(Told(), remembered)
    view = PlansView(Told(), remembered, lambda: None, Models)
    bench = view.open(ref, None)
    made = bench.outlook(WishSetting()).made
    assert made is not None
    assert plans.predicted(Subject(bench.subject.header), made) == NO_SPEED
    assert not bench.learn(made)
    assert view.tuned(ref.model) is None
    assert view.outdated(ref.model) == ""
    view.forget_tuning(ref.model)


# The manager, while something is measured


async def test_what_is_occupied_counts_as_answering() -> None:
    manager = LLMManager(Registry({"fake": FakeProvider()}))
    with manager.occupied(), manager.occupied():
        assert manager.is_answering
    assert not manager.is_answering
    with pytest.raises(RuntimeError), manager.occupied():
        raise RuntimeError
    assert not manager.is_answering


async def test_only_the_selected_model_is_loaded_anew() -> None:
    provider = FakeProvider()
    manager = LLMManager(Registry({"fake": provider}))
    await manager.load(INFO.ref)
    phases: list[Phase] = []
    manager.subscribe(lambda state: phases.append(state.phase))
    await manager.reload(replace(INFO.ref, model="/models/other.gguf"))
    assert phases == []
    await manager.reload(INFO.ref)
    assert phases[0] is Phase.IDLE
    assert phases[-1] is Phase.READY
    assert provider.loaded == INFO.ref.model
