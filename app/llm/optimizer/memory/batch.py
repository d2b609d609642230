"""One batch on its way through a model: how many tokens it has, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.llm.optimizer.memory import architectures
from app.llm.optimizer.memory.allocation import Computation
from app.llm.optimizer.memory.layers import Layer, Model
from app.llm.optimizer.memory.settings import LoadSettings, is_quantised

NUMBER, INDEX, LONG_INDEX, HALF = 4, 4, 8, 2  # bytes
ROTATION = 64  # a quantised cache is rotated where a head has a multiple of so many numbers


class Batch:
    """The computation of one batch, and the sizes of its rows."""

    def __init__(self, model: Model, settings: LoadSettings) -> None:
        self.model = model
        self.settings = settings
        self.graph = Computation()
        self.tokens = settings.tokens()
        self.output_count = settings.outputs()
        self.sequences = settings.sequences()
        self.has_cache = architectures.has_cache(model.architecture)

    def rows(self, width: int) -> int:
        """Bytes of a row of numbers for each token."""
        return width * self.tokens * NUMBER

    def outputs(self, width: int) -> int:
        """Bytes of a row for each token whose logits are wanted."""
        return width * self.output_count * NUMBER

    def norm(self, given: int, size: int) -> int:
        """A norm and its weight."""
        return self.graph.over(size, self.graph.over(size, given))

    def cells(self, layer: Layer) -> int:
        """Tokens that a layer looks at: those of its cache, else those of the batch itself."""
        return self.settings.window_cells(layer.window) if self.has_cache else self.tokens

    def rotates(self, kind: str, width: int) -> bool:
        """Whether keys or values are rotated before they are stored; llama-kv-cache.cpp."""
        return is_quantised(kind) and width > 0 and width % ROTATION == 0


@dataclass(frozen=True, slots=True)
class Inputs:
    """The numbers of what a batch is given."""

    tokens: int
    positions: int
    outputs: int
    masks: dict[bool, int]  # for layers with a window, and for the others
    indices: dict[bool, int]
    rotation: int

    @classmethod
    def of(cls, batch: Batch, layers: Sequence[Layer]) -> Inputs:
        """Those that the layers need, made in the order of llama-graph.cpp."""
        graph, settings = batch.graph, batch.settings
        tokens = graph.input(batch.tokens * INDEX)
        graph.input(batch.rows(batch.model.width))  # vectors in place of tokens, for a projector
        positions = graph.input(batch.tokens * INDEX)
        attending = [
            layer for layer in layers if layer.owns_cache or (layer.attends and not batch.has_cache)
        ]
        element = HALF if settings.flash_attention else NUMBER
        masks, indices, largest = {}, {}, 0
        for is_windowed in dict.fromkeys(layer.window > 0 for layer in attending):
            kind = [layer for layer in attending if (layer.window > 0) is is_windowed]
            widest = 1
            if not settings.flash_attention:  # values are stored number by number then
                widest = max(layer.value * layer.kv_heads for layer in attending)
            indices[is_windowed] = graph.input(batch.tokens * LONG_INDEX * (1 + widest))
            masks[is_windowed] = graph.input(batch.cells(kind[0]) * batch.tokens * element)
            largest = max(largest, *(max(layer.key, layer.value) for layer in kind))
        is_rotated = is_quantised(settings.type_k) or is_quantised(settings.type_v)
        side = largest & -largest if is_rotated and largest % ROTATION == 0 else 0
        rotation = graph.input(2 * side * side * NUMBER)
        outputs = graph.input(batch.output_count * INDEX)
        return cls(tokens, positions, outputs, masks, indices, rotation)

    def mask(self, layer: Layer) -> tuple[int, ...]:
        """Which tokens a layer may look at, if it looks at any."""
        found = self.masks.get(layer.window > 0)
        return () if found is None else (found,)

    def places(self, layer: Layer) -> tuple[int, ...]:
        """Where in the cache a layer stores its keys and values."""
        found = self.indices.get(layer.window > 0)
        return () if found is None else (found,)
