"""The plan is total: every computer and every header gets a plan, or a refusal with a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ModelError
from app.llm.optimizer.machine.records import Computer, Gpu, Memory, Processor
from app.llm.optimizer.planning import plan
from app.llm.optimizer.tuned import NOT_TUNED, Tuned
from app.llm.optimizer.wishes import Wishes
from tests.fakes.headers import dense

numbers = st.one_of(st.integers(-5, 5), st.integers(0, 1 << 20), st.integers(-(1 << 63), 1 << 64))
sizes = st.one_of(st.none(), st.integers(0, 1 << 40))


@settings(max_examples=150, deadline=None)
@given(
    keys=st.dictionaries(
        st.sampled_from([
            "block_count", "embedding_length", "context_length", "attention__head_count",
            "attention__head_count_kv", "attention__key_length", "expert_count",
            "feed_forward_length", "attention__sliding_window", "ssm__state_size", "vocab_size",
        ]),
        numbers,
    ),
    layers=st.integers(0, 4),
    memory=st.tuples(sizes, sizes),
    cards=st.lists(st.tuples(sizes, sizes, st.booleans()), max_size=3),
    chip=st.tuples(*[st.one_of(st.none(), st.integers(0, 999))] * 4),
    wishes=st.builds(
        Wishes,
        context=st.one_of(st.none(), numbers),
        type_k=st.sampled_from([None, "q8_0", "Q4_0", "nonsense"]),
        gpu_layers=st.one_of(st.none(), numbers),
        cpu_expert_layers=st.one_of(st.none(), numbers),
        threads=st.one_of(st.none(), numbers),
        batch=st.one_of(st.none(), numbers),
        ubatch=st.one_of(st.none(), numbers),
        tensor_split=st.lists(st.floats(), max_size=3).map(tuple),
        flash_attention=st.sampled_from([None, True, False]),
        less_memory=st.booleans(),
        quiet=st.booleans(),
        optimize=st.booleans(),
    ),
    tuned=st.one_of(
        st.just(NOT_TUNED),
        st.builds(
            Tuned,
            threads=st.one_of(st.none(), numbers),
            threads_batch=st.one_of(st.none(), numbers),
            batch=st.one_of(st.none(), numbers),
            ubatch=st.one_of(st.none(), numbers),
            flash_attention=st.sampled_from([None, True, False]),
            type_k=st.sampled_from([None, "f16", "q8_0", "nonsense"]),
            type_v=st.sampled_from([None, "f16", "q8_0", "nonsense"]),
            gpu_layers=st.one_of(st.none(), numbers),
            day=st.sampled_from(["2026-11-21", "", "someday"]),
        ),
    ),
)  # fmt: skip
def test_every_computer_and_every_header_gets_a_plan_or_a_refusal(
    keys, layers, memory, cards, chip, wishes, tuned
) -> None:
    logical, physical, fast, slow = chip
    here = Computer(
        Processor(
            logical_cores=logical, physical_cores=physical,
            performance_cores=fast, efficiency_cores=slow,
        ),
        Memory(*memory),
        tuple(
            Gpu("Card", total=total, free=free, is_usable=True, is_unified=shared)
            for total, free, shared in cards
        ),
    )  # fmt: skip
    header = dense(layers=layers, width=64, heads=2, kv_heads=1, vocabulary=100, **keys)
    try:
        made = plan(here, header, wishes, tuned=tuned)
    except ModelError as refusal:
        assert refusal.remedy  # noqa: PT017 - both ends are right
        with pytest.raises(ModelError):
            plan(here, header, wishes)
        return
    assert made.n_ctx >= 1
    assert 1 <= made.n_ubatch <= made.n_batch <= made.n_ctx
    assert made.n_threads >= 1
    assert all(reason.sentence.endswith(".") for reason in made.reasons)
