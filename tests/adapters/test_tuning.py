"""Tuning a real model: what is found is kept and used, and whatever ends it leaves a chat."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from app import wording
from app.errors import GenerationError, NoModel
from app.llm import trials
from app.llm.idle import IdleUnload
from app.llm.optimizer.tuned import NAMES
from app.llm.optimizer.tuning import search
from app.llm.optimizer.wishes import Wishes
from app.llm.providers import local_tuning
from app.llm.speedometer import Speedometer
from app.llm.state import Phase
from app.llm.trials import TuningProgress
from app.schema import LoadPlan, ModelRef
from tests.adapters.managing import LOCAL, ONE, Managed
from tests.adapters.tuning_use import ONE_CORE, even, faster, here
from tests.fakes.provider import FakeProvider
from tests.fakes.servers.http import FakeServer


def settings(plan: LoadPlan) -> dict[str, object]:
    return {name: getattr(plan, name) for name in NAMES}


def only_answers_by_one(plan: LoadPlan, test: trials.Test) -> float:
    """Answers are written twice as fast by one thread; prompts are read as fast by any number."""
    return even(plan, test) * (1 if test.is_prompt or plan.n_threads > 1 else 2)


def is_under_way(report: TuningProgress) -> bool:
    """Something else than the plan is being tried."""
    return len(report.trials) > 1


async def test_a_real_search_ends_with_what_is_used_from_then_on(
    any_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fast as this machine happens to be, whatever that means for the outcome."""
    monkeypatch.setattr(search, "RUN_SECONDS", 0.02)
    async with here(any_model, tmp_path, None, ONE_CORE) as world:
        tuning = await world.tuned()
        assert world.kept() == tuning
        assert settings(world.next_plan()) == settings(tuning.best.plan)
        assert tuning.model == str(any_model)
        planned = tuning.planned
        assert planned.prompt is not None
        assert planned.generation is not None
        assert min(planned.prompt.rate, planned.generation.rate) > 1
        assert (await world.answer()).usage.generated_tokens > 0
        loaded = world.manager.state.loaded
        assert loaded is not None
        assert loaded.plan is not None
        assert settings(loaded.plan) == settings(tuning.best.plan)


async def test_the_best_is_kept_and_the_model_is_loaded_with_it(
    any_model: Path, tmp_path: Path
) -> None:
    async with here(any_model, tmp_path, only_answers_by_one) as world:
        tuning = await world.tuned()
        assert tuning.kept
        assert tuning.best.change == "1 thread"
        assert world.kept() == tuning
        first, *others = world.runner.loads
        assert first.n_threads == 2
        assert [plan.n_threads for plan in others] == [1], "it was loaded once more, in the end"
        loaded = world.manager.state.loaded
        assert loaded is not None
        assert loaded.threads == 1
        assert loaded.plan is not None
        assert replace(world.next_plan(), extra_buffers=False) == loaded.plan
        why = next(one.sentence for one in loaded.plan.reasons if one.choice == "n_threads")
        day = wording.full_day(tuning.day)
        assert why == f"1 thread: the fastest that was measured here on {day}."
        await world.answer()


async def test_the_search_is_told_as_it_goes_on(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_ubatch", 16)) as world:
        tuning = await world.tuned()
        fractions = [report.fraction for report in world.reports]
        assert fractions[0] == 0.0
        assert fractions == sorted(fractions)
        assert max(fractions[:-1]) < 1.0 == fractions[-1]
        assert [report.tuning is None for report in world.reports] == [True] * (
            len(world.reports) - 1
        ) + [False]
        tried = [report.trying for report in world.reports]
        assert tried[0] == local_tuning.THE_PLAN
        assert {"1 thread", "1 thread for the prompt", "flash attention off"} <= {*tried}
        assert tried[-1] == ""
        counts = [len(report.trials) for report in world.reports]
        assert counts == sorted(counts)
        assert world.reports[-1].trials == tuning.trials


async def test_where_nothing_is_faster_the_model_stays_as_it_is_loaded(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path) as world:
        tuning = await world.tuned()
        assert tuning.kept == 0
        assert world.kept() == tuning, "it need not be tried again"
        assert len(world.runner.loads) == 1
        assert replace(world.next_plan(), extra_buffers=False) == world.runner.loads[0]


async def test_an_earlier_outcome_that_holds_no_more_is_given_up(
    tiny: Path, tmp_path: Path
) -> None:
    async with here(tiny, tmp_path, faster("n_threads", 1)) as world:
        assert (await world.tuned()).kept
        world.runner.rate = even
        assert (await world.tuned()).kept == 0
        assert [plan.n_threads for plan in world.runner.loads] == [2, 1, 2]
        assert world.next_plan().n_threads == 2


async def test_what_the_person_has_set_is_not_touched(tiny: Path, tmp_path: Path) -> None:
    wishes = Wishes(threads=2, flash_attention=True)
    async with here(tiny, tmp_path, faster("n_threads", 1), wishes=wishes) as world:
        assert (await world.tuned()).kept == 0
        assert {(plan.n_threads, plan.flash_attention) for plan in world.runner.benched} == {
            (2, True)
        }


async def test_weights_are_repacked_only_where_this_machine_can(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_threads", 1)) as world:
        await world.tuned()
        plans = [*world.runner.loads, *world.runner.benched]
        assert not any(plan.extra_buffers for plan in plans)


# What ends a search


async def test_a_search_that_is_given_up_keeps_nothing_and_the_chat_goes_on(
    parrot: Path, tmp_path: Path
) -> None:
    async with here(parrot, tmp_path, faster("n_threads", 1)) as world:
        await world.begin(until=is_under_way)
        before = await world.answer("hello")
        await world.begin(until=is_under_way)
        assert world.kept() is None
        assert world.manager.state.phase is Phase.READY
        assert world.provider.loaded == world.ref.model
        assert not world.manager.is_answering
        assert (await world.answer("hello")).reason is before.reason
        assert {plan.n_threads for plan in world.runner.loads} == {2}


async def test_a_measurement_is_cancelled_with_its_task(slow: Path, tmp_path: Path) -> None:
    """In the middle of it, as the window does it."""
    begun = asyncio.Event()

    def endless(_plan: LoadPlan, test: trials.Test) -> float:
        begun.set()
        return 1e6 if test.is_prompt else 10.0  # so that many tokens are taken

    async with here(slow, tmp_path, endless) as world:
        task = asyncio.ensure_future(world.tuned())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.kept() is None
        assert len(world.runner.loads) == 1
        assert (await world.answer()).usage.generated_tokens == 6


async def test_an_answer_comes_between_two_measurements(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_threads", 1)) as world:
        async with aclosing(world.speedometer.tune(world.ref)) as reports:
            async for report in reports:
                if len(report.trials) in (1, 3):
                    assert (await world.answer()).usage.generated_tokens == 6
        assert world.kept() is not None


async def test_a_model_that_is_unloaded_ends_its_search(tiny: Path, tmp_path: Path) -> None:
    async with here(tiny, tmp_path, faster("n_threads", 1)) as world:

        async def unload() -> None:
            await world.manager.unload()

        with pytest.raises(NoModel) as caught:
            await world.interrupted(is_under_way, unload)
        assert caught.value.remedy
        assert world.kept() is None
        assert world.manager.state.phase is Phase.IDLE
        assert (await world.answer()).usage.generated_tokens == 6


async def test_another_model_is_never_measured_in_its_place(
    tiny: Path, parrot: Path, tmp_path: Path
) -> None:
    other, measured = ModelRef("local", str(parrot)), 0
    async with here(tiny, tmp_path, faster("n_threads", 1)) as world:

        async def load_other() -> None:
            nonlocal measured
            await world.manager.load(other)
            measured = len(world.runner.benched)

        with pytest.raises(NoModel):
            await world.interrupted(is_under_way, load_other)
        assert len(world.runner.benched) == measured
        assert world.kept() is None
        assert world.manager.state.ref == other
        await world.answer()


async def test_a_model_at_a_server_is_not_tuned(both: Managed, second: FakeServer) -> None:
    for ref in (ONE, LOCAL):  # nor one of a provider that cannot
        with pytest.raises(NoModel) as caught:
            await anext(Speedometer(both.manager).tune(ref))
        assert "server" in caught.value.message
        assert caught.value.remedy
        with pytest.raises(NoModel):
            await anext(Speedometer(both.manager).bench(ref, [trials.Test(8, is_prompt=True)]))
    assert both.manager.state.phase is Phase.NOTHING, "it was not even made ready"
    assert isinstance(both.local, FakeProvider)
    assert both.local.loaded is None


async def test_idleness_does_not_unload_a_model_that_is_tuned(tiny: Path, tmp_path: Path) -> None:
    now = 0.0
    async with here(tiny, tmp_path) as world:
        idle = IdleUnload(world.manager, lambda: 1, clock=lambda: now)
        async with aclosing(world.speedometer.tune(world.ref)) as reports:
            async for _ in reports:
                now += 3600
                await idle.look()
                assert world.manager.holds_memory
        assert world.kept() is not None
        now += 3600
        await idle.look()
        assert not world.manager.holds_memory, "afterwards it does"
        await idle.aclose()


async def test_where_not_even_the_plan_can_be_measured_in_time_it_is_said(
    slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_tuning, "GRACE", 0.0)
    async with here(slow, tmp_path, seconds=0.01) as world:
        with pytest.raises(GenerationError, match="Not even the plan itself"):
            await world.tuned()
        assert world.kept() is None
        assert len(world.runner.loads) == 1
        await world.answer()


async def test_a_bench_gives_the_runs_of_each_test(any_model: Path, tmp_path: Path) -> None:
    tests = [trials.Test(16, is_prompt=True, runs=2), trials.Test(4, is_prompt=False, runs=3)]
    async with here(any_model, tmp_path, rate=None) as world:
        heard = [one async for one in world.speedometer.bench(world.ref, tests, threads=1)]
        assert [(test.name, len(runs.seconds)) for test, runs in heard] == [
            ("pp16", 1), ("pp16", 2), ("tg4", 1), ("tg4", 2), ("tg4", 3),
        ]  # fmt: skip
        assert all(runs.rate > 0 for _, runs in heard)
        assert {plan.n_threads for plan in world.runner.benched} == {1}
        assert not world.manager.is_answering
