"""Which devices a loaded model computes on, by ggml's own list of them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llama_cpp
import llama_cpp.llama_cpp as llama

# The bindings cover llama.h alone; ggml-backend.h is reached through the libraries beside it.
from llama_cpp._ctypes_extensions import load_shared_library

CPU, GPU, INTEGRATED_GPU = 0, 1, 2  # ggml-backend.h, enum ggml_backend_dev_type


@dataclass(frozen=True, slots=True)
class Device:
    """A device that ggml has a back end for: CUDA0 or Vulkan0, and what the maker calls it."""

    name: str
    description: str
    kind: int

    @property
    def title(self) -> str:
        """For instance “CUDA0 (NVIDIA H200)”."""
        name = f"Metal{self.name[3:]}" if self.name.startswith("MTL") else self.name
        about = self.description.strip()
        return f"{name} ({about})" if about and about != name else name


def find() -> list[Device]:
    """The devices of this computer that llama.cpp was built for."""
    registry, base = _libraries()
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for function, result in (
        (base.ggml_backend_dev_name, ctypes.c_char_p),
        (base.ggml_backend_dev_description, ctypes.c_char_p),
        (base.ggml_backend_dev_type, ctypes.c_int),
    ):
        function.restype, function.argtypes = result, [ctypes.c_void_p]
    handles = [
        registry.ggml_backend_dev_get(index) for index in range(registry.ggml_backend_dev_count())
    ]
    return [
        Device(
            _text(base.ggml_backend_dev_name(handle)),
            _text(base.ggml_backend_dev_description(handle)),
            base.ggml_backend_dev_type(handle),
        )
        for handle in handles
    ]


def describe(devices: Sequence[Device], layers: int, gpu_layers: int) -> str:
    """Where a model runs, for a person: “CPU”, or the GPUs and how many layers they have.

    Args:
        devices: those of this computer.
        layers: of the model, the output layer among them.
        gpu_layers: how many of them were asked to be on GPUs; a negative number stands for all.
    """
    # llama.cpp takes all graphics cards, and a graphics unit of the processor only without any.
    cards = [device for device in devices if device.kind == GPU]
    cards = cards or [device for device in devices if device.kind == INTEGRATED_GPU][:1]
    if not cards or gpu_layers == 0:
        return "CPU"
    where = ", ".join(device.title for device in cards)
    is_partial = 0 < gpu_layers < layers
    return f"{where}: {gpu_layers} of {layers} layers" if is_partial else where


def of(layers: int, gpu_layers: int) -> str:
    """As `describe`, for this computer."""
    return describe(find() if llama.llama_supports_gpu_offload() else [], layers, gpu_layers)


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """The library that lists the devices, and the one that describes them."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    return load_shared_library("ggml", folder), load_shared_library("ggml-base", folder)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
