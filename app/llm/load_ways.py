"""Ways in which any model can be loaded: longer and shorter contexts, smaller KV caches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.llm.optimizer.planning import THRIFTY_CACHE, THRIFTY_CONTEXT, THRIFTY_UBATCH

if TYPE_CHECKING:
    from app.llm.workbench import Workbench
    from app.settings import WishSetting

LEAST_CONTEXT = 256  # tokens that can be set


class Varied(StrEnum):
    """What a way to load changes."""

    NOTHING = "nothing"
    CONTEXT = "context"
    CACHE = "cache"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to load any model: what is wanted of it in place of what the person has set."""

    varied: Varied
    name: str  # such as 8,192 tokens
    context: int = 0  # tokens, where that is varied; 0: as the model was trained
    cache: str = ""  # the type of the KV cache, where that is varied

    def wanted(self, bench: Workbench) -> WishSetting:
        """What is to be kept of a model's wishes for this way."""
        changes: dict[str, object] = {}
        if self.varied is Varied.CONTEXT:
            changes = {"context": self.context or _trained(bench)}
        elif self.varied is Varied.CACHE:
            changes = {"type_k": self.cache, "type_v": self.cache}
        elif self.varied is Varied.MEMORY:
            changes = _thrifty(bench)
        return bench.kept.model_copy(update=changes)


AS_IT_IS = Way(Varied.NOTHING, "As it is")
WAYS = (
    AS_IT_IS,
    *(Way(Varied.CONTEXT, f"{size:,} tokens", context=size) for size in (4096, 8192, 32_768)),
    Way(Varied.CONTEXT, "As trained"),
    *(Way(Varied.CACHE, kind, cache=kind) for kind in ("f16", "q8_0", "q4_0")),
    Way(Varied.MEMORY, "Less memory"),
)


def _trained(bench: Workbench) -> int | None:
    trained = bench.limits.trained_context
    return max(LEAST_CONTEXT, trained) if trained else None


def _thrifty(bench: Workbench) -> dict[str, object]:
    """What “Take less memory” does to all models, as wishes for one."""
    kept, limits = bench.kept, bench.limits
    changes: dict[str, object] = {"ubatch": min(kept.ubatch or THRIFTY_UBATCH, THRIFTY_UBATCH)}
    usual = kept.context or limits.trained_context
    if not usual or usual > THRIFTY_CONTEXT:
        changes["context"] = THRIFTY_CONTEXT
    if THRIFTY_CACHE in limits.cache_types:
        changes["type_k"] = THRIFTY_CACHE
        if kept.flash_attention is not False:  # without it values cannot be kept in blocks
            changes["type_v"] = THRIFTY_CACHE
    return changes
