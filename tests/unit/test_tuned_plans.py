"""Plans with what was measured to be fastest: where nothing speaks against it, and with the day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import ModelTooLarge
from app.llm.optimizer import planning
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.planning import ALONE, plan
from app.llm.optimizer.tuned import Tuned
from app.llm.optimizer.wishes import Ceiling, Wishes
from app.schema import LoadPlan
from tests.fakes.headers import dense
from tests.fakes.simulated import changes

GB = 1 << 30
LLAMA = dense()
DAY = "2026-11-21"
MEASURED = "the fastest that was measured here on 21 November 2026."


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


def told(made: LoadPlan, choice: str) -> str:
    return " ".join(reason.sentence for reason in made.reasons if reason.choice == choice)


@pytest.mark.parametrize(
    ("tuned", "values", "choice", "sentence"),
    [
        (Tuned(threads=4), {"n_threads": 4}, "n_threads", "4 threads"),
        (Tuned(threads_batch=16), {"n_threads_batch": 16}, "n_threads_batch", "16 threads"),
        (
            Tuned(ubatch=128),
            {"n_ubatch": 128, "n_batch": 2048},
            "n_batch",
            "2,048 tokens of a prompt, 128 at once",
        ),
        (
            Tuned(batch=512),
            {"n_batch": 512, "n_ubatch": 512},
            "n_batch",
            "512 tokens of a prompt, 512 at once",
        ),
        (Tuned(flash_attention=False), {"flash_attention": False}, "flash_attention", "Off"),
        (
            Tuned(type_k="q8_0", type_v="q8_0"),
            {"type_k": "q8_0", "type_v": "q8_0"},
            "type_k",
            "q8_0",
        ),
        (
            Tuned(gpu_layers=16),
            {"n_gpu_layers": 16},
            "n_gpu_layers",
            "16 of 33 layers on the graphics card",
        ),
        (
            Tuned(gpu_layers=0),
            {"n_gpu_layers": 0},
            "n_gpu_layers",
            "0 of 33 layers on the graphics card",
        ),
    ],
)
def test_what_was_measured_is_planned_and_the_reason_names_the_day(
    tuned: Tuned, values: dict[str, Any], choice: str, sentence: str
) -> None:
    here = computer(64, 24) if tuned.gpu_layers is not None else computer()
    made = plan(here, LLAMA, tuned=replace(tuned, day=DAY))
    assert {name: getattr(made, name) for name in values} == values
    assert told(made, choice) == f"{sentence}: {MEASURED}"
    usual = plan(here, LLAMA)
    assert made != usual
    if tuned.gpu_layers is None:
        assert {*changes(made, usual)} <= {*values}
        said = {one.choice: one.sentence for one in usual.reasons}
        others = {one.choice for one in made.reasons if one.sentence != said.get(one.choice)}
        assert others - {"n_threads_batch"} == {choice} - {"n_threads_batch"}


def test_the_threads_of_an_answer_are_not_those_of_a_prompt() -> None:
    made = plan(computer(), LLAMA, tuned=Tuned(threads=4, day=DAY))
    assert made.n_threads_batch == 8
    assert told(made, "n_threads_batch").startswith("8 threads: one for each of your 8 cores")
    both = plan(computer(), LLAMA, Wishes(threads=3), tuned=Tuned(threads_batch=16, day=DAY))
    assert (both.n_threads, both.n_threads_batch) == (3, 16)


@pytest.mark.parametrize(
    ("wishes", "values"),
    [
        (Wishes(threads=3), {"n_threads": 3}),
        (Wishes(threads_batch=3), {"n_threads_batch": 3}),
        (Wishes(ubatch=64), {"n_ubatch": 64}),
        (Wishes(batch=600), {"n_batch": 600}),
        (Wishes(flash_attention=True), {"flash_attention": True, "type_k": "f16"}),
        (Wishes(type_v="f16"), {"flash_attention": True, "type_k": "f16"}),
        (Wishes(type_k="q4_0"), {"flash_attention": True, "type_k": "q4_0", "type_v": "f16"}),
        (Wishes(gpu_layers=5), {"n_gpu_layers": 5}),
        (Wishes(quiet=True), {"n_threads": 4, "n_threads_batch": 4}),
        (
            Wishes(less_memory=True),
            {"n_ubatch": 128, "n_batch": 2048, "type_k": "q8_0", "flash_attention": True},
        ),
    ],
)
def test_what_the_person_wants_goes_first(wishes: Wishes, values: dict[str, Any]) -> None:
    tuned = Tuned(
        threads=16, threads_batch=12, batch=1024, ubatch=1024, flash_attention=False,
        type_k="f16", type_v="f16", gpu_layers=9, day=DAY,
    )  # fmt: skip
    made = plan(computer(64, 4), LLAMA, wishes, tuned=tuned)
    assert {name: getattr(made, name) for name in values} == values
    for reason in made.reasons:
        assert (
            reason.choice not in values
            or MEASURED not in reason.sentence
            or (reason.choice == "n_batch")
        )


def test_without_optimizing_nothing_is_tuned() -> None:
    wishes = Wishes(optimize=False)
    tuned = Tuned(threads=2, ubatch=64, type_k="q8_0", day=DAY)
    assert plan(computer(), LLAMA, wishes, tuned=tuned) == plan(computer(), LLAMA, wishes)


def test_a_cache_that_the_heads_do_not_suit_is_not_taken() -> None:
    narrow = dense(width=64, heads=8, kv_heads=4, vocabulary=512, layers=5)
    made = plan(computer(), narrow, tuned=Tuned(type_k="q8_0", type_v="q8_0", day=DAY))
    assert (made.type_k, made.type_v) == ("f16", "f16")
    assert MEASURED not in told(made, "type_k")


# Where memory is short


def test_large_steps_cost_no_context() -> None:
    """They were fastest when there was room for them."""
    deep = dense(kv_heads=32)
    tuned = Tuned(ubatch=2048, threads=4, day=DAY)
    wanted = planning.settings_of(plan(computer(), deep))
    need = planning.measured(deep, ALONE, wanted).total / GB + 0.3
    roomy = plan(computer(need + 2), deep, tuned=tuned)
    assert (roomy.n_ctx, roomy.n_ubatch, roomy.n_threads) == (8192, 2048, 4)
    tight = plan(computer(need), deep, tuned=tuned)
    assert tight == plan(computer(need), deep)
    assert (tight.n_ctx, tight.n_ubatch) == (8192, 512)


def test_what_does_not_fit_is_reduced_with_a_tuning_too() -> None:
    deep = dense(kv_heads=32)
    wanted = planning.settings_of(plan(computer(), deep))
    need = planning.measured(deep, ALONE, wanted).total / GB + 0.3
    made = plan(computer(need - 1.5), deep, tuned=Tuned(threads=4, day=DAY))
    assert (made.n_ctx, made.n_threads) == (4096, 4)
    assert "8,192 would not fit" in told(made, "n_ctx")
    few = plan(computer(64, 6), LLAMA, tuned=Tuned(gpu_layers=30, day=DAY))
    assert few.n_gpu_layers == plan(computer(64, 6), LLAMA).n_gpu_layers < 30
    assert "as many as find room" in told(few, "n_gpu_layers")


def test_what_failed_before_is_not_tried_for_speed() -> None:
    tuned = Tuned(gpu_layers=24, day=DAY)
    made = plan(computer(64, 24), LLAMA, ceiling=Ceiling(gpu_layers=10), tuned=tuned)
    assert made.n_gpu_layers == 10
    assert "did not load here before" in told(made, "n_gpu_layers")


def test_a_model_that_is_too_large_is_refused_with_a_tuning_too() -> None:
    small = replace(computer(5), memory=Memory(6 * GB, 5 * GB))
    with pytest.raises(ModelTooLarge):
        plan(small, LLAMA, tuned=Tuned(ubatch=64, day=DAY))
