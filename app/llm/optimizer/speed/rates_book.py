"""What this computer's devices reach, measured once and kept."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from app.llm.rates import ProbeOrder, Rates, read, written
from app.storage import Entries

BUSY = 40.0  # percent of the processor; what is measured beside so much other work is not kept
LOOK_SECONDS = 0.1
FADES = 300.0  # seconds after which that is measured again
Name = TypeVar("Name", str, int)
Measure = Callable[[ProbeOrder], Sequence[Rates]]


def work_of_others() -> float:
    """How busy the processor is, in percent; a look takes a tenth of a second."""
    return psutil.cpu_percent(LOOK_SECONDS)


class RatesBook:
    """A JSON file of rates by computer and llama.cpp; any thread may ask, and one measures."""

    def __init__(
        self,
        file: Path,
        engine: str,
        measure: Measure,
        is_busy: Callable[[], bool] = lambda: False,
        work: Callable[[], float] = work_of_others,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`engine` is the version of llama.cpp's package.

        `is_busy` says whether this program computes at the moment: nothing is measured then.
        `work` gives how busy the processor is: what is measured beside much is not kept.
        """
        self._entries = Entries(file)
        self._engine = engine
        self._measure = measure
        self._is_busy = is_busy
        self._work = work
        self._clock = clock
        self._measuring = threading.Lock()
        self._failed: set[tuple[str, ProbeOrder]] = set()
        self._passing: dict[str, tuple[float, Rates]] = {}  # measured beside other work, and when

    def rates(
        self,
        computer: str,
        threads: int,
        kinds: Iterable[str],
        heads: Iterable[int] = (),
        device: str = "",
        *,
        measures: bool = True,
    ) -> Rates | None:
        """What a device reaches; None where it cannot be measured, or not now.

        It blocks for a second or two where something was never measured on this computer.

        Args:
            computer: its fingerprint.
            threads: how many compute; a graphics card's do not matter.
            kinds: of weights.
            heads: widths of attention heads.
            device: llama.cpp's name for it; "" is the processor.
            measures: whether what is not known may be measured.
        """
        key = f"{computer} {self._engine} {device or 'CPU'} {threads}"
        wanted = ProbeOrder(_sorted(kinds), _sorted(heads), (threads,), device)
        known = self._known(key, threads)
        if measures and (_is_lacking(known, wanted) or self._has_faded(key)):
            with self._measuring:
                known = self._known(key, threads)  # another thread may have measured it
                if (_is_lacking(known, wanted) or self._has_faded(key)) and not self._is_busy():
                    known = self._measured(key, known, wanted)
        return known if known.near or not _is_lacking(known, wanted) else None

    def _measured(self, key: str, known: Rates, wanted: ProbeOrder) -> Rates:
        """What is known, with what it lacks; what fails is not tried again."""
        has = self._kept(key, known.threads) if self._has_faded(key) else known
        kinds = tuple(kind for kind in wanted.kinds if kind not in has.near)
        heads = tuple(width for width in wanted.heads if width not in has.attending)
        # Something must be gone through, to tell what a row costs.
        order = dataclasses.replace(wanted, kinds=kinds or _sorted(has.near)[:1], heads=heads)
        if (key, order) in self._failed:
            return known
        was_quiet = self._work() < BUSY
        measured = next(iter(self._measure(order)), None)
        is_quiet = was_quiet and self._work() < BUSY
        found = has if measured is None else _merged(has, measured)
        if _is_lacking(found, wanted):
            self._failed.add((key, order))
        if measured is None:
            return known
        if is_quiet and self._keep(key, found):
            self._passing.pop(key, None)
        else:
            found = dataclasses.replace(found, is_rough=True)
            self._passing[key] = (self._clock(), found)
        return found

    def forget(self, computer: str) -> None:
        """Measures everything anew from now on."""
        with self._measuring:
            self._failed.clear()
            self._passing.clear()
            known = self._entries.read()
            left = {key: one for key, one in known.items() if not key.startswith(f"{computer} ")}
            if left != known:
                self._entries.write(left)

    def _known(self, key: str, threads: int) -> Rates:
        passing = self._passing.get(key)
        return self._kept(key, threads) if passing is None else passing[1]

    def _has_faded(self, key: str) -> bool:
        """Whether what was measured while the computer was busy is to be measured again."""
        passing = self._passing.get(key)
        return passing is not None and self._clock() - passing[0] > FADES

    def _kept(self, key: str, threads: int) -> Rates:
        try:
            return read(self._entries.read()[key])
        except (LookupError, TypeError, ValueError, OverflowError, AttributeError):
            return Rates(threads)

    def _keep(self, key: str, rates: Rates) -> bool:
        return self._entries.write({**self._entries.read(), key: written(rates)})


def _sorted(names: Iterable[Name]) -> tuple[Name, ...]:
    return tuple(sorted(set(names)))


def _is_lacking(known: Rates, wanted: ProbeOrder) -> bool:
    """Whether something that is wanted was never measured."""
    return not (known.near.keys() >= {*wanted.kinds} and known.attending.keys() >= {*wanted.heads})


def _merged(known: Rates, measured: Rates) -> Rates:
    return Rates(
        threads=known.threads,
        near={**known.near, **measured.near},
        far={**known.far, **measured.far},
        products={**known.products, **measured.products},
        attending={**known.attending, **measured.attending},
        step=measured.step,
        row=known.row or measured.row,
    )
