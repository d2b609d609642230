"""Where a model runs, in words; the graphics cards of these tests are entries of ggml's list."""

import llama_cpp
import pytest

from app.llm.runner.llama import device
from app.llm.runner.llama.device import CPU, GPU, INTEGRATED_GPU, Device
from app.llm.runner.llama.engine import Engine
from tests.adapters.conftest import plan_for

PROCESSOR = Device("CPU", "Intel(R) Xeon(R) Processor", CPU)
CARD = Device("CUDA0", "NVIDIA H200", GPU)
SECOND = Device("CUDA1", "NVIDIA H200", GPU)
ON_CHIP = Device("Vulkan0", "Intel(R) UHD Graphics 770", INTEGRATED_GPU)
MAC = Device("MTL0", "Apple M3 Max", GPU)


@pytest.mark.parametrize(
    ("devices", "gpu_layers", "text"),
    [
        ([PROCESSOR], -1, "CPU"),
        ([], -1, "CPU"),
        ([CARD, PROCESSOR], 0, "CPU"),
        ([CARD, PROCESSOR], -1, "CUDA0 (NVIDIA H200)"),
        ([CARD, PROCESSOR], 33, "CUDA0 (NVIDIA H200)"),
        ([CARD, PROCESSOR], 99, "CUDA0 (NVIDIA H200)"),
        ([CARD, PROCESSOR], 20, "CUDA0 (NVIDIA H200): 20 of 33 layers"),
        ([CARD, SECOND, PROCESSOR], -1, "CUDA0 (NVIDIA H200), CUDA1 (NVIDIA H200)"),
        ([ON_CHIP, PROCESSOR], -1, "Vulkan0 (Intel(R) UHD Graphics 770)"),
        ([ON_CHIP, CARD, PROCESSOR], -1, "CUDA0 (NVIDIA H200)"),
        ([MAC, PROCESSOR], -1, "Metal0 (Apple M3 Max)"),
        ([Device("Metal", "Metal", GPU)], 5, "Metal: 5 of 33 layers"),
        ([Device("SYCL0", "", GPU)], -1, "SYCL0"),
    ],
)
def test_the_words(devices: list[Device], gpu_layers: int, text: str) -> None:
    assert device.describe(devices, layers=33, gpu_layers=gpu_layers) == text


def test_the_list_is_ggmls_own() -> None:
    found = device.find()
    assert [one.name for one in found if one.kind == CPU] == ["CPU"]
    assert all(one.description for one in found)


def test_a_loaded_model_says_where_it_is(engine: Engine, tiny) -> None:
    for gpu_layers in (0, -1):
        loaded = engine.load(plan_for(tiny, n_gpu_layers=gpu_layers), lambda _fraction: None)
        offloads = gpu_layers != 0 and llama_cpp.llama_supports_gpu_offload()
        assert (loaded.device == "CPU") != offloads
