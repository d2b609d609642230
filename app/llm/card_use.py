"""What the graphics cards that llama.cpp computes on do at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.llm.optimizer.machine import busy

if TYPE_CHECKING:
    from app.llm.optimizer.survey import FindBuild, Surveys
    from app.schema import EngineDevice


@dataclass(frozen=True, slots=True)
class CardUse:
    """A graphics card, as all programs use it; memory in bytes."""

    name: str
    taken: int
    total: int
    busy: int | None = None  # percent of the last moment in which it computed


CardUses = tuple[CardUse, ...]
ReadCards = Callable[[], CardUses]


@contextmanager
def opened(
    survey: Surveys, build: FindBuild, open_busy: busy.Open = busy.opened
) -> Iterator[ReadCards]:
    """Reads the cards; a tenth of a millisecond for each, unless a driver hangs."""
    gpus = {gpu.device: gpu for gpu in survey.now().gpus if gpu.device}
    with open_busy(gpus.values()) as percent:

        def use(device: EngineDevice) -> CardUse | None:
            if not device.is_gpu or device.total is None or device.free is None:
                return None
            gpu = gpus.get(device.name)
            return CardUse(
                device.description or device.name,
                device.total - device.free,
                device.total,
                percent(gpu) if gpu is not None else None,
            )

        def read() -> CardUses:
            known = build()
            return tuple(filter(None, map(use, known.devices if known else ())))

        yield read
