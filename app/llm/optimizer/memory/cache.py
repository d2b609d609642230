"""The KV cache and the recurrent state of each layer.

Follows llama-kv-cache.cpp, llama-kv-cache-iswa.cpp and llama-memory-recurrent.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.llm.optimizer.memory.layers import Layer
from app.llm.optimizer.memory.settings import LoadSettings, row_bytes

NUMBER = 4  # bytes of an F32


def cache_bytes(layers: Sequence[Layer], settings: LoadSettings) -> list[int]:
    """What each layer's keys and values take."""
    widest = 0
    if not settings.flash_attention:
        # Values are kept turned then, in rows that are as long for every layer.
        widest = max((layer.value * layer.kv_heads for layer in layers), default=0)
    return [_one(layer, settings, widest) for layer in layers]


def state_bytes(layer: Layer, settings: LoadSettings) -> int:
    """What a layer's state takes, which does not depend on the context."""
    return (layer.convolution + layer.state) * NUMBER * settings.sequences()


def _one(layer: Layer, settings: LoadSettings, widest: int) -> int:
    if not layer.owns_cache:
        return 0
    row = row_bytes(settings.type_k, layer.key * layer.kv_heads)
    if not layer.latent:
        row += row_bytes(settings.type_v, widest or layer.value * layer.kv_heads)
    return row * settings.window_cells(layer.window) * settings.streams()
