"""What is worth trying on which computer, and what is left as the person wants it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from app.llm.optimizer.machine.records import Processor
from app.llm.optimizer.shape import Shape
from app.llm.optimizer.tuned import NAMES, left_open
from app.llm.optimizer.tuning.candidates import Candidate, Candidates
from app.llm.optimizer.wishes import Wishes
from app.schema import LoadPlan
from tests.fakes.headers import dense
from tests.fakes.simulated import ON_CARD, PLAN, candidates, changes

HYBRID = Processor(
    physical_cores=12, logical_cores=16, performance_cores=4, efficiency_cores=8
)  # fmt: skip


def everything(offers: Candidates, plan: LoadPlan = PLAN, longest: int = 2048) -> list[Candidate]:
    """All that is offered for a plan."""
    return [
        *offers.gpu_layers(plan),
        *offers.threads(plan),
        *offers.threads_batch(plan),
        *offers.steps(plan, longest),
        *offers.batches(plan, longest),
        *offers.flash_attention(plan),
        *offers.caches(plan),
    ]


def values(found: Iterable[Candidate], name: str) -> list[Any]:
    return [getattr(one.plan, name) for one in found]


def test_a_plan_on_the_processor_has_all_its_settings_tried_one_at_a_time() -> None:
    offered = everything(candidates())
    assert {
        name: [getattr(one.plan, name) for one in offered if name in changes(one.plan, PLAN)]
        for name in NAMES
    } == {
        "n_threads": [16, 7, 4],
        "n_threads_batch": [16, 7, 4],
        "n_ubatch": [64, 128, 256, 1024, 2048],
        "n_batch": [512],
        "flash_attention": [False],
        "type_k": ["q8_0"],
        "type_v": ["q8_0"],
        "n_gpu_layers": [],
    }
    assert all(len(changes(one.plan, PLAN)) == 1 for one in offered[:-1])
    assert [one.change for one in offered] == [
        "16 threads", "7 threads", "4 threads",
        "16 threads for the prompt", "7 threads for the prompt", "4 threads for the prompt",
        "64 tokens at once", "128 tokens at once", "256 tokens at once", "1,024 tokens at once",
        "2,048 tokens at once", "batches of 512 tokens", "flash attention off",
        "KV cache in q8_0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("processor", "now", "counts"),
    [
        (Processor(physical_cores=1, logical_cores=1), 1, []),
        (Processor(physical_cores=1, logical_cores=2), 1, [2]),
        (Processor(physical_cores=2, logical_cores=2), 2, [1]),
        (HYBRID, 4, [16, 12, 11, 6, 3, 2]),
        (Processor(physical_cores=64, logical_cores=128, quota=2.0), 2, [1]),
        (
            Processor(physical_cores=16, allowed_cores=4, allowed_cpus=frozenset(range(8))),
            4,
            [8, 3, 2],
        ),
        (Processor(), 4, [3, 2]),  # nothing is known
        (Processor(physical_cores=8, logical_cores=16), 4, [16, 8, 7]),  # the card computes
    ],
)
def test_numbers_of_threads_are_those_that_the_processor_has(
    processor: Processor, now: int, counts: list[int]
) -> None:
    plan = replace(PLAN, n_threads=now, n_threads_batch=now)
    offers = candidates(processor)
    assert values(offers.threads(plan), "n_threads") == counts
    assert values(offers.threads_batch(plan), "n_threads_batch") == counts


@pytest.mark.parametrize(
    ("layers", "tried"),
    [(-1, [24, 16, 0]), (33, [24, 16, 0]), (20, [15, 10, 0]), (1, [0]), (0, [])],
)
def test_fewer_layers_are_tried_on_a_card(layers: int, tried: list[int]) -> None:
    plan = replace(PLAN, n_gpu_layers=layers)
    assert values(candidates(has_cards=True).gpu_layers(plan), "n_gpu_layers") == tried
    assert not [*candidates(has_cards=False).gpu_layers(plan)]


def test_experts_that_stayed_in_memory_go_with_their_layers() -> None:
    plan = replace(ON_CARD, cpu_expert_layers=12)
    offers = candidates(has_cards=True)
    assert values(offers.gpu_layers(plan), "cpu_expert_layers") == [0, 0, 0]
    kept = candidates(wishes=Wishes(cpu_expert_layers=12), has_cards=True)
    assert not [*kept.gpu_layers(plan)]


def test_steps_are_no_longer_than_the_prompt_that_is_measured() -> None:
    offers = candidates()
    assert values(offers.steps(PLAN, 1024), "n_ubatch") == [64, 128, 256, 1024]
    assert values(offers.steps(PLAN, 256), "n_ubatch") == [64, 128]
    assert not [*offers.steps(PLAN, 64)]
    small = replace(PLAN, n_ctx=512, n_batch=512)
    assert values(offers.steps(small, 2048), "n_ubatch") == [64, 128, 256]
    assert not [*offers.batches(PLAN, 512)]
    assert values(offers.batches(replace(PLAN, n_ubatch=1024), 2048), "n_batch") == [1024]


def test_what_has_no_room_is_not_tried() -> None:
    tight = candidates(has_cards=True, fits=lambda plan: plan.n_ubatch <= 512)
    assert values(tight.steps(PLAN, 2048), "n_ubatch") == [64, 128, 256]
    full = candidates(has_cards=True, fits=lambda plan: plan.n_gpu_layers != 0)
    assert values(full.gpu_layers(ON_CARD), "n_gpu_layers") == [24, 16]
    assert not [*candidates(fits=lambda _plan: False).flash_attention(PLAN)]


def test_flash_attention_is_tried_the_other_way_round() -> None:
    offers = candidates()
    without = replace(PLAN, flash_attention=False)
    assert [changes(one.plan, without) for one in offers.flash_attention(without)] == [
        {"flash_attention": True}
    ]
    small = replace(PLAN, type_k="q8_0", type_v="q8_0")
    (off,) = offers.flash_attention(small)
    assert (off.plan.type_k, off.plan.type_v) == ("f16", "f16"), "blocks cannot do without it"


def test_a_smaller_cache_needs_heads_that_divide_and_flash_attention() -> None:
    assert not [*candidates(shape=Shape(33, 0, may_quantise=False)).caches(PLAN)]
    assert not [*candidates().caches(replace(PLAN, flash_attention=False))]
    assert not [*candidates().caches(replace(PLAN, type_k="q8_0", type_v="q8_0"))]
    assert not Shape.of(dense(width=64, heads=8)).may_quantise
    assert Shape.of(dense()) == Shape(layers=33, expert_layers=0, may_quantise=True)


SET: list[tuple[Wishes, set[str]]] = [
    (Wishes(threads=3), {"threads"}),
    (Wishes(threads_batch=3), {"threads_batch"}),
    (Wishes(ubatch=64), {"ubatch"}),
    (Wishes(batch=64), {"batch"}),
    (Wishes(gpu_layers=4), {"gpu_layers"}),
    (Wishes(flash_attention=True), {"flash_attention", "type_k", "type_v"}),
    (Wishes(type_k="f16"), {"flash_attention", "type_k", "type_v"}),
    (Wishes(type_v="q8_0"), {"flash_attention", "type_k", "type_v"}),
    (Wishes(quiet=True), {"threads", "threads_batch"}),
    (Wishes(less_memory=True), {"batch", "ubatch", "flash_attention", "type_k", "type_v"}),
    (Wishes(optimize=False), {*NAMES.values()}),
    (Wishes(context=4096, use_mlock=True, tensor_split=(1, 1)), set()),
]


@pytest.mark.parametrize(("wishes", "closed"), SET)
def test_what_the_person_has_decided_is_not_tried(wishes: Wishes, closed: set[str]) -> None:
    assert left_open(wishes) == {*NAMES.values()} - closed
    offers = candidates(wishes=wishes, has_cards=True)
    tried = {
        NAMES[name]
        for plan in (ON_CARD, replace(ON_CARD, type_k="q8_0", type_v="q8_0"))
        for one in everything(offers, plan)
        for name in changes(one.plan, plan)
    }
    assert tried == {*NAMES.values()} - closed
