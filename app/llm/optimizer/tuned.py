"""What was measured to be fastest for a model, as a plan takes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.llm.optimizer.wishes import Wishes
    from app.llm.trials import Tuning
    from app.schema import LoadPlan

# The fields of a plan, and those of Wishes and Tuned that stand for them.
NAMES = {
    "n_threads": "threads",
    "n_threads_batch": "threads_batch",
    "n_batch": "batch",
    "n_ubatch": "ubatch",
    "flash_attention": "flash_attention",
    "type_k": "type_k",
    "type_v": "type_v",
    "n_gpu_layers": "gpu_layers",
}
_THREADS = ("threads", "threads_batch")
_ATTENTION = ("flash_attention", "type_k", "type_v")
_MEMORY = ("batch", "ubatch", *_ATTENTION)


def left_open(wishes: Wishes) -> frozenset[str]:
    """The settings that a person leaves to what is measured to be fastest.

    What they ask for in general goes before speed: quiet, and less memory.
    """
    if not wishes.optimize:
        return frozenset()
    closed = {*(_THREADS if wishes.quiet else ()), *(_MEMORY if wishes.less_memory else ())}
    if any(getattr(wishes, name) is not None for name in _ATTENTION):
        closed |= {*_ATTENTION}  # they depend on one another
    return frozenset(
        name for name in NAMES.values() if name not in closed and getattr(wishes, name) is None
    )


@dataclass(frozen=True, slots=True)
class Tuned:
    """The settings that were fastest, where they differ from the plan's; None: they do not."""

    threads: int | None = None
    threads_batch: int | None = None
    batch: int | None = None  # tokens
    ubatch: int | None = None  # tokens
    flash_attention: bool | None = None
    type_k: str | None = None
    type_v: str | None = None
    gpu_layers: int | None = None
    day: str = ""  # on which it was measured, as 2026-01-31

    @classmethod
    def by(cls, tuning: Tuning) -> Tuned:
        """What a tuning has kept."""
        best, plan = tuning.best.plan, tuning.planned.plan
        is_moved = best.n_gpu_layers != plan.n_gpu_layers  # which decides how many threads suit
        changed = {
            name: getattr(best, field)
            for field, name in NAMES.items()
            if getattr(best, field) != getattr(plan, field) or (is_moved and name in _THREADS)
        }
        return cls(**changed, day=tuning.day)

    def over(self, wishes: Wishes) -> Wishes:
        """The wishes, with what was measured where that is left open."""
        given = {
            name: value for name in left_open(wishes) if (value := getattr(self, name)) is not None
        }
        return replace(wishes, **given)

    def decides(self, made: LoadPlan, wishes: Wishes, *choices: str) -> bool:
        """Whether some of a plan's choices are as they were measured to be fastest."""
        effective = self.over(wishes)
        return any(
            getattr(effective, NAMES[choice]) is not None
            and getattr(wishes, NAMES[choice]) is None
            and getattr(made, choice) == getattr(effective, NAMES[choice])
            for choice in choices
        )


NOT_TUNED = Tuned()
