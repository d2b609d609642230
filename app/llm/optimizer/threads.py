"""How many threads compute, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Computer, Processor
    from app.llm.optimizer.wishes import Wishes

PLAIN_THREADS = 4  # llama.cpp's own default; ggml.h, GGML_DEFAULT_N_THREADS
FEEDING_THREADS = 4  # they hand a GPU its work, and wait for it
MOST_THREADS = 512  # ggml.h, GGML_MAX_N_THREADS


def threads(computer: Computer, wishes: Wishes, *, is_on_gpu: bool) -> tuple[int, str]:
    """The threads that write an answer, and the reason as a sentence.

    `is_on_gpu` says that all layers are on GPUs.
    """
    chip = computer.processor
    if wishes.threads is not None:
        return wished(wishes.threads, chip)
    if not wishes.optimize:
        return PLAIN_THREADS, f"{counted(PLAIN_THREADS)}: llama.cpp's own default."
    count, reason = _suiting(chip)
    if is_on_gpu and count > FEEDING_THREADS:
        count = FEEDING_THREADS
        reason = "the graphics card computes, and needs few threads to hand it its work"
    if wishes.quiet and count > 1:
        count //= 2
        reason = f"half as many as would be fastest, to stay quiet ({reason})"
    return count, f"{counted(count)}: {reason}."


def wished(count: int, chip: Processor) -> tuple[int, str]:
    """The number that a person set, as far as the computer has it."""
    most = most_threads(chip)
    if count > most:
        return most, f"{counted(most)}: {count:,} were wished for, and Hearth may use no more."
    count = max(1, count)
    return count, f"{counted(count)}, as you set it."


def _suiting(chip: Processor) -> tuple[int, str]:
    cores = chip.usable_cores
    if cores is None:
        return PLAIN_THREADS, "the processor's cores are not known, and this is the usual number"
    fast = chip.usable_performance_cores
    if chip.is_hybrid and fast is not None and fast < cores:
        return max(1, fast), (
            f"your {_cores(fast, 'performance ')}; efficiency cores slow generation"
        )
    whole = chip.physical_cores or cores
    if cores < whole:
        by_quota = chip.quota is not None and int(chip.quota) <= cores
        who = "this container is granted" if by_quota else "Hearth may use"
        return cores, f"{who} {cores} of the {_cores(whole)}"
    if cores == 1:
        return 1, "the processor has one core"
    return cores, f"one for each of your {_cores(cores)}; more would wait for each other"


def most_threads(chip: Processor) -> int:
    """The most threads that can run at once; a quota is kept by the kernel in any case."""
    allowed = len(chip.allowed_cpus) if chip.allowed_cpus else 0
    return min(MOST_THREADS, allowed or chip.logical_cores or chip.physical_cores or MOST_THREADS)


def counted(count: int) -> str:
    """The number with its noun."""
    return f"{count} thread" if count == 1 else f"{count} threads"


def _cores(count: int, kind: str = "") -> str:
    return f"{count} {kind}core" if count == 1 else f"{count} {kind}cores"
