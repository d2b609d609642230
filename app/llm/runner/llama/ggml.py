"""The few functions of ggml that the bindings of llama.h leave out and a probe needs.

Source: ggml.h, ggml-backend.h and ggml-cpu.h of llama.cpp.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp._ctypes_extensions import load_shared_library

_POINTER, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_COUNT, _FLOAT = ctypes.c_int64, ctypes.c_float
F32, F16 = 0, 1  # enum ggml_type
CPU_DEVICE = 0  # enum ggml_backend_dev_type


class InitParams(ctypes.Structure):
    """ggml.h, struct ggml_init_params."""

    _fields_ = (("mem_size", _SIZE), ("mem_buffer", _POINTER), ("no_alloc", ctypes.c_bool))


# library, name, result, arguments
_FUNCTIONS: tuple[tuple[str, str, Any, tuple[Any, ...]], ...] = (
    ("ggml-base", "ggml_init", _POINTER, (InitParams,)),
    ("ggml-base", "ggml_free", None, (_POINTER,)),
    ("ggml-base", "ggml_new_tensor_2d", _POINTER, (_POINTER, _INT, _COUNT, _COUNT)),
    ("ggml-base", "ggml_new_tensor_3d", _POINTER, (_POINTER, _INT, _COUNT, _COUNT, _COUNT)),
    (
        "ggml-base",
        "ggml_flash_attn_ext",
        _POINTER,
        (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _FLOAT, _FLOAT, _FLOAT),
    ),
    ("ggml-base", "ggml_mul_mat", _POINTER, (_POINTER, _POINTER, _POINTER)),
    ("ggml-base", "ggml_rms_norm", _POINTER, (_POINTER, _POINTER, _FLOAT)),
    ("ggml-base", "ggml_new_graph_custom", _POINTER, (_POINTER, _SIZE, ctypes.c_bool)),
    ("ggml-base", "ggml_build_forward_expand", None, (_POINTER, _POINTER)),
    ("ggml-base", "ggml_row_size", _SIZE, (_INT, _COUNT)),
    (
        "ggml-base",
        "ggml_quantize_chunk",
        _SIZE,
        (_INT, _POINTER, _POINTER, _COUNT, _COUNT, _COUNT, _POINTER),
    ),
    ("ggml-base", "ggml_quantize_free", None, ()),
    ("ggml-base", "ggml_backend_alloc_ctx_tensors", _POINTER, (_POINTER, _POINTER)),
    ("ggml-base", "ggml_backend_alloc_ctx_tensors_from_buft", _POINTER, (_POINTER, _POINTER)),
    ("ggml-base", "ggml_backend_buffer_free", None, (_POINTER,)),
    ("ggml-base", "ggml_backend_tensor_set", None, (_POINTER, _POINTER, _SIZE, _SIZE)),
    ("ggml-base", "ggml_backend_graph_compute", _INT, (_POINTER, _POINTER)),
    ("ggml-base", "ggml_backend_free", None, (_POINTER,)),
    ("ggml-base", "ggml_backend_dev_init", _POINTER, (_POINTER, ctypes.c_char_p)),
    ("ggml-base", "ggml_backend_dev_backend_reg", _POINTER, (_POINTER,)),
    ("ggml-base", "ggml_backend_dev_supports_op", ctypes.c_bool, (_POINTER, _POINTER)),
    ("ggml-base", "ggml_backend_reg_get_proc_address", _POINTER, (_POINTER, ctypes.c_char_p)),
    ("ggml-cpu", "ggml_backend_cpu_set_n_threads", None, (_POINTER, _INT)),
    ("ggml", "ggml_backend_dev_by_type", _POINTER, (_INT,)),
    ("ggml", "ggml_backend_dev_by_name", _POINTER, (ctypes.c_char_p,)),
    ("ggml", "ggml_backend_load_all", None, ()),
)


class Functions:
    """The functions by their own names."""

    def __init__(self) -> None:
        """Raises OSError or AttributeError where llama.cpp's libraries lack something."""
        folder = Path(llama_cpp.__file__).parent / "lib"
        for library, name, result, arguments in _FUNCTIONS:
            function = getattr(load_shared_library(library, folder), name)
            function.restype, function.argtypes = result, list(arguments)
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        """For the type checker: every function is set when this is made."""
        raise AttributeError(name)


@cache
def functions() -> Functions:
    """The functions, looked up once."""
    return Functions()


def extra_buffer_types(device: int) -> list[int]:
    """The layouts into which weights are repacked for a device, as llama.cpp offers them."""
    ggml = functions()
    registry = ggml.ggml_backend_dev_backend_reg(device)
    found = ggml.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
    if not found:
        return []
    listed = ctypes.CFUNCTYPE(ctypes.POINTER(_POINTER), _POINTER)(found)(device)
    types: list[int] = []
    while listed and (one := listed[len(types)]):
        types.append(one)
    return types
