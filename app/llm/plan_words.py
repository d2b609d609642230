"""A load plan and its memory in words: each choice with its value and its reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.llm.optimizer.memory import Estimate
    from app.llm.optimizer.room import Room
    from app.schema import LoadPlan

TITLES = {
    "n_ctx": "context",
    "n_threads": "threads",
    "n_threads_batch": "threads for prompts",
    "n_gpu_layers": "layers on graphics cards",
    "tensor_split": "shares of the cards",
    "cpu_expert_layers": "experts",
    "type_k": "KV cache",
    "flash_attention": "flash attention",
    "n_batch": "batch",
    "use_mmap": "memory mapping",
    "use_mlock": "memory locking",
    "use_numa": "memory nodes",
}
PARTS = {
    "weights": "weights",
    "repacked": "repacked weights",
    "cache": "KV cache",
    "state": "state",
    "compute": "computing",
    "output": "output",
    "work": "working memory",
    "overhead": "the rest",
}
# The parts as they stand in the window: those that a person can make smaller, and the rest.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Weights": ("weights", "repacked"),
    "KV cache": ("cache", "state"),
    "Computing": ("compute", "output", "work"),
    "The rest": ("overhead",),
}
MEMORY = "This computer's memory"
SMALL = "llama.cpp"  # a name that is written so
MOST_FREE = 1 << 60  # bytes; beyond it, what is free is not known


@dataclass(frozen=True, slots=True)
class Line:
    """One choice of a plan."""

    choice: str  # the plan's field, such as n_threads
    name: str
    value: str
    reason: str  # a sentence
    is_notice: bool = False  # something is less than was wanted


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What a load takes on one device, in bytes, beside what is free there."""

    device: str
    parts: tuple[tuple[str, int], ...]
    total: int
    free: int | None = None  # with what is loaded given back; None: not known


def lines(made: LoadPlan) -> tuple[Line, ...]:
    """All choices of a plan for which it has a reason, the context first."""
    order = list(TITLES)
    told = [one for one in made.reasons if one.choice in TITLES]
    return tuple(
        Line(
            one.choice,
            upper(TITLES[one.choice]),
            value := _VALUES[one.choice](made),
            _without(value, one.sentence),
            one.is_notice,
        )
        for one in sorted(told, key=lambda one: order.index(one.choice))
    )


def memory(estimate: Estimate, space: Room) -> tuple[DeviceMemory, ...]:
    """What an estimate says of each device that something is on."""
    names = [MEMORY, *(card.name for card in space.gpus)]
    free = [space.free, *(card.free for card in space.gpus)]
    return tuple(
        DeviceMemory(
            names[at] if at < len(names) else use.name,
            tuple(
                (title, size)
                for title, fields in GROUPS.items()
                if (size := sum(getattr(use, field) for field in fields))
            ),
            use.total,
            free[at] if at < len(free) and free[at] < MOST_FREE else None,
        )
        for at, use in enumerate(estimate.devices)
        if use.total
    )


def upper(text: str) -> str:
    """As a line begins; the name of llama.cpp stays small."""
    return text if text.startswith(SMALL) else text[:1].upper() + text[1:]


def _without(value: str, sentence: str) -> str:
    """A reason that does not say the value a second time."""
    for mark in (": ", ", "):
        if sentence.startswith(value + mark):
            return upper(sentence.removeprefix(value + mark))
    return sentence


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _layers(made: LoadPlan) -> str:
    if made.n_gpu_layers < 0:
        return "All"
    return f"{made.n_gpu_layers:,}" if made.n_gpu_layers else "None"


def _shares(shares: Sequence[float]) -> str:
    total = sum(shares)
    return " · ".join(f"{share / total:.0%}" for share in shares) if total else "By free memory"


def _cache(made: LoadPlan) -> str:
    return made.type_k if made.type_k == made.type_v else f"{made.type_k} and {made.type_v}"


def _switch(is_on: bool) -> str:  # noqa: FBT001 - the value itself
    return "On" if is_on else "Off"


_VALUES: Mapping[str, Callable[[LoadPlan], str]] = {
    "n_ctx": lambda made: _counted(made.n_ctx, "token"),
    "n_threads": lambda made: _counted(made.n_threads, "thread"),
    "n_threads_batch": lambda made: _counted(made.n_threads_batch, "thread"),
    "n_gpu_layers": _layers,
    "tensor_split": lambda made: _shares(made.tensor_split),
    "cpu_expert_layers": lambda made: _counted(made.cpu_expert_layers, "layer"),
    "type_k": _cache,
    "flash_attention": lambda made: _switch(made.flash_attention),
    "n_batch": lambda made: f"{made.n_batch:,} tokens of a prompt, {made.n_ubatch:,} at once",
    "use_mmap": lambda made: _switch(made.use_mmap),
    "use_mlock": lambda made: _switch(made.use_mlock),
    "use_numa": lambda made: _switch(made.use_numa),
}
