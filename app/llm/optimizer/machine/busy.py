"""How busy graphics cards are, by whichever reader is for their maker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from app.llm.optimizer.machine import linux_gpus, nvml
from app.llm.optimizer.machine.records import Gpu

Busy = Callable[[Gpu], int | None]
Open = Callable[[Iterable[Gpu]], AbstractContextManager[Busy]]


@contextmanager
def opened(
    gpus: Iterable[Gpu], root: Path = Path("/"), library: str = nvml.LIBRARY
) -> Iterator[Busy]:
    """Tells how busy one of these cards is, in percent; None where nothing tells it cheaply.

    Args:
        gpus: the cards that will be asked about.
        root: the folder that stands for / on Linux.
        library: of NVIDIA's driver; it is loaded only where one of the cards is NVIDIA's.
    """
    readers: dict[str, nvml.BusyAt] = {"AMD": lambda address: linux_gpus.busy(root, address)}
    with ExitStack() as stack:
        if any(gpu.vendor == "NVIDIA" and gpu.address for gpu in gpus):
            readers["NVIDIA"] = stack.enter_context(nvml.opened(library))
        yield lambda gpu: _asked(readers, gpu)


def _asked(readers: dict[str, nvml.BusyAt], gpu: Gpu) -> int | None:
    read = readers.get(gpu.vendor)
    return read(gpu.address) if read is not None and gpu.address else None
