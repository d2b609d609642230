"""How much this process uses, from one look to the next."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from app.llm.card_use import CardUse, ReadCards
from app.llm.optimizer.machine.standing import StandingQuestion
from app.llm.use_meter import UseMeter


def test_a_busy_core_counts_as_one() -> None:
    meter = UseMeter()
    first = meter.read()
    assert first.cores is None, "there was no look before"
    assert first.of_cores == psutil.cpu_count()
    end = threading.Event()
    busy = threading.Thread(target=_compute, args=(end,))
    busy.start()
    before = psutil.Process().cpu_times().user
    while psutil.Process().cpu_times().user < before + 0.2:
        time.sleep(0.01)
    end.set()
    busy.join()
    now = meter.read()
    assert now.cores is not None
    assert now.cores > 0
    assert abs(now.memory - psutil.Process().memory_info().rss) < 64 << 20


def _compute(end: threading.Event) -> None:
    while not end.is_set():
        sum(range(1000))


def test_the_share_is_reckoned_with_the_time_that_went_by() -> None:
    times = iter((10.0, 10.0, 1010.0))
    meter = UseMeter(clock=lambda: next(times))
    meter.read()
    assert meter.read().cores is None, "no time has gone by"
    now = meter.read()
    assert now.cores is not None
    assert 0 <= now.cores < 0.01, "a thousand seconds with next to no work"


def test_the_cards_are_as_they_were_last_answered_and_nobody_waits() -> None:
    gate = threading.Event()
    known = (CardUse("Some Card", 7, 10, 50),)

    @contextmanager
    def opened() -> Iterator[ReadCards]:
        gate.wait(60)
        yield lambda: known

    meter = UseMeter(StandingQuestion(opened, ()))
    assert [meter.read().cards for _ in range(3)] == [()] * 3, "the driver hangs"
    gate.set()
    end = time.monotonic() + 20
    while meter.read().cards != known:
        assert time.monotonic() < end
        time.sleep(0.002)
    meter.close()
    assert UseMeter().read().cards == ()
