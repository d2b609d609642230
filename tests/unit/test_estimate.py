"""How much memory a model takes, against figures reckoned by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from app.gguf import Header, Tensor
from app.llm.optimizer.memory import DeviceUse, Kernels, LoadSettings, estimate

MIB = 1 << 20
Q4_K, Q8_0, F32 = 12, 8, 0


def header(architecture: str = "llama", tensors: tuple[Tensor, ...] = (), **keys: Any) -> Header:
    """Llama 3.1 8B, unless keys (with two underscores for a dot) say otherwise."""
    known: dict[str, Any] = {
        "block_count": 32,
        "embedding_length": 4096,
        "feed_forward_length": 14_336,
        "attention.head_count": 32,
        "attention.head_count_kv": 8,
        "vocab_size": 128_256,
        **{key.replace("__", "."): value for key, value in keys.items()},
    }
    metadata = {f"{architecture}.{key}": value for key, value in known.items()}
    size = sum(tensor.size or 0 for tensor in tensors)
    return Header(
        3, {"general.architecture": architecture, **metadata}, tensors, 0, size, Path("m.gguf")
    )


def cpu(made: Header, n_ctx: int = 4096, **settings: Any) -> DeviceUse:
    return estimate(made, LoadSettings(n_ctx, **settings)).cpu


def tensor(name: str, *shape: int, kind: int = Q4_K) -> Tensor:
    return Tensor(name, shape, kind, 0)


@pytest.mark.parametrize(
    ("type_k", "type_v", "per_token"),
    [
        ("f16", "f16", 128 * 1024),
        ("f32", "f32", 256 * 1024),
        ("bf16", "f16", 128 * 1024),
        ("q8_0", "q8_0", 68 * 1024),
        ("q5_1", "q5_0", 46 * 1024),
        ("q4_1", "q4_0", 38 * 1024),
        ("iq4_nl", "iq4_nl", 36 * 1024),
        ("q8_0", "f16", 98 * 1024),
    ],
)
def test_the_cache_of_each_type(type_k: str, type_v: str, per_token: int) -> None:
    assert cpu(header(), 4096, type_k=type_k, type_v=type_v).cache == 4096 * per_token


def test_a_context_is_rounded_up_to_256_tokens_and_divided_among_sequences() -> None:
    assert cpu(header(), 1000).cache == cpu(header(), 1024).cache == 1024 * 128 * 1024
    assert cpu(header(), 4096, n_sequences=3).cache == 3 * 1536 * 128 * 1024
    assert cpu(header(), 4096, n_sequences=3, kv_unified=True).cache == 4096 * 128 * 1024


def test_layers_with_a_window_cache_no_more_than_they_see() -> None:
    # Gemma 3 4B: 34 layers of 4 KV heads of 256; each sixth, so 5 of them, sees everything.
    made = header(
        "gemma3",
        block_count=34,
        attention__head_count_kv=4,
        attention__key_length=256,
        attention__value_length=256,
        attention__sliding_window=1024,
    )
    row = 2 * 2 * 4 * 256
    assert cpu(made, 8192).cache == 34 * 8192 * row
    assert cpu(made, 8192, swa_full=False).cache == (5 * 8192 + 29 * 1536) * row
    assert cpu(made, 512, swa_full=False).cache == 34 * 512 * row
    unified = {"n_sequences": 2, "kv_unified": True, "swa_full": False}
    assert cpu(made, 8192, **unified).cache == (5 * 8192 + 29 * 2560) * row


def test_a_pattern_in_the_header_goes_before_the_usual_one() -> None:
    listed: dict[str, Any] = {"attention__sliding_window": 256}
    made = header(
        "gpt-oss", block_count=4, attention__sliding_window_pattern=(True, True, True, False),
        **listed,
    )  # fmt: skip
    row = 2 * 2 * 1024
    assert cpu(made, 8192, swa_full=False).cache == (8192 + 3 * 768) * row
    every = header("gpt-oss", block_count=4, attention__sliding_window_pattern=4, **listed)
    assert cpu(every, 8192, swa_full=False).cache == (8192 + 3 * 768) * row


def test_llama_cpp_ignores_the_window_of_phi_3() -> None:
    made = header("phi3", attention__sliding_window=2048)
    assert cpu(made, 8192, swa_full=False).cache == 8192 * 128 * 1024


def test_later_layers_of_gemma_3n_have_no_cache_of_their_own() -> None:
    made = header("gemma3n", block_count=35, attention__sliding_window=512)
    assert cpu(made, 1024).cache == 20 * 1024 * 4096
    shared = header(
        "gemma4",
        block_count=30,
        attention__shared_kv_layers=10,
        attention__sliding_window=512,
        attention__sliding_window_pattern=(True,) * 30,
    )
    assert cpu(shared, 1024).cache == 20 * 1024 * 4096


def test_compressed_keys_and_values_are_one_row() -> None:
    # DeepSeek V3: 61 layers, a row of 512 + 64.
    keys: dict[str, Any] = {
        "block_count": 61,
        "attention__head_count": 128,
        "attention__head_count_kv": 1,
        "attention__key_length": 576,
        "attention__value_length": 512,
    }
    latent: dict[str, Any] = {"attention__key_length_mla": 192, "attention__value_length_mla": 128}
    assert cpu(header("deepseek2", **keys, **latent), 4096).cache == 61 * 4096 * 576 * 2
    assert cpu(header("deepseek2", **keys), 4096).cache == 61 * 4096 * (576 + 512) * 2


def test_a_state_does_not_depend_on_the_context() -> None:
    # Mamba 2.8B: 64 layers, convolution 3 × 5120, state 16 × 5120, in F32.
    made = header(
        "mamba",
        block_count=64,
        attention__head_count=0,
        attention__head_count_kv=0,
        ssm__conv_kernel=4,
        ssm__inner_size=5120,
        ssm__state_size=16,
        ssm__time_step_rank=160,
    )
    state = 64 * (3 * 5120 + 16 * 5120) * 4
    for n_ctx in (512, 32_768):
        assert (cpu(made, n_ctx).state, cpu(made, n_ctx).cache) == (state, 0)
    assert cpu(made, n_sequences=4).state == 4 * state


def test_a_hybrid_has_a_cache_where_it_has_kv_heads_and_a_state_elsewhere() -> None:
    made = header(
        "lfm2", block_count=4, attention__head_count_kv=(0, 8, 0, 8), shortconv__l_cache=3
    )
    assert cpu(made, 1024).cache == 2 * 1024 * 2 * 2 * 1024
    assert cpu(made, 1024).state == 2 * 2 * 4096 * 4
    qwen = header(
        "qwen3next",
        block_count=8,
        ssm__conv_kernel=4,
        ssm__inner_size=4096,
        ssm__state_size=128,
        ssm__group_count=16,
        ssm__time_step_rank=32,
    )
    assert cpu(qwen, 1024).cache == 2 * 1024 * 4096
    assert cpu(qwen, 1024).state == 6 * 4 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096)


def test_values_are_kept_in_the_widest_rows_without_flash_attention() -> None:
    made = header("deci", block_count=2, attention__head_count_kv=(8, 2))
    rows = (8 + 2) * 128
    assert cpu(made, 1024).cache == 1024 * 2 * 2 * rows
    assert cpu(made, 1024, flash_attention=False).cache == 1024 * 2 * (rows + 2 * 8 * 128)


def test_heads_that_guess_several_tokens_have_no_cache() -> None:
    made = header("glm4moe", block_count=33, nextn_predict_layers=1)
    assert cpu(made, 1024).cache == 1024 * 128 * 1024


def test_attention_scores_need_room_only_without_flash_attention() -> None:
    # 32 heads × 512 tokens × 32768 cells in F32.
    more = cpu(header(), 32_768, flash_attention=False).compute - cpu(header(), 32_768).compute
    assert abs(more - 2048 * MIB) < 128 * MIB


def test_logits_of_all_tokens_need_room() -> None:
    one, every = cpu(header()), cpu(header(), n_outputs=0)
    assert every.output == 512 * 128_256 * 4
    assert every.compute - one.compute > 100 * MIB
    assert one.output == 128_256 * 4


def test_a_smaller_batch_needs_less() -> None:
    assert cpu(header(), n_ubatch=64).compute < cpu(header()).compute / 6


def test_what_is_not_known_in_detail_is_rather_too_much_and_says_so() -> None:
    known = estimate(header(), LoadSettings(4096))
    strange = estimate(header("never-heard-of"), LoadSettings(4096))
    assert (known.is_rough, strange.is_rough) == (False, True)
    assert strange.cache == known.cache
    assert strange.compute > known.compute
    assert estimate(Header(3, {}, (), 0, 0), LoadSettings(512)).is_rough


def test_the_later_parts_of_a_split_model_are_like_its_first() -> None:
    def layer(number: int) -> list[Tensor]:
        block = f"blk.{number}."
        return [
            tensor(block + "attn_q.weight", 4096, 4096),
            tensor(block + "attn_q_norm.weight", 128, kind=F32),
            tensor(block + "ffn_gate.weight", 4096, 20_480),
            tensor(block + "ffn_up.weight", 4096, 20_480),
            tensor(block + "ffn_down.weight", 20_480, 4096),
        ]

    every = tuple(part for number in range(32) for part in layer(number))
    whole, first = header("qwen3", every), header("qwen3", every[: 5 * 7])
    size = whole.weights_size
    found = estimate(first, LoadSettings(2048, n_gpu_layers=17), weights_size=size)
    reckoned = estimate(whole, LoadSettings(2048, n_gpu_layers=17))
    assert found.cpu.compute == reckoned.cpu.compute
    for one, other in zip(found.devices, reckoned.devices, strict=True):
        assert one.weights == pytest.approx(other.weights, rel=1e-6)


def test_what_only_reads_has_no_cache_but_looks_at_its_whole_text() -> None:
    made = header("bert", block_count=12, attention__head_count_kv=32)
    short = cpu(made, 512, n_outputs=0, flash_attention=False)
    long = cpu(made, 2048, n_ubatch=2048, n_outputs=0, flash_attention=False)
    assert (short.cache, long.cache) == (0, 0)
    assert short.compute > 32 * 512 * 512 * 4
    assert long.compute > 32 * 2048 * 2048 * 4


def weighted(layers: int = 4) -> Header:
    """A model with an input, an output and one tensor in each layer."""
    tensors = [tensor("token_embd.weight", 256, 1024), tensor("output.weight", 256, 1024)]
    tensors += [tensor(f"blk.{n}.ffn_up.weight", 256, 512) for n in range(layers)]
    return header(tensors=tuple(tensors), block_count=layers)


def test_weights_and_cache_are_where_their_layers_are() -> None:
    made = weighted()
    end, layer = 1024 * 144, 512 * 144
    whole = estimate(made, LoadSettings(1024))
    assert [d.name for d in whole.devices] == ["CPU"]
    assert whole.cpu.weights == 2 * end + 4 * layer
    part = estimate(made, LoadSettings(1024, n_gpu_layers=3))  # the output is one of them
    assert (part.cpu.weights, part.gpus[0].weights) == (end + 2 * layer, end + 2 * layer)
    assert part.cpu.cache == part.gpus[0].cache == whole.cache // 2
    every = estimate(made, LoadSettings(1024, n_gpu_layers=-1, tensor_split=(3.0, 2.0)))
    assert [gpu.name for gpu in every.gpus] == ["GPU0", "GPU1"]
    assert [gpu.weights for gpu in every.gpus] == [3 * layer, end + layer]
    assert every.cpu.weights == end
    assert every.cpu.cache == 0
    kept = estimate(made, LoadSettings(1024, n_gpu_layers=-1, offload_cache=False))
    assert (kept.cpu.cache, kept.gpus[0].cache) == (whole.cache, 0)


def test_an_output_that_is_the_input_too_is_twice_there_on_a_gpu() -> None:
    made = header(tensors=(tensor("token_embd.weight", 256, 1024),), block_count=1)
    assert estimate(made, LoadSettings(512)).weights == 1024 * 144
    assert estimate(made, LoadSettings(512, n_gpu_layers=-1)).weights == 2 * 1024 * 144


def test_experts_may_stay_on_the_cpu() -> None:
    tensors = tuple(tensor(f"blk.{n}.ffn_up_exps.weight", 256, 64, 8) for n in range(4))
    made = header(tensors=tensors, block_count=4, expert_count=8, expert_used_count=2)
    found = estimate(made, LoadSettings(512, n_gpu_layers=-1, cpu_expert_layers=3))
    each = 64 * 8 * 144
    assert (found.cpu.weights, found.gpus[0].weights) == (3 * each, each)


def test_repacked_weights_are_there_twice_only_beside_a_mapped_file() -> None:
    made = weighted()
    layers = 4 * 512 + 1024  # rows, without the input
    for kernels, size in ((Kernels.AVX2, 144), (Kernels.AMX, 148)):
        mapped = cpu(made, 512, use_mmap=True, kernels=kernels)
        assert mapped.repacked == layers * size
        assert cpu(made, 512, kernels=kernels).repacked == layers * (size - 144)
    assert cpu(made, 512, use_mmap=True).repacked == 0


def test_parts_adapters_and_a_projector_count() -> None:
    made = weighted()
    alone = estimate(made, LoadSettings(512))
    assert estimate(made, LoadSettings(512), weights_size=10**9).weights == 10**9
    change = (
        tensor("blk.0.ffn_up.weight.lora_a", 256, 8, kind=F32),
        tensor("blk.0.ffn_up.weight.lora_b", 8, 512, kind=F32),
    )
    adapted = estimate(made, LoadSettings(512), adapters=[header(tensors=change)])
    assert adapted.weights - alone.weights == 4 * 8 * (256 + 512)
    clip = header("clip", (tensor("v.blk.0.attn_q.weight", 1024, 1024, kind=Q8_0),))
    seeing = estimate(made, LoadSettings(512), projector=clip)
    assert seeing.weights - alone.weights == 1024 * 1024 * 34 // 32


def test_the_sum_is_that_of_all_fields() -> None:
    use = cpu(weighted())
    parts = [getattr(use, field.name) for field in dataclasses.fields(use) if field.name != "name"]
    assert use.total == sum(parts)
