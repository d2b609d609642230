"""How much this process uses, from one look to the next."""

import threading
import time

import psutil

from app.llm.use_meter import UseMeter
from app.schema import EngineDevice


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


def test_the_memory_of_cards_is_told_where_it_is_known() -> None:
    cards = [
        EngineDevice("CUDA0", "Some Card", "CUDA", is_gpu=True, free=3, total=10),
        EngineDevice("CUDA1", "Silent Card", "CUDA", is_gpu=True),
    ]
    now = UseMeter(lambda: cards).read()
    assert [(one.name, one.taken, one.total) for one in now.cards] == [("Some Card", 7, 10)]
    assert UseMeter().read().cards == ()
