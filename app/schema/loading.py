"""How a model is loaded into this process, and what that is decided by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LoadStage(StrEnum):
    """The steps of loading a model."""

    CHECKING = "checking"  # a child process tries a file that was never seen before
    LOADING = "loading"


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load has come; `fraction` runs from 0 to 1 within its stage."""

    stage: LoadStage
    fraction: float


@dataclass(frozen=True, slots=True)
class Hardware:
    """Facts about this computer; memory in bytes."""

    physical_cores: int  # that this process may use: affinity mask and cgroup quota are honoured
    total_memory: int
    available_memory: int


@dataclass(frozen=True, slots=True)
class EngineDevice:
    """A device that the installed llama.cpp can compute on; memory in bytes."""

    name: str  # CUDA0, Vulkan0, CPU, …
    description: str  # what its maker calls it
    backend: str  # CUDA, Vulkan, ROCm, Metal, SYCL, CPU, …
    is_gpu: bool
    is_integrated: bool = False  # into the processor, whose memory it shares
    free: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """What the installed llama.cpp was built for."""

    version: str  # of llama-cpp-python
    can_offload: bool  # layers to GPUs
    backends: tuple[str, ...] = ()  # that it has, with or without a device: CUDA, CPU, …
    devices: tuple[EngineDevice, ...] = ()


MAX_SCALE = 10.0  # of an adapter, either way; beyond it nothing but noise is left


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: a GGUF file that changes a model, and how strongly (1 as it was trained)."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a plan has what it has."""

    choice: str  # the plan's field, such as n_threads
    sentence: str
    is_notice: bool = False  # the person is told of it: something is less than was wanted


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model is to be loaded; everything here is fixed until the next load.

    What may differ from one request to the next is in Sampling.
    """

    path: str
    n_ctx: int
    n_threads: int
    n_threads_batch: int
    n_batch: int = 2048
    n_ubatch: int = 512
    n_gpu_layers: int = -1  # all of them, where llama.cpp was built with a GPU back end
    tensor_split: tuple[float, ...] = ()  # the share of each GPU; (): by their free memory
    cpu_expert_layers: int = 0  # so many first layers keep their experts in the computer's memory
    type_k: str = "f16"  # of the KV cache: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl
    type_v: str = "f16"
    flash_attention: bool = True
    use_mmap: bool = True
    use_mlock: bool = False  # the weights are kept from being swapped out
    use_numa: bool = False  # threads are spread over the processor's memory nodes
    extra_buffers: bool = True  # weights repacked for AMX and the like
    adapters: tuple[Adapter, ...] = ()
    for_embedding: bool = False  # it turns texts into vectors, and gets no context for a chat
    reasons: tuple[Reason, ...] = ()
