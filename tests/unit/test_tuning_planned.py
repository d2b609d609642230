"""From the search to the next load: what was kept is planned, seen, forgotten and outdated."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import gguf, wording
from app.llm.optimizer import planning
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.planning import ALONE, plan
from app.llm.optimizer.remembered import Remembered
from app.llm.optimizer.room import NOTHING_RELEASED
from app.llm.optimizer.tuned import NOT_TUNED, Tuned
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.optimizer.wishes import NO_WISHES, Wishes
from app.llm.plans_view import PlansView
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.trials import Runs, Trial, Tuning
from app.schema import ModelRef
from app.settings import Models, WishSetting
from tests.fakes import shaped_models
from tests.fakes.headers import dense
from tests.fakes.simulated import Simulated, changes, rugged

GB = 1 << 30
SMALL = dense(layers=6, kv_heads=32)


def computer(free: float = 64, *cards: float) -> Computer:
    """64 GiB of memory, so many of them free, eight cores, and cards with so many GiB."""
    return Computer(
        Processor(logical_cores=16, physical_cores=8, performance_cores=8),
        Memory(64 * GB, round(free * GB)),
        tuple(
            Gpu(f"Card {at}", total=round(size * GB), free=round(size * GB), is_usable=True)
            for at, size in enumerate(cards)
        ),
    )


@cache
def needed() -> float:
    """The GiB with which the model is loaded as it should be, the system's margin among them."""
    wanted = planning.settings_of(plan(computer(), SMALL))
    return planning.measured(SMALL, ALONE, wanted).total / GB + 0.3


class Told:
    """The facts, as a test has them."""

    def __init__(self, known: Computer) -> None:
        self.known = known

    def now(self) -> Computer:
        return self.known

    def renew(self) -> Computer:
        return self.known


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of 4.6 GB, by its header."""
    return shaped_models.write(tmp_path_factory.mktemp("models") / "qwen.gguf", "qwen2")


def local_plans(folder: Path, known: Computer, wishes: Wishes = NO_WISHES) -> LocalPlans:
    return LocalPlans(
        Told(known),
        Remembered(folder / "plans.json", "0"),
        lambda _model: wishes,
        KeptTunings(folder / "tuned.json", "0"),
    )


WANTED = [
    Wishes(),
    Wishes(quiet=True),
    Wishes(less_memory=True),
    Wishes(threads=3, type_k="q8_0"),
    Wishes(flash_attention=True, gpu_layers=20),
    Wishes(type_k="q8_0"),
    Wishes(optimize=False),
    Wishes(context=32_768, batch=1024),
]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cards=st.sampled_from([(), (24.0,), (2.2,), (2.0, 1.7), (1.0,)]),
    spare=st.sampled_from([60.0, 1.0, 0.1, -0.6]),
    wishes=st.sampled_from(WANTED),
)
def test_the_next_load_is_as_the_search_has_found_it(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    cards: tuple[float, ...],
    spare: float,
    wishes: Wishes,
) -> None:
    """Whatever is kept is what a plan is then, and no context is given for it."""
    here = computer(needed() + spare, *cards)
    plans, subject = local_plans(tmp_path_factory.mktemp("data"), here, wishes), Subject(SMALL)
    before = plans.made(subject)
    reckoned = Simulated(rugged(seed, 0.8, 1.4), prompt=900.0)
    search = plans.search(subject, before, NOTHING_RELEASED, reckoned.left)
    trials, kept = reckoned.searched(search)
    assert replace(trials[0].plan, reasons=before.reasons) == before
    tuning = plans.keep(subject, trials, kept)
    assert tuning is not None
    after = plans.made(subject)
    differing = {*changes(after, trials[kept].plan)}
    if wishes.quiet and after.n_gpu_layers != before.n_gpu_layers:
        differing -= {"n_threads", "n_threads_batch"}  # half of the cores, which more is up to now
    assert not differing
    assert after.n_ctx >= before.n_ctx
    if kept:
        assert any("measured here" in reason.sentence for reason in after.reasons)


def test_a_search_begins_at_the_plan_without_an_earlier_tuning(tmp_path: Path, model: Path) -> None:
    plans, subject = local_plans(tmp_path, computer()), Subject(gguf.read(model))
    usual = replace(plans.made(subject), reasons=())
    faster = (Trial("", usual), Trial("4 threads", replace(usual, n_threads=4)))
    plans.keep(subject, faster, 1)
    loaded = replace(plans.made(subject), extra_buffers=False)
    assert loaded.n_threads == 4
    first = next(plans.search(subject, loaded, NOTHING_RELEASED, lambda: 50.0).run())
    assert first.plan == replace(usual, extra_buffers=False), "as it can be loaded here"


def test_the_shares_of_cards_stay_as_they_are_loaded(tmp_path: Path, model: Path) -> None:
    plans, subject = local_plans(tmp_path, computer(64, 12, 24)), Subject(gguf.read(model))
    loaded = replace(plans.made(subject), tensor_split=(0.4, 0.6))
    search = plans.search(subject, loaded, NOTHING_RELEASED, lambda: 50.0)
    assert next(search.run()).plan.tensor_split == (0.4, 0.6), "else it would be loaded anew"


def test_what_could_not_be_measured_is_not_kept(tmp_path: Path, model: Path) -> None:
    plans, subject = local_plans(tmp_path, computer()), Subject(gguf.read(model))
    assert plans.keep(subject, (), 0) is None
    assert plans.tuning(subject.header) is None
    assert not (tmp_path / "tuned.json").exists()


def test_the_window_sees_forgets_and_takes_back_a_tuning(tmp_path: Path, model: Path) -> None:
    here = computer()
    plans = local_plans(tmp_path, here)
    view = PlansView(
        Told(here), Remembered(tmp_path / "plans.json", "0"), lambda: None, Models, plans=plans
    )
    subject, path = Subject(gguf.read(model)), str(model)
    assert view.tuned(path) is None
    assert view.outdated(path) == ""
    usual = replace(plans.made(subject), reasons=())
    ways = (Trial("", usual, Runs(9, (1.0,))), Trial("2 threads", replace(usual, n_threads=2)))
    kept = plans.keep(subject, ways, 1)
    assert isinstance(kept, Tuning)
    assert view.tuned(path) == kept
    bench = view.open(ModelRef("local", path), None)
    assert bench.tuned == Tuned(threads=2, day=kept.day)
    outlook = bench.outlook(WishSetting())
    assert outlook.made == plans.made(subject)
    assert outlook.made is not None
    assert outlook.made.n_threads == 2
    view.forget_tuning(path)
    assert view.tuned(path) is None
    assert view.open(ModelRef("local", path), None).tuned == NOT_TUNED
    view.keep_tuning(kept)
    assert view.tuned(path) == kept


@pytest.mark.parametrize(
    ("engine", "known", "changed"),
    [
        ("1", computer(), "llama.cpp"),
        ("0", replace(computer(), processor=Processor(physical_cores=4)), "this computer"),
        ("1", replace(computer(), processor=Processor(physical_cores=4)), "this computer"),
    ],
)
def test_a_tuning_of_another_engine_or_computer_is_told_of(
    tmp_path: Path, model: Path, engine: str, known: Computer, changed: str
) -> None:
    plans, subject = local_plans(tmp_path, computer()), Subject(gguf.read(model))
    plans.keep(subject, (Trial("", replace(plans.made(subject), reasons=())),), 0)
    day = (plans.tuning(subject.header) or pytest.fail("it is kept")).day
    later = LocalPlans(
        Told(known),
        Remembered(tmp_path / "plans.json", engine),
        tunings=KeptTunings(tmp_path / "tuned.json", engine),
    )
    view = PlansView(
        Told(known), Remembered(tmp_path / "p.json", engine), lambda: None, Models, plans=later
    )
    said = view.outdated(str(model))
    assert said.startswith(f"Since this model was tuned on {wording.full_day(day)}, {changed}")
    assert later.made(subject) == LocalPlans(
        Told(known), Remembered(tmp_path / "plans.json", engine)
    ).made(subject), "it is planned as if it had never been tuned"
    view.forget_tuning(str(model))
    assert view.outdated(str(model)) == ""
