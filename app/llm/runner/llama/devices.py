"""What the installed llama.cpp was built for, and the devices that it finds, with their memory.

Source: ggml-backend.h, which the bindings of llama.h leave out.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import llama_cpp
import llama_cpp.llama_cpp as llama
from llama_cpp._ctypes_extensions import load_shared_library

from app.llm.runner.llama import log
from app.llm.runner.llama.device import GPU, INTEGRATED_GPU
from app.schema import EngineBuild, EngineDevice

NAMES = {"MTL": "Metal", "HIP": "ROCm"}


def build() -> EngineBuild:
    """Asks llama.cpp afresh; the first time, a back end for GPUs takes a part of a second.

    Raises:
        OSError, AttributeError: llama.cpp's libraries lack something, as of another version.
    """
    log.forward()
    registry, base = _libraries()
    backends = [
        _named(base.ggml_backend_reg_name(registry.ggml_backend_reg_get(index)))
        for index in range(registry.ggml_backend_reg_count())
    ]
    devices = [
        _device(base, registry.ggml_backend_dev_get(index))
        for index in range(registry.ggml_backend_dev_count())
    ]
    return EngineBuild(
        version=llama_cpp.__version__,
        can_offload=bool(llama.llama_supports_gpu_offload()),
        backends=tuple(dict.fromkeys(backends)),
        devices=tuple(devices),
    )


def _device(base: ctypes.CDLL, handle: int) -> EngineDevice:
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    kind = base.ggml_backend_dev_type(handle)
    return EngineDevice(
        name=_text(base.ggml_backend_dev_name(handle)),
        description=_text(base.ggml_backend_dev_description(handle)).strip(),
        backend=_named(base.ggml_backend_reg_name(base.ggml_backend_dev_backend_reg(handle))),
        is_gpu=kind in (GPU, INTEGRATED_GPU),
        is_integrated=kind == INTEGRATED_GPU,
        free=free.value if total.value else None,  # both are 0 where the driver does not tell
        total=total.value or None,
    )


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """The library that lists the back ends and devices, and the one that describes them."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    registry = load_shared_library("ggml", folder)
    base = load_shared_library("ggml-base", folder)
    for kind in ("reg", "dev"):
        count = getattr(registry, f"ggml_backend_{kind}_count")
        get = getattr(registry, f"ggml_backend_{kind}_get")
        count.restype, count.argtypes = ctypes.c_size_t, []
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    for name, result in (
        ("ggml_backend_reg_name", ctypes.c_char_p),
        ("ggml_backend_dev_name", ctypes.c_char_p),
        ("ggml_backend_dev_description", ctypes.c_char_p),
        ("ggml_backend_dev_type", ctypes.c_int),
        ("ggml_backend_dev_backend_reg", ctypes.c_void_p),
    ):
        function = getattr(base, name)
        function.restype, function.argtypes = result, [ctypes.c_void_p]
    sizes = ctypes.POINTER(ctypes.c_size_t)
    base.ggml_backend_dev_memory.restype = None
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, sizes, sizes]
    return registry, base


def _named(name: bytes | None) -> str:
    told = _text(name)
    return NAMES.get(told, told)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
