"""Brings together what several readers say of the same graphics card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.llm.optimizer.machine.records import Gpu


def merge(found: Iterable[Sequence[Gpu]]) -> tuple[Gpu, ...]:
    """Each card once, in the order in which they were found.

    The readers come in the order of their word: a later one adds cards and fills in what an
    earlier one did not know, and changes nothing. Cards are the same by their place on the PCI
    bus, or by their kind where a reader tells no place.
    """
    merged: list[Gpu] = []
    for reader in found:
        taken: set[int] = set()  # two cards of one kind are two, also for this reader
        for gpu in reader:
            index = _index(merged, gpu, taken)
            if index is None:
                taken.add(len(merged))
                merged.append(gpu)
            else:
                taken.add(index)
                merged[index] = _filled(merged[index], gpu)
    return tuple(merged)


def _index(merged: Sequence[Gpu], gpu: Gpu, taken: set[int]) -> int | None:
    for index, known in enumerate(merged):
        if index not in taken and _is_same(known, gpu):
            return index
    return None


def _is_same(known: Gpu, gpu: Gpu) -> bool:
    if known.address and gpu.address:
        return known.address == gpu.address
    if known.hardware and gpu.hardware:
        return known.hardware == gpu.hardware
    return known.vendor == gpu.vendor and known.name.casefold() == gpu.name.casefold()


def _filled(known: Gpu, more: Gpu) -> Gpu:
    is_nameless = known.name.endswith(" graphics") and not more.name.endswith(" graphics")
    has_memory = known.total is not None
    driver = known.driver
    if more.driver.startswith("Mesa") and not driver.endswith(more.driver):
        driver = f"{driver}, {more.driver}" if driver else more.driver
    return replace(
        known,
        name=more.name if is_nameless else known.name,
        vendor=known.vendor or more.vendor,
        total=known.total if has_memory else more.total,
        free=known.free if has_memory else more.free,
        driver=driver or more.driver,
        is_unified=known.is_unified if known.is_unified is not None else more.is_unified,
        address=known.address or more.address,
        hardware=known.hardware or more.hardware,
    )
