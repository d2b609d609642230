"""The plan for a load: what suits the computer, what is wished for, and what is reduced to fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ModelTooLarge, UnsupportedModel
from app.gguf import Header, Value
from app.llm.optimizer import planning
from app.llm.optimizer.machine.records import Computer, NumaNode, Processor
from app.llm.optimizer.planning import ALONE, Beside, plan
from app.llm.optimizer.room import Released
from app.llm.optimizer.wishes import Ceiling, Wishes
from app.schema import Adapter
from tests.fakes.headers import dense
from tests.unit.planned import GB, LLAMA_8B, computer, notices, told

# Threads


@pytest.mark.parametrize(
    ("chip", "wishes", "count", "sentence"),
    [
        (
            Processor(physical_cores=8, logical_cores=16, performance_cores=8),
            Wishes(),
            8,
            "8 threads: one for each of your 8 cores; more would wait for each other.",
        ),
        (
            Processor(physical_cores=12, logical_cores=16, performance_cores=4, efficiency_cores=8),
            Wishes(),
            4,
            "4 threads: your 4 performance cores; efficiency cores slow generation.",
        ),
        (
            Processor(physical_cores=64, logical_cores=128, quota=2.0),
            Wishes(),
            2,
            "2 threads: this container is granted 2 of the 64 cores.",
        ),
        (
            Processor(physical_cores=16, allowed_cores=4, allowed_cpus=frozenset(range(8))),
            Wishes(),
            4,
            "4 threads: Hearth may use 4 of the 16 cores.",
        ),
        (Processor(physical_cores=1), Wishes(), 1, "1 thread: the processor has one core."),
        (
            Processor(),
            Wishes(),
            4,
            "4 threads: the processor's cores are not known, and this is the usual number.",
        ),
        (Processor(physical_cores=8), Wishes(quiet=True), 4, "4 threads: half as many"),
        (Processor(physical_cores=8), Wishes(threads=3), 3, "3 threads, as you set it."),
        (
            Processor(physical_cores=8, logical_cores=16),
            Wishes(threads=99),
            16,
            "16 threads: 99 were wished for, and Hearth may use no more.",
        ),
        (Processor(physical_cores=8), Wishes(optimize=False), 4, "llama.cpp's own default"),
    ],
)
def test_threads_follow_the_processor(
    chip: Processor, wishes: Wishes, count: int, sentence: str
) -> None:
    made = plan(Computer(chip), LLAMA_8B, wishes)
    assert made.n_threads == count
    assert sentence in told(made, "n_threads")


def test_a_graphics_card_that_has_all_layers_needs_few_threads() -> None:
    assert plan(computer(64, 24, cores=16), LLAMA_8B).n_threads == 4
    assert plan(computer(64, 4, cores=16), LLAMA_8B).n_threads == 16


# What fits


def test_a_model_with_room_enough_is_loaded_as_it_should_be() -> None:
    made = plan(computer(64), LLAMA_8B)
    assert (made.n_ctx, made.type_k, made.type_v, made.n_gpu_layers) == (8192, "f16", "f16", 0)
    assert (made.flash_attention, made.use_mmap, made.use_numa) == (True, False, False)
    assert notices(made) == []
    assert {reason.choice for reason in made.reasons} >= {"n_ctx", "n_threads", "type_k"}


def test_what_does_not_fit_into_memory_is_reduced_context_first() -> None:
    deep = dense(kv_heads=32)  # 4 GiB of KV cache for 8,192 tokens
    wanted = planning.settings_of(plan(computer(64), deep))
    need = planning.measured(deep, ALONE, wanted).total / GB + 0.3  # and the system's margin
    seen = []
    for less in (0, 1.5, 2.5, 3.2):
        made = plan(computer(64, free=need - less), deep)
        seen.append((made.n_ctx, made.type_k))
        assert ("n_ctx" in notices(made)) == (less > 0)
        assert ("type_k" in notices(made)) == (less > 3)
    assert seen == [(8192, "f16"), (4096, "f16"), (2048, "f16"), (2048, "q8_0")]
    crowded = plan(computer(64, free=need - 5), deep)
    assert (crowded.n_ctx, crowded.type_k, crowded.use_mmap) == (8192, "f16", True)


def test_a_model_that_fits_only_when_others_end_says_so_and_is_mapped() -> None:
    made = plan(computer(64, free=4), LLAMA_8B)
    assert (made.n_ctx, made.use_mmap) == (8192, True)
    assert "close other programs" in told(made, "n_ctx")
    assert "n_ctx" in notices(made)


def test_a_model_larger_than_the_computer_is_refused_with_the_figures() -> None:
    with pytest.raises(
        ModelTooLarge, match=r"needs 8\.\d GB of memory, and this computer has 6\.2"
    ):
        plan(computer(6), LLAMA_8B)


def test_the_memory_of_the_model_that_is_unloaded_counts_as_free() -> None:
    here = computer(64, free=4)
    assert plan(here, LLAMA_8B, released=Released(cpu=12 * GB)).use_mmap is False
    assert notices(plan(here, LLAMA_8B, released=Released(cpu=12 * GB))) == []


# Wishes


def test_wishes_are_honoured() -> None:
    wishes = Wishes(
        context=32_768, type_k="q8_0", type_v="q4_0", batch=256, ubatch=64, gpu_layers=5,
        use_mmap=True, use_mlock=True, tensor_split=(3, 1),
    )  # fmt: skip
    made = plan(computer(64, 24, 24), LLAMA_8B, wishes)
    assert (made.n_ctx, made.type_k, made.type_v) == (32_768, "q8_0", "q4_0")
    assert (made.n_batch, made.n_ubatch, made.n_gpu_layers) == (256, 64, 5)
    assert (made.use_mmap, made.use_mlock, made.tensor_split) == (True, True, (3, 1))
    for choice in ("n_ctx", "type_k", "n_batch", "n_gpu_layers", "use_mmap", "tensor_split"):
        assert "as you set it" in told(made, choice), choice
    assert notices(made) == []


def test_a_context_beyond_the_trained_one_is_answered_with_why_not() -> None:
    made = plan(computer(64), dense(trained=4096), Wishes(context=65_536))
    assert made.n_ctx == 4096
    assert told(made, "n_ctx") == (
        "4,096 tokens: 65,536 were wished for, and the model was trained for no more."
    )


def test_a_context_that_was_wished_for_is_reduced_last_and_never_silently() -> None:
    deep = dense(kv_heads=32)
    made = plan(computer(64, free=20), deep, Wishes(context=32_768))
    assert (made.n_ctx, made.type_k) == (16_384, "q8_0") or made.n_ctx == 32_768
    assert notices(made)
    if made.n_ctx < 32_768:
        assert "32,768 would not fit" in told(made, "n_ctx")


def test_a_batch_is_never_longer_than_the_context_that_fits() -> None:
    deep = dense(kv_heads=32)
    wanted = planning.settings_of(plan(computer(64), deep))
    need = planning.measured(deep, ALONE, wanted).total / GB + 0.3
    made = plan(computer(64, free=need - 2.5), deep, Wishes(batch=5000, ubatch=4000))
    assert (made.n_ctx, made.n_batch, made.n_ubatch) == (2048, 2048, 2048)


def test_less_memory_takes_less() -> None:
    here = computer(64)
    usual, thrifty = plan(here, LLAMA_8B), plan(here, LLAMA_8B, Wishes(less_memory=True))
    before, after = (
        planning.measured(LLAMA_8B, ALONE, planning.settings_of(made)) for made in (usual, thrifty)
    )
    assert (thrifty.n_ctx, thrifty.type_k, thrifty.n_ubatch) == (4096, "q8_0", 128)
    assert after.total < before.total - (600 << 20)


def test_values_are_not_quantised_without_flash_attention() -> None:
    made = plan(computer(64), LLAMA_8B, Wishes(flash_attention=False, type_v="q8_0"))
    assert (made.flash_attention, made.type_v) == (False, "f16")
    assert "type_k" in notices(made)


def test_heads_that_do_not_divide_into_blocks_keep_their_cache_plain() -> None:
    narrow = dense(width=64, heads=8, kv_heads=4, vocabulary=512, layers=5)
    made = plan(computer(64), narrow, Wishes(type_k="q8_0", type_v="q8_0"))
    assert (made.type_k, made.type_v) == ("f16", "f16")
    assert "do not divide into blocks" in told(made, "type_k")
    assert plan(computer(64), narrow, Wishes(less_memory=True)).type_k == "f16"


def test_what_failed_before_is_not_tried_again() -> None:
    made = plan(computer(64, 24), LLAMA_8B, ceiling=Ceiling(context=4096, gpu_layers=20))
    assert (made.n_ctx, made.n_gpu_layers) == (4096, 20)
    assert "did not load here before" in told(made, "n_ctx")
    assert "did not load here before" in told(made, "n_gpu_layers")


def test_threads_are_spread_over_the_nodes_of_a_server() -> None:
    nodes = (NumaNode(0), NumaNode(1))
    server = replace(computer(256), processor=Processor(physical_cores=64, numa_nodes=nodes))
    made = plan(server, LLAMA_8B)
    assert made.use_numa
    assert "2 memory nodes" in told(made, "use_numa")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"general.type": "adapter"}, "adapter"),
        ({"general.type": "mmproj"}, "projector"),
        ({"general.architecture": "clip"}, "projector"),
        ({"general.architecture": "nomic-bert"}, "embedding model"),
        ({"general.architecture": "bert"}, "embedding model"),
        ({"general.architecture": "llama"}, "vocabulary"),
    ],
)
def test_what_cannot_chat_is_refused(keys: dict[str, Value], sentence: str) -> None:
    tensors = () if sentence == "vocabulary" else LLAMA_8B.tensors
    metadata = {**LLAMA_8B.metadata, **keys}
    made = Header(3, metadata, tensors, 0, 100, Path("/models/some.gguf"))
    with pytest.raises(UnsupportedModel, match=sentence) as caught:
        plan(computer(64), made)
    assert caught.value.remedy


def test_adapters_are_loaded_and_counted() -> None:
    lora = Adapter("/adapters/german.gguf", 0.5)
    made = plan(computer(64), LLAMA_8B, beside=Beside(((lora, dense(layers=2)),)))
    assert made.adapters == (lora,)
    assert plan(computer(64), LLAMA_8B).adapters == ()
    plan(computer(10), LLAMA_8B)
    with pytest.raises(ModelTooLarge):
        plan(computer(10), LLAMA_8B, beside=Beside(((lora, dense(layers=20)),)))
