"""What a device reaches with llama.cpp's own kernels, as a probe has measured it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.gguf.tables import TENSOR_TYPES

NEAR, FAR = 16 << 20, 160 << 20  # bytes of weights that lie in the caches, and that do not
WIDTH = 2048  # of the matrices, which have as many rows


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """What is to be measured."""

    kinds: tuple[str, ...]  # of weights, such as Q4_K
    heads: tuple[int, ...] = ()  # widths of attention heads
    threads: tuple[int, ...] = (1,)
    device: str = ""  # llama.cpp's name for a graphics card; "" is the processor
    extra_buffers: bool = True  # weights are repacked for the processor


@dataclass(frozen=True, slots=True)
class Rates:
    """The speeds of one device with a number of threads."""

    threads: int
    # Bytes of weights that are gone through in a second when a token is written, by their type:
    near: Mapping[str, float] = field(default_factory=dict)  # where all lie in the caches
    far: Mapping[str, float] = field(default_factory=dict)  # where they come from the memory
    # Weights times numbers in a second, when the tokens of a prompt are read at once:
    products: Mapping[str, float] = field(default_factory=dict)
    # The same of an attention head that looks at the tokens before, by its width:
    attending: Mapping[int, float] = field(default_factory=dict)
    step: float = 0.0  # seconds that each step of a computation takes, however small
    row: float = 0.0  # seconds that each row of a matrix takes, however short
    is_rough: bool = False  # measured while other programs were busy; such are not kept

    def reading(self, kind: str, size: int) -> float | None:
        """Bytes a second at which weights of a type are gone through.

        Args:
            kind: of the weights, such as Q4_K.
            size: the bytes of all of them, between two uses of one.
        """
        near, far = _like(self.near, kind), _like(self.far, kind)
        if near is None or far is None or not near > 0 < far:
            return None
        # Between, a part of them is still in the caches.
        share = (math.log(max(size, 1)) - math.log(NEAR)) / (math.log(FAR) - math.log(NEAR))
        share = min(1.0, max(0.0, share))
        return 1 / ((1 - share) / near + share / far)

    def multiplying(self, kind: str) -> float | None:
        """Products a second, with weights of a type."""
        return _like(self.products, kind)

    def looking(self, width: int) -> float | None:
        """Products a second of an attention head of that width, else of the most similar one."""
        nearest = min(self.attending, key=lambda one: abs(one - width), default=None)
        return None if nearest is None else self.attending[nearest]


def written(rates: Rates) -> dict[str, Any]:
    """Rates as JSON has them."""
    return asdict(rates)


def read(value: Any) -> Rates:
    """Rates from JSON. Raises ValueError, TypeError, LookupError or OverflowError otherwise."""
    return Rates(
        threads=int(value["threads"]),
        near=_figures(value["near"]),
        far=_figures(value["far"]),
        products=_figures(value["products"]),
        attending={int(width): rate for width, rate in _figures(value["attending"]).items()},
        step=_seconds(value["step"]),
        row=_seconds(value["row"]),
        is_rough=bool(value["is_rough"]),
    )


def _figures(value: Any) -> dict[str, float]:
    found = {str(name): float(rate) for name, rate in dict(value).items()}
    if not all(0 < rate < math.inf for rate in found.values()):
        raise ValueError("a rate is no positive number")
    return found


def _seconds(value: Any) -> float:
    if not 0 <= (seconds := float(value)) < math.inf:
        raise ValueError("a time is no number")
    return seconds


def _like(measured: Mapping[str, float], kind: str) -> float | None:
    """The figure of a type, else that of the type whose weights are of the most similar size."""
    if kind in measured:
        return measured[kind]
    if not measured:
        return None
    wanted = _bytes_each(kind)
    return measured[min(measured, key=lambda one: abs(_bytes_each(one) - wanted))]


def _bytes_each(kind: str) -> float:
    return _SIZES.get(kind, 1.0)


_SIZES = {name: size / block for name, block, size in TENSOR_TYPES.values()}
