"""What a person wants of a load, where it differs from what suits the computer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """None leaves a choice to the plan."""

    context: int | None = None  # tokens
    type_k: str | None = None  # of the KV cache, such as q8_0
    type_v: str | None = None
    gpu_layers: int | None = None  # a negative number stands for all
    cpu_expert_layers: int | None = None  # first layers whose experts stay on the CPU
    tensor_split: tuple[float, ...] = ()  # the share of each GPU
    threads: int | None = None
    threads_batch: int | None = None
    batch: int | None = None  # tokens
    ubatch: int | None = None  # tokens
    flash_attention: bool | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    less_memory: bool = False
    quiet: bool = False  # half of the cores: less heat, noise and current
    optimize: bool = True  # without it, llama.cpp's own defaults


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that has worked on this computer, after a plan failed to load; None: no limit."""

    context: int | None = None  # tokens
    gpu_layers: int | None = None


NO_WISHES = Wishes()
NO_CEILING = Ceiling()
