"""The search for what is fastest, on computers whose speeds are known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.llm.optimizer.machine.records import Processor
from app.llm.optimizer.tuning.judging import MOST_NOISE
from app.llm.optimizer.tuning.search import AGAIN, RUNS, Search
from app.llm.optimizer.tuning.steps import Step
from app.llm.optimizer.wishes import Wishes
from app.llm.trials import Speed
from tests.fakes.simulated import ON_CARD, PLAN, Simulated, candidates, changes, planted, rugged

GRACE = 3.0  # seconds that a search may go on after its time


def search(computer: Simulated, *, has_cards: bool = False, **more: Any) -> Search:
    plan = ON_CARD if has_cards else PLAN
    return Search(plan, candidates(has_cards=has_cards, **more), computer.left)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("n_threads", 4),
        ("n_threads", 16),
        ("n_threads_batch", 16),
        ("n_ubatch", 128),
        ("n_ubatch", 256),
        ("n_batch", 512),
        ("flash_attention", False),
        ("type_k", "q8_0"),
        ("n_gpu_layers", 16),
        ("n_gpu_layers", 0),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_what_is_faster_is_found(setting: str, value: object, noise: float) -> None:
    has_cards = setting == "n_gpu_layers"
    fast = planted({(setting, value): 1.4})
    computer = Simulated(fast, prompt=2600.0, noise=noise, seed=3)
    trials, kept = computer.searched(search(computer, has_cards=has_cards))
    assert kept == len(trials) - 1 > 0
    assert changes(trials[kept].plan, trials[0].plan).pop(setting) == value
    assert trials[0].plan == (ON_CARD if has_cards else PLAN)
    assert trials[0].change == ""
    expected = {"type_k": {"type_v": "q8_0"}}.get(setting, {})
    assert changes(trials[kept].plan, trials[0].plan) == {setting: value, **expected}


def test_larger_steps_are_found_where_prompts_are_read_fast_enough() -> None:
    fast = planted({("n_ubatch", 2048): 1.3})
    computer = Simulated(fast, prompt=6000.0)
    trials, kept = computer.searched(search(computer))
    assert trials[kept].plan.n_ubatch == 2048


def test_several_things_that_help_are_put_together() -> None:
    fast = planted({("n_threads", 4): 1.5, ("n_threads_batch", 16): 1.4, ("n_ubatch", 256): 1.3})
    computer = Simulated(fast, prompt=2600.0, noise=0.01)
    trials, kept = computer.searched(search(computer))
    best = trials[kept]
    assert changes(best.plan, PLAN) == {"n_threads": 4, "n_threads_batch": 16, "n_ubatch": 256}
    assert best.change == "4 threads, 16 threads for the prompt, 256 tokens at once"
    told = [trial.change for trial in trials]
    assert AGAIN in told, "with which the caches were compared"
    assert told.count("") == 1
    assert best.prompt is not None
    assert best.generation is not None
    assert len(best.prompt.seconds) == len(best.generation.seconds) == RUNS
    assert trials[0].prompt is not None
    assert best.prompt.rate == pytest.approx(trials[0].prompt.rate * 1.4 * 1.3, rel=0.05)


def test_where_nothing_is_faster_the_plan_stays_and_everything_is_told() -> None:
    computer = Simulated(planted({("n_threads", 4): 0.9, ("n_ubatch", 64): 0.5}), noise=0.01)
    tried = search(computer)
    trials, kept = computer.searched(tried)
    assert kept == 0
    told = {trial.change for trial in trials}
    assert {"", "4 threads", "7 threads", "16 threads for the prompt", "64 tokens at once"} <= told
    assert {"flash attention off", "KV cache in q8_0", AGAIN} <= told
    assert trials == tuple(tried.trials)


def test_what_helps_one_thing_at_the_cost_of_another_is_not_kept() -> None:
    """The prompt is read twice as fast, and the answer written at two thirds."""

    def factor(name: str, value: object, is_prompt: bool) -> float:
        if (name, value) != ("flash_attention", False):
            return 1.0
        return 2.0 if is_prompt else 0.66

    computer = Simulated(factor, prompt=100.0)
    _, kept = computer.searched(search(computer))
    assert kept == 0


def test_what_is_hopeless_gets_one_run_and_what_is_close_gets_three() -> None:
    computer = Simulated(planted({("n_threads", 16): 0.4, ("n_threads", 7): 0.95}))
    computer.searched(search(computer))

    def runs(change: str) -> list[int]:
        return [one.test.runs for one in computer.steps if one.change == change]

    assert runs("16 threads") == [1]
    assert runs("7 threads") == [1, RUNS - 1]


def test_the_plan_with_a_full_cache_is_measured_once_for_all_that_turns_on_it() -> None:
    computer = Simulated()
    trials, _ = computer.searched(search(computer))
    assert [trial.change for trial in trials].count(AGAIN) == 1
    again = next(trial for trial in trials if trial.change == AGAIN)
    assert again.depth > 0


def test_a_cache_that_is_faster_is_confirmed_with_a_full_one() -> None:
    """With an empty cache its type makes no difference."""
    computer = Simulated(planted({("type_k", "q8_0"): 1.3}))
    trials, kept = computer.searched(search(computer))
    assert trials[kept].depth == trials[0].depth > 0
    usual = Simulated(planted({("n_threads", 4): 1.3}))
    trials, kept = usual.searched(search(usual))
    assert trials[kept].depth == trials[0].depth == 0


def test_the_plan_is_awaited_and_what_is_far_slower_is_not() -> None:
    computer = Simulated(planted({("n_threads", 16): 0.001}))
    trials, _ = computer.searched(search(computer))
    assert all(one.patience == math.inf for one in computer.steps if not one.change)
    slow = next(one for one in computer.steps if one.change == "16 threads")
    assert slow.patience < 6
    assert "16 threads" not in {trial.change for trial in trials}
    assert {"7 threads", "flash attention off"} <= {trial.change for trial in trials}


def test_only_layers_take_another_load_and_each_place_is_gone_to_once() -> None:
    computer = Simulated(planted({("n_threads", 4): 1.5}), load=1.0)
    computer.searched(search(computer, has_cards=True))
    assert computer.loads == 3 + 1, "to each of three places, and back"
    kept = Simulated(planted({("n_gpu_layers", 0): 1.5, ("n_threads", 4): 1.5}), load=1.0)
    trials, number = kept.searched(search(kept, has_cards=True))
    assert trials[number].plan.n_gpu_layers == 0
    assert kept.loads == 3 + 2, "the plan and the best once more"
    without = Simulated(rugged(1))
    without.searched(search(without))
    assert without.loads == 0


def test_how_many_ways_there_will_be_is_about_right() -> None:
    computer = Simulated()
    tried = search(computer)
    trials, _ = computer.searched(tried)
    assert len(trials) <= tried.expected() <= len(trials) + 2


def test_the_speed_is_foretold_for_each_way() -> None:
    computer = Simulated()
    asked = Search(
        PLAN, candidates(), computer.left, lambda plan: Speed(generation=float(plan.n_threads))
    )
    trials, _ = computer.searched(asked)
    assert [trial.predicted.generation for trial in trials] == [
        float(trial.plan.n_threads) for trial in trials
    ]


def test_what_the_person_has_set_stays() -> None:
    wishes = Wishes(threads=8, ubatch=512, flash_attention=True)
    computer = Simulated(rugged(5))
    computer.searched(search(computer, wishes=wishes))
    for step in computer.steps:
        assert {*changes(step.plan, PLAN)} <= {"n_threads_batch", "n_batch"}


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    noise=st.floats(0, 0.3),
    speed=st.tuples(st.floats(0.5, 1e5), st.floats(0.1, 1e3)),
    has_cards=st.booleans(),
    load=st.floats(0, 2),
)
def test_nothing_slower_than_the_plan_is_ever_kept_and_the_end_comes_in_time(
    seed: int, noise: float, speed: tuple[float, float], has_cards: bool, load: float
) -> None:
    computer = Simulated(
        rugged(seed), prompt=speed[0], generation=speed[1], noise=noise, seed=seed,
        load=load if has_cards else 0.0,
    )  # fmt: skip
    trials, kept = computer.searched(search(computer, has_cards=has_cards))
    best, plan = trials[kept].plan, trials[0].plan
    chance = (1 + noise) / (1 - noise)
    assert plan == (ON_CARD if has_cards else PLAN)
    if kept:
        assert computer.turn(best) < computer.turn(plan) * chance * 1.001
        for is_prompt in (True, False):
            least = computer.rate(plan, is_prompt=is_prompt) * (1 - MOST_NOISE) / chance
            assert computer.rate(best, is_prompt=is_prompt) > least * 0.999
    if any(step.change for step in computer.steps):  # else the plan alone has taken all the time
        assert computer.now < computer.seconds + GRACE + load


@pytest.mark.parametrize("has_cards", [False, True])
@pytest.mark.parametrize("lasts", [False, True])
def test_a_step_that_cannot_be_measured_ends_nothing(has_cards: bool, lasts: bool) -> None:
    """Wherever it is among the steps, and whether all that follow fail as well or none does."""
    fast = planted({("n_threads", 4): 1.5, ("n_ubatch", 256): 1.5, ("n_gpu_layers", 16): 1.5})
    whole = Simulated(fast)
    whole.searched(search(whole, has_cards=has_cards))
    for broken in range(len(whole.steps)):

        def fails(number: int, _step: Step, at: int = broken) -> bool:
            return number >= at if lasts else number == at

        computer = Simulated(fast, fails=fails)
        trials, kept = computer.searched(search(computer, has_cards=has_cards))
        if broken < 3 or not trials:
            assert (trials, kept) == ((), 0)
            continue
        assert trials[0].plan == (ON_CARD if has_cards else PLAN)
        assert 0 <= kept < len(trials)
        assert kept == 0 or computer.turn(trials[kept].plan) < computer.turn(trials[0].plan)


@pytest.mark.parametrize("speed", [1e-3, 0.3, 1e7])
def test_very_slow_and_very_fast_models_come_to_an_end(speed: float) -> None:
    computer = Simulated(rugged(2), prompt=speed * 10, generation=speed)
    trials, kept = computer.searched(search(computer))
    tokens = {step.test.tokens for step in computer.steps if step.test.is_prompt}
    if speed < 1:
        assert (len(trials), kept) == (1, 0), "there is time for the plan alone"
        assert tokens == {16}
    else:
        assert len(trials) > 10
        assert max(tokens) == 2048
        assert computer.now < 1


def test_a_large_model_on_a_laptop_is_tuned_in_time() -> None:
    """As 8 billion weights in four bits on four cores: nobody would wait for 512 tokens there."""
    computer = Simulated(
        planted({("n_threads", 4): 1.3}), prompt=25.0, generation=3.5, noise=0.02, seed=1
    )
    trials, kept = computer.searched(search(computer))
    assert changes(trials[kept].plan, PLAN) == {"n_threads": 4}
    assert computer.now < 55


def test_only_what_something_was_changed_for_is_measured_again() -> None:
    computer = Simulated(planted({("n_threads", 4): 1.3}))
    trials, kept = computer.searched(search(computer))
    again = [step for step in computer.steps if step.change == trials[kept].change]
    assert {step.test.is_prompt for step in again} == {False}
    assert trials[kept].prompt == trials[0].prompt
    assert trials[kept].generation != trials[0].generation


def test_a_load_that_takes_long_leaves_time_for_the_end() -> None:
    fast = planted({("n_gpu_layers", 24): 1.5})
    computer = Simulated(fast, load=9.0)
    trials, kept = computer.searched(search(computer, has_cards=True))
    assert trials[kept].plan.n_gpu_layers == 24
    assert computer.now < 55 + GRACE


def test_a_computer_with_one_core_has_its_steps_tried() -> None:
    single = Processor(physical_cores=1, logical_cores=1)
    plan = replace(PLAN, n_threads=1, n_threads_batch=1)
    computer = Simulated(planted({("n_ubatch", 128): 1.4}))
    trials, kept = computer.searched(Search(plan, candidates(single), computer.left))
    assert changes(trials[kept].plan, plan) == {"n_ubatch": 128}
    assert not [trial for trial in trials if "thread" in trial.change]
