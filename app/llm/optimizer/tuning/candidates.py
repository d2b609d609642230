"""What is worth trying for a model: other numbers of threads, steps, caches and layers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.llm.optimizer.shape import Shape
from app.llm.optimizer.threads import MOST_THREADS, counted, most_threads
from app.llm.optimizer.tuned import left_open

if TYPE_CHECKING:
    from app.llm.optimizer.machine.records import Processor
    from app.llm.optimizer.wishes import Wishes
    from app.schema import LoadPlan

STEPS = (64, 128, 256, 1024, 2048)  # tokens of a prompt that are computed at once
FEW = 512  # tokens of a prompt in one batch, instead of the usual number
SMALL_CACHE = "q8_0"
WHOLE_CACHE = "f16"
Fits = Callable[["LoadPlan"], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that differs in one thing from another."""

    change: str  # in words
    plan: LoadPlan


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be tried; what the person has set stays so."""

    processor: Processor
    shape: Shape
    wishes: Wishes
    has_cards: bool
    fits: Fits  # whether there is memory for a plan

    def gpu_layers(self, plan: LoadPlan) -> Iterator[Candidate]:
        """Fewer layers on the graphics cards, and none."""
        is_set = self.wishes.cpu_expert_layers is not None or not self._may("gpu_layers")
        if is_set or not self.has_cards or not plan.n_gpu_layers:
            return
        layers = self.shape.layers
        now = layers if plan.n_gpu_layers < 0 else min(plan.n_gpu_layers, layers)
        for count in dict.fromkeys((now * 3 // 4, now // 2, 0)):
            fewer = replace(plan, n_gpu_layers=count, cpu_expert_layers=0)
            if count < now and self.fits(fewer):
                yield Candidate(f"{count} of {layers} layers on the graphics card", fewer)

    def threads(self, plan: LoadPlan) -> Iterator[Candidate]:
        """Other numbers of threads that write the answer."""
        if self._may("threads"):
            for count in self._counts(plan.n_threads):
                yield Candidate(counted(count), replace(plan, n_threads=count))

    def threads_batch(self, plan: LoadPlan) -> Iterator[Candidate]:
        """Other numbers of threads that read the prompt."""
        if self._may("threads_batch"):
            for count in self._counts(plan.n_threads_batch):
                changed = replace(plan, n_threads_batch=count)
                yield Candidate(f"{counted(count)} for the prompt", changed)

    def steps(self, plan: LoadPlan, longest: int) -> Iterator[Candidate]:
        """Larger and smaller steps of a prompt, up to `longest` tokens at once."""
        if not self._may("ubatch"):
            return
        longest = min(longest, plan.n_batch, plan.n_ctx)
        now = min(plan.n_ubatch, longest)
        for size in STEPS:
            changed = replace(plan, n_ubatch=size)
            if (size < now or now < size <= longest) and self.fits(changed):
                yield Candidate(f"{size:,} tokens at once", changed)

    def batches(self, plan: LoadPlan, longest: int) -> Iterator[Candidate]:
        """A smaller batch of a prompt."""
        size = max(FEW, plan.n_ubatch)
        if self._may("batch") and size < min(plan.n_batch, longest):
            yield Candidate(f"batches of {size:,} tokens", replace(plan, n_batch=size))

    def flash_attention(self, plan: LoadPlan) -> Iterator[Candidate]:
        """Flash attention the other way round; without it values cannot be kept in blocks."""
        if not self._may("flash_attention"):
            return
        is_on = not plan.flash_attention
        changed = replace(plan, flash_attention=is_on)
        if not is_on and changed.type_v != WHOLE_CACHE:
            changed = replace(changed, type_k=WHOLE_CACHE, type_v=WHOLE_CACHE)
        if self.fits(changed):
            yield Candidate(f"flash attention {'on' if is_on else 'off'}", changed)

    def caches(self, plan: LoadPlan) -> Iterator[Candidate]:
        """A KV cache of 8 bits; it is hardly less exact."""
        is_whole = plan.type_k == plan.type_v == WHOLE_CACHE
        may_be_small = self._may("type_k", "type_v") and self.shape.may_quantise
        if is_whole and plan.flash_attention and may_be_small:
            changed = replace(plan, type_k=SMALL_CACHE, type_v=SMALL_CACHE)
            yield Candidate(f"KV cache in {SMALL_CACHE}", changed)

    def _may(self, *names: str) -> bool:
        """Whether a plan would take what is found to be fastest."""
        return left_open(self.wishes).issuperset(names)

    def _counts(self, now: int) -> list[int]:
        """Numbers of threads that may be faster; the largest first."""
        chip = self.processor
        cores = chip.usable_cores or now
        fast = chip.usable_performance_cores or cores
        most = most_threads(chip)
        if chip.quota is not None or most == MOST_THREADS:
            most = min(most, cores)  # more than are granted, or known, would only collapse
        wanted = {cores, cores - 1, cores // 2, fast, fast - 1, fast // 2, most}
        return sorted((n for n in wanted if 1 <= n <= most and n != now), reverse=True)
