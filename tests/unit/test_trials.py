"""Measured speeds: their rates, the names of tests, and what a search has kept."""

from __future__ import annotations

import statistics

import pytest

from app.llm import trials
from app.llm.optimizer.tuning.judging import LEAST_NOISE, MOST_NOISE, Judge, joined
from app.llm.trials import Runs, Trial, Tuning
from app.schema import LoadPlan

PLAN = LoadPlan("/models/some.gguf", 8192, 8, 8)


@pytest.mark.parametrize(
    ("test", "name"),
    [
        (trials.Test(512, is_prompt=True), "pp512"),
        (trials.Test(128, is_prompt=False), "tg128"),
        (trials.Test(128, is_prompt=False, runs=5, depth=1024), "tg128 @ d1024"),
        (trials.Test(64, is_prompt=True, depth=32), "pp64 @ d32"),
    ],
)
def test_tests_have_the_names_that_the_benchmark_of_llama_has(test: trials.Test, name: str) -> None:
    assert test.name == name


def test_rates_are_tokens_per_second_and_the_middle_one_counts() -> None:
    runs = Runs(100, (1.0, 2.0, 10.0))
    assert runs.rates == (100.0, 50.0, 10.0)
    assert runs.rate == 50.0
    assert runs.mean == pytest.approx(160 / 3)
    assert runs.deviation == pytest.approx(statistics.stdev([100, 50, 10]))


@pytest.mark.parametrize(
    ("seconds", "rate", "deviation"),
    [((), 0.0, 0.0), ((0.0,), 0.0, 0.0), ((2.0,), 50.0, 0.0), ((0.0, 2.0), 50.0, 0.0)],
)
def test_runs_without_a_time_count_for_nothing(
    seconds: tuple[float, ...], rate: float, deviation: float
) -> None:
    runs = Runs(100, seconds)
    assert (runs.rate, runs.mean, runs.deviation) == (rate, rate, deviation)


def test_a_tuning_knows_the_plan_and_the_best() -> None:
    tried = (Trial("", PLAN), Trial("4 threads", PLAN), Trial("16 threads", PLAN))
    kept = Tuning("/models/some.gguf", "0.3", "abc", "2026-01-31", tried, kept=1)
    assert kept.planned.change == ""
    assert kept.best.change == "4 threads"
    assert Tuning("/models/some.gguf", "0.3", "abc", "2026-01-31", tried).best is tried[0]


# Which of two is faster


def trial(prompt: float | None, generation: float | None, *more: float) -> Trial:
    """With such rates; `more` are those of further runs of the answer."""
    read = None if prompt is None else Runs(100, (100 / prompt,))
    if generation is None:
        return Trial("", PLAN, read)
    return Trial("", PLAN, read, Runs(100, tuple(100 / one for one in (generation, *more))))


@pytest.mark.parametrize(
    ("one", "other", "is_faster"),
    [
        ((100, 10), (100, 10), False),
        ((100, 10.2), (100, 10), False),  # that is chance
        ((100, 10.6), (100, 10), True),
        ((140, 10), (100, 10), True),  # nothing is lost
        ((106, 9.7), (100, 10), False),  # the turn takes longer
        ((140, 9.8), (100, 10), True),  # and it does not
        ((300, 9.0), (100, 10), False),
        ((98, 10.6), (100, 10), True),
        ((90, 20), (100, 10), False),  # slower in something
        ((None, 11), (100, 10), True),  # what was not measured does not matter
        ((110, None), (100, 10), True),
        ((110, None), (None, 10), False),  # nothing can be compared
        ((None, None), (100, 10), False),
    ],
)
def test_faster_is_what_gains_something_and_loses_nothing(
    one: tuple[float | None, float | None],
    other: tuple[float | None, float | None],
    is_faster: bool,
) -> None:
    judge = Judge(noise=0.04)
    assert judge.is_faster(trial(*one), trial(*other)) is is_faster


def test_what_took_no_time_is_not_faster() -> None:
    nothing = Trial("", PLAN, Runs(100, (0.0,)), Runs(100, (0.0,)))
    assert not Judge(0.03).is_faster(nothing, trial(100, 10))
    assert not Judge(0.03).is_faster(trial(100, 10), nothing)


def test_chance_is_as_large_as_the_runs_differ_within_reason() -> None:
    assert Judge.by(trial(100, 10)).noise == LEAST_NOISE
    assert Judge.by(trial(100, 10, 10.3, 10.6)).noise == pytest.approx(0.058, abs=0.001)
    assert Judge.by(trial(100, 10, 20, 40)).noise == MOST_NOISE
    assert Judge.by(trial(None, None)).noise == LEAST_NOISE


def test_runs_are_joined_and_what_is_missing_adds_nothing() -> None:
    one, two = Runs(10, (1.0,)), Runs(10, (2.0, 3.0))
    assert joined(one, two) == Runs(10, (1.0, 2.0, 3.0))
    assert joined(None, two) == two
    assert joined(one, None) == one
    assert joined(None, None) is None
