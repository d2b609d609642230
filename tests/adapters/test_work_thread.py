"""One thread for a model: order, stopping, errors, and the end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from app.llm.providers.huggingface.work_thread import Stop, Stopped, WorkThread
from tests.adapters.asking import until

PATIENCE = 20.0  # seconds; only a test that fails waits for so long
Emit = Callable[[int], None]


@pytest.fixture
async def thread() -> AsyncIterator[WorkThread]:
    made = WorkThread("work")
    yield made
    await made.aclose()


class Endless:
    """Counts until it is stopped, one number each time it is let go on."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.began = threading.Event()
        self.ended = threading.Event()

    def __call__(self, stop: Stop, emit: Emit) -> None:
        self.began.set()
        number = 0
        while not stop.is_set():
            if self.go.acquire(timeout=0.01):
                number += 1
                emit(number)
        self.ended.set()
        raise Stopped


async def test_what_is_emitted_comes_as_it_is_made(thread: WorkThread) -> None:
    work = Endless()
    async with aclosing(thread.run(work)) as numbers:
        for expected in (1, 2, 3):
            work.go.release()
            assert await anext(numbers) == expected
        assert not work.ended.is_set()
    assert work.ended.is_set(), "closing returns when the work has ended"
    assert thread.waiting == 0


async def test_work_is_done_in_its_order_on_one_thread(thread: WorkThread) -> None:
    order: list[int] = []
    threads: set[str] = set()

    def job(number: int) -> Callable[[Stop], int]:
        def work(_stop: Stop) -> int:
            order.append(number)
            threads.add(threading.current_thread().name)
            return number

        return work

    done = await asyncio.gather(*(thread.call(job(number)) for number in range(5)))
    assert done == order == [0, 1, 2, 3, 4]
    assert len(threads) == 1
    assert threads.pop().startswith("work")


async def test_what_waits_can_be_given_up_and_never_begins(thread: WorkThread) -> None:
    first, second = Endless(), Endless()
    async with aclosing(thread.run(first)) as numbers:
        first.go.release()
        await anext(numbers)
        waiting = asyncio.create_task(anext(thread.run(second)))
        await until(lambda: thread.waiting == 2)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert thread.waiting == 1
        assert not first.ended.is_set()
    assert await thread.call(lambda _stop: 7) == 7
    assert not second.began.is_set()


async def test_cancelling_a_call_stops_its_work(thread: WorkThread) -> None:
    began, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        began.set()
        assert stop.wait(PATIENCE)
        ended.set()

    task = asyncio.create_task(thread.call(work))
    await until(began.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_errors_reach_whoever_asked(thread: WorkThread) -> None:
    def fails(_stop: Stop, emit: Emit) -> None:
        emit(1)
        raise ValueError("so it is")

    async with aclosing(thread.run(fails)) as numbers:
        assert await anext(numbers) == 1
        with pytest.raises(ValueError, match="so it is"):
            await anext(numbers)
    assert thread.waiting == 0
    assert await thread.call(lambda _stop: 7) == 7


async def test_the_end_stops_what_runs_and_what_waits() -> None:
    thread = WorkThread("work")
    running, waiting = Endless(), Endless()

    async def consume(work: Endless) -> None:
        async for _ in thread.run(work):
            pass

    tasks = [asyncio.create_task(consume(work)) for work in (running, waiting)]
    await until(lambda: running.began.is_set() and thread.waiting == 2)
    await thread.aclose()
    for task in tasks:
        with pytest.raises(Stopped):
            await task
    assert running.ended.is_set()
    assert not waiting.began.is_set()
    with pytest.raises(Stopped):
        await thread.call(lambda _stop: None)
    await thread.aclose()  # it is so already
