"""Tuning where layers may lie on a graphics card: the model is loaded anew, and put back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.errors import ModelTooLarge, NoModel
from app.llm import trials
from app.llm.optimizer.tuning import search, steps
from app.llm.optimizer.wishes import Wishes
from app.llm.providers import local_tuning
from app.llm.state import Phase
from app.llm.trials import TuningProgress
from app.schema import LoadPlan
from tests.adapters.tuning_use import WITH_CARD, Here, even, faster, here


def is_moved(report: TuningProgress) -> bool:
    """A way with fewer layers on the card is being tried, and one was measured."""
    return "layers on the graphics card" in report.trying and len(report.trials) > 1


def places(world: Here) -> list[int]:
    """The layers on the card at each load; the tiny model has three."""
    return [plan.n_gpu_layers for plan in world.runner.loads]


async def test_each_place_is_loaded_once_and_the_model_put_back(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:
        tuning = await world.tuned()
        assert tuning.kept == 0
        assert places(world) == [-1, 2, 1, 0, -1]
        assert world.next_plan().n_gpu_layers == -1
        assert (await world.answer()).usage.generated_tokens == 6
        assert {trial.plan.n_gpu_layers for trial in tuning.trials} == {-1, 2, 1, 0}


async def test_the_best_place_is_kept_and_loaded(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_gpu_layers", 1), WITH_CARD) as world:
        tuning = await world.tuned()
        assert tuning.best.change.startswith("1 of 3 layers on the graphics card")
        assert places(world)[-1] == 1
        assert len(places(world)) <= 9
        loaded = world.manager.state.loaded
        assert loaded is not None
        assert loaded.plan is not None
        assert loaded.plan.n_gpu_layers == world.next_plan().n_gpu_layers == 1
        await world.answer()
        world.runner.loads.clear()
        assert (await world.tuned()).kept, "it begins at the plan without a tuning"
        assert places(world)[0] == -1


async def test_a_place_that_the_person_has_set_is_not_left(tiny: Path, tmp_path: Path) -> None:
    wishes = Wishes(gpu_layers=2)
    rate = faster("n_gpu_layers", 0)
    async with here(tiny, tmp_path, rate, WITH_CARD, wishes=wishes) as world:
        assert (await world.tuned()).kept == 0
        assert places(world) == [2]


async def test_a_place_without_room_is_passed_over(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_threads", 1), WITH_CARD) as world:
        world.runner.refuses = lambda plan: plan.n_gpu_layers in (2, 0)
        tuning = await world.tuned()
        assert tuning.kept
        tried = [trial.plan.n_gpu_layers for trial in tuning.trials]
        assert {*tried} == {-1, 1}
        assert places(world)[:5] == [-1, 2, 1, 0, -1]
        await world.answer()


async def test_a_search_that_is_given_up_elsewhere_puts_the_model_back(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:
        await world.begin(until=is_moved)
        assert places(world) == [-1, 2, -1]
        assert world.kept() is None
        assert (await world.answer()).usage.generated_tokens == 6
        assert places(world) == [-1, 2, -1], "it was there"


async def test_a_load_that_is_cancelled_leaves_the_model_as_it_was(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:
        task = asyncio.ensure_future(world.tuned())
        while not any(report.trials for report in world.reports):
            await asyncio.sleep(0.005)
        world.runner.hold = asyncio.Event()
        while len(world.runner.loads) < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        while len(world.runner.loads) < 3:  # it is being put back
            await asyncio.sleep(0.005)
        world.runner.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert places(world) == [-1, 2, -1]
        assert (await world.answer()).usage.generated_tokens == 6
        assert world.kept() is None


async def test_a_model_that_cannot_be_put_back_is_loaded_when_it_is_asked(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:

        async def fill_memory() -> None:
            world.runner.refuses = lambda _plan: True

        with pytest.raises(ModelTooLarge):
            await world.interrupted(is_moved, fill_memory)
        assert world.provider.loaded is None
        world.runner.refuses = lambda _plan: False
        assert (await world.answer()).usage.generated_tokens == 6
        assert world.provider.loaded == world.ref.model


async def test_a_model_that_is_unloaded_elsewhere_is_not_put_back(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:

        async def unload() -> None:
            await world.manager.unload()

        with pytest.raises(NoModel):
            await world.interrupted(is_moved, unload)
        assert places(world) == [-1, 2]
        assert world.manager.state.phase is Phase.IDLE
        await world.begin(until=is_moved)
        await world.manager.unload()
        assert not world.manager.holds_memory


async def test_a_model_that_is_unloaded_and_given_up_elsewhere_is_no_error(
    tiny: Path, tmp_path: Path
) -> None:
    """Who closes the search hears of nothing."""
    async with here(tiny, tmp_path, computer=WITH_CARD) as world:
        reports = world.speedometer.tune(world.ref)
        async for report in reports:
            if is_moved(report):
                break
        await world.manager.unload()
        await reports.aclose()
        assert places(world) == [-1, 2]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long."""
    monkeypatch.setattr(local_tuning, "GRACE", 0.0)
    monkeypatch.setattr(search, "RUN_SECONDS", 0.02)
    monkeypatch.setattr(steps, "BEGINNING", 0.1)


def quick(plan: LoadPlan, test: trials.Test) -> float:
    return 10 * even(plan, test)


@pytest.mark.usefixtures("short")
async def test_the_time_ends_a_search_in_the_middle_of_a_load(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, quick, WITH_CARD, seconds=2.0) as world:

        async def hold() -> None:
            world.runner.hold = asyncio.Event()

        task = asyncio.ensure_future(
            world.interrupted(lambda report: len(report.trials) == 1, hold)
        )
        while len(world.runner.loads) < 3:  # it is being put back
            await asyncio.sleep(0.005)
        assert world.runner.hold is not None
        world.runner.hold.set()
        await task
        assert places(world) == [-1, 2, -1]
        kept = world.kept()
        assert kept is not None
        assert [trial.change for trial in kept.trials] == [""]
        assert (await world.answer()).usage.generated_tokens == 6


@pytest.mark.usefixtures("short")
async def test_a_way_that_is_far_too_slow_is_given_up(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, quick, WITH_CARD) as world:
        world.runner.stalls = lambda plan: plan.n_gpu_layers == 1
        tuning = await world.tuned()
        assert {trial.plan.n_gpu_layers for trial in tuning.trials} == {-1, 2, 0}
        assert places(world) == [-1, 2, 1, 0, -1]
        assert (await world.answer()).usage.generated_tokens == 6
