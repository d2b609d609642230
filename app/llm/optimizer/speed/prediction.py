"""Foretells tokens per second before a model is loaded. Pure.

Writing a token goes through all weights that it needs, so that the memory's bandwidth decides; a
prompt is read many tokens at once, so that the multiplications do. Devices take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.llm.optimizer.speed import traffic
from app.llm.trials import Speed

if TYPE_CHECKING:
    from app.gguf import Header
    from app.llm.optimizer.memory import LoadSettings
    from app.llm.optimizer.speed.traffic import Traffic
    from app.llm.rates import Rates

STATE_TYPE = "F32"  # of recurrent layers
USUAL_DEPTH = 64  # tokens in the KV cache: half of those that llama.cpp's benchmark writes


def predict(
    header: Header,
    settings: LoadSettings,
    writing: Sequence[Rates | None],
    reading: Sequence[Rates | None] = (),
    depth: int = USUAL_DEPTH,
) -> Speed:
    """How fast a model will be; what cannot be foretold is None.

    Args:
        header: of the model's file.
        settings: how it is to be loaded.
        writing: what each device reaches with the threads that write the answer, the CPU first;
            None where that is not known.
        reading: the same with the threads that read the prompt; () is the same as `writing`.
        depth: tokens that are in the KV cache already.
    """
    devices = traffic.of(header, settings, depth)
    read = map(_reading, devices, _all(reading or writing, devices))
    taken = map(_writing, devices, _all(writing, devices))
    return Speed(
        prompt=_per_second([*read]),
        generation=_per_second([*taken]),
        is_rough=any(rates is not None and rates.is_rough for rates in (*writing, *reading)),
    )


def _all(rates: Sequence[Rates | None], devices: Sequence[Traffic]) -> list[Rates | None]:
    """For each device what it reaches; None where that is not known."""
    return [*rates, *[None] * len(devices)][: len(devices)]


def _per_second(seconds: Sequence[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return 1 / sum(known) if len(known) == len(seconds) and sum(known) > 0 else None


def _writing(device: Traffic, rates: Rates | None) -> float | None:
    """Seconds for a token that is written."""
    if rates is None:
        return None if device.steps else 0.0
    seconds: float | None = device.steps * rates.step + device.short_rows * rates.row
    for kind, count in (*device.read.items(), (STATE_TYPE, device.state)):
        seconds = _more(seconds, count, rates.reading(kind, device.resident))
    for width, count in device.attended.items():
        seconds = _more(seconds, count, rates.looking(width))
    return seconds


def _reading(device: Traffic, rates: Rates | None) -> float | None:
    """Seconds for each token of a prompt."""
    if rates is None:
        return None if device.steps else 0.0
    seconds: float | None = 0.0
    for kind, count in device.multiplied.items():
        seconds = _more(seconds, count, rates.multiplying(kind))
    return seconds


def _more(seconds: float | None, count: int, rate: float | None) -> float | None:
    """With what `count` takes at a rate added; None where that is not known."""
    if not count or seconds is None:
        return seconds
    return seconds + count / rate if rate else None
