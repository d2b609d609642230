"""The plan for a load where there are graphics cards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import ModelTooLarge
from app.llm.optimizer import planning
from app.llm.optimizer.fitting import SMALL_CONTEXT
from app.llm.optimizer.machine.records import Gpu
from app.llm.optimizer.planning import ALONE, plan
from tests.fakes.headers import dense
from tests.unit.planned import GB, LLAMA_8B, MIXTRAL, computer, notices, told


def test_a_card_with_room_gets_all_layers() -> None:
    made = plan(computer(64, 24), LLAMA_8B)
    assert made.n_gpu_layers == -1
    assert told(made, "n_gpu_layers").startswith("All 33 layers on Card 0: they take ")


def test_a_card_that_nearly_has_room_gets_all_layers_with_a_smaller_context() -> None:
    made = plan(computer(64, 10.4), dense(kv_heads=32, layers=24))
    assert made.n_gpu_layers == -1
    assert made.n_ctx == SMALL_CONTEXT or made.type_k == "q8_0"
    assert notices(made)


def test_a_card_without_room_gets_as_many_layers_as_it_takes() -> None:
    made = plan(computer(64, 6), LLAMA_8B)
    assert 10 < made.n_gpu_layers < 25
    assert (made.n_ctx, made.type_k) == (8192, "f16")
    assert "the processor has the rest" in told(made, "n_gpu_layers")
    more = planning.measured(
        LLAMA_8B, ALONE, replace(planning.settings_of(made), n_gpu_layers=made.n_gpu_layers + 1)
    )
    assert more.gpus[0].total > 5 * GB


def test_a_card_that_is_full_gets_nothing() -> None:
    made = plan(computer(64, 1), LLAMA_8B)
    assert made.n_gpu_layers == 0
    assert "not even one finds room" in told(made, "n_gpu_layers")


def test_experts_stay_in_memory_before_layers_do() -> None:
    made = plan(computer(128, 24), MIXTRAL)
    assert made.n_gpu_layers == -1
    assert 0 < made.cpu_expert_layers < 32
    assert "a token needs only a few" in told(made, "cpu_expert_layers")


def test_where_memory_is_short_whole_layers_go_to_the_cards() -> None:
    """The experts of the first layers would leave one card half empty, and fill the memory."""
    made = plan(computer(26, 24, 12), MIXTRAL)
    taken = planning.measured(MIXTRAL, ALONE, planning.settings_of(made))
    assert taken.cpu.total < 26 * GB
    with pytest.raises(ModelTooLarge):
        plan(computer(8, 24, 12), MIXTRAL)


def test_two_cards_share_by_what_is_free() -> None:
    made = plan(computer(64, 24, 12), LLAMA_8B)
    first, second = made.tensor_split
    assert first / second == pytest.approx(23 / 11, rel=0.01)
    assert (
        told(made, "tensor_split")
        == "68% on Card 0, 32% on Card 1, by the memory that is free there."
    )


def test_the_graphics_unit_of_the_processor_shares_its_memory() -> None:
    unified = replace(
        computer(16),
        gpus=(Gpu("M3", total=12 * GB, free=12 * GB, is_unified=True, is_usable=True),),
    )
    assert plan(unified, LLAMA_8B).n_gpu_layers == -1
    with pytest.raises(ModelTooLarge):
        plan(unified, dense(layers=80))


def test_a_card_that_cannot_be_used_is_named_with_its_reason() -> None:
    dull = replace(
        computer(64),
        gpus=(Gpu("Card", is_usable=False, reason="This llama.cpp was built without CUDA."),),
    )
    made = plan(dull, LLAMA_8B)
    assert made.n_gpu_layers == 0
    assert told(made, "n_gpu_layers").startswith("No layers on Card: this llama.cpp was built")
