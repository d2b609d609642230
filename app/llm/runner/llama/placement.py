"""Where a model's weights go: which devices, in what shares, and how they come into memory."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp
import llama_cpp.llama_cpp as llama

# The bindings leave this part of llama.h and ggml-backend.h out.
from llama_cpp._ctypes_extensions import load_shared_library

from app.schema import LoadPlan

NUMA_DISTRIBUTE = 1  # ggml-cpu.h, enum ggml_numa_strategy
# The tensors of a layer's experts; as llama.cpp's --n-cpu-moe names them, in common.h.
EXPERTS = r"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps"
_LOAD_MODES = {  # by mmap and mlock
    (False, False): llama.LLAMA_LOAD_MODE_NONE,
    (True, False): llama.LLAMA_LOAD_MODE_MMAP,
    (False, True): llama.LLAMA_LOAD_MODE_MLOCK,
    (True, True): llama.LLAMA_LOAD_MODE_MMAP_MLOCK,
}


class _Override(ctypes.Structure):
    """llama.h, struct llama_model_tensor_buft_override."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


class Placement:
    """Sets the parameters of a load; keep it until the model is loaded, for what they point to."""

    def __init__(self, plan: LoadPlan, parameters: Any) -> None:
        """`parameters` is a llama_model_params, whose bindings type some fields too narrowly."""
        parameters.n_gpu_layers = plan.n_gpu_layers
        parameters.load_mode = _LOAD_MODES[plan.use_mmap, plan.use_mlock]
        if plan.use_numa:
            _spread_over_nodes()
        if plan.tensor_split:
            self._shares = (ctypes.c_float * llama.LLAMA_MAX_DEVICES)(
                *plan.tensor_split[: llama.LLAMA_MAX_DEVICES]
            )
            parameters.tensor_split = ctypes.cast(self._shares, ctypes.POINTER(ctypes.c_float))
        if plan.cpu_expert_layers > 0:
            in_memory = _cpu_buffer_type()
            patterns = [
                EXPERTS.format(layer=number).encode() for number in range(plan.cpu_expert_layers)
            ]
            self._overrides = (_Override * (len(patterns) + 1))(
                *(_Override(pattern, in_memory) for pattern in patterns)
            )
            parameters.tensor_buft_overrides = ctypes.addressof(self._overrides)


@cache
def _spread_over_nodes() -> None:
    """Once in a process: ggml keeps the first strategy that it is told."""
    library = _library("llama")
    library.llama_numa_init.argtypes, library.llama_numa_init.restype = [ctypes.c_int], None
    library.llama_numa_init(NUMA_DISTRIBUTE)


@cache
def _cpu_buffer_type() -> int:
    library = _library("ggml-base")
    library.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
    return int(library.ggml_backend_cpu_buffer_type())


def _library(name: str) -> ctypes.CDLL:
    return load_shared_library(name, Path(llama_cpp.__file__).parent / "lib")
