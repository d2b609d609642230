"""The task that looks again and again: its pace, its haste, and its end."""

import asyncio

import pytest

from app.lookout import Lookout

PATIENCE = 10.0  # seconds after which a test that waits for a look has failed
NAME = "look out of the window"
LONG, SHORT = 3600.0, 0.0  # seconds


class Looks:
    """Tells how each look came about; the pauses are short at first, as often as is said."""

    def __init__(self, short: int = 0) -> None:
        self.short = short
        self.taken: asyncio.Queue[bool] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, *, hurried: bool) -> float:
        self.taken.put_nowait(hurried)
        await asyncio.sleep(0)  # so that a test can end one that looks without a pause
        await self.may_end.wait()
        self.short -= 1
        return SHORT if self.short >= 0 else LONG

    async def next(self) -> bool:
        """Whether the next look was hurried."""
        async with asyncio.timeout(PATIENCE):
            return await self.taken.get()


def tasks() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == NAME]


async def turns() -> None:
    """Time enough for everything that need not wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_first_look_is_taken_at_once_and_is_not_hurried() -> None:
    looks = Looks()
    lookout = Lookout(NAME, looks)
    assert looks.taken.empty()
    lookout.start()
    assert not await looks.next()
    await lookout.aclose()


async def test_the_next_look_comes_when_the_pause_is_over() -> None:
    looks = Looks(short=2)
    lookout = Lookout(NAME, looks)
    lookout.start()
    assert [await looks.next() for _ in range(3)] == [False, False, False]
    await turns()
    assert looks.taken.empty()
    await lookout.aclose()


async def test_haste_ends_the_pause_once() -> None:
    looks = Looks()
    lookout = Lookout(NAME, looks)
    lookout.start()
    await looks.next()
    await turns()
    lookout.hurry()
    lookout.hurry()
    assert await looks.next()
    await turns()
    assert looks.taken.empty()
    await lookout.aclose()


async def test_haste_during_a_look_is_followed_by_another() -> None:
    looks = Looks()
    looks.may_end.clear()
    lookout = Lookout(NAME, looks)
    lookout.start()
    assert not await looks.next()
    lookout.hurry()
    await turns()
    assert looks.taken.empty(), "no two looks are taken at a time"
    looks.may_end.set()
    assert await looks.next()
    await lookout.aclose()


async def test_haste_before_the_start_makes_the_first_look_a_hurried_one() -> None:
    looks = Looks()
    lookout = Lookout(NAME, looks)
    lookout.hurry()
    lookout.start()
    assert await looks.next()
    await lookout.aclose()


async def test_a_second_start_changes_nothing() -> None:
    looks = Looks()
    lookout = Lookout(NAME, looks)
    lookout.start()
    lookout.start()
    assert len(tasks()) == 1
    await looks.next()
    await turns()
    assert looks.taken.empty()
    await lookout.aclose()


async def test_it_can_be_closed_at_any_time_and_started_again() -> None:
    looks = Looks()
    lookout = Lookout(NAME, looks)
    await lookout.aclose()
    lookout.start()
    await lookout.aclose()  # before its task has run
    assert looks.taken.empty()
    looks.may_end.clear()
    lookout.start()
    await looks.next()
    await lookout.aclose()  # in the middle of a look
    await lookout.aclose()
    assert tasks() == []
    looks.may_end.set()
    lookout.start()
    assert not await looks.next()
    await lookout.aclose()


@pytest.mark.parametrize("mistake", [ZeroDivisionError, TimeoutError])
async def test_a_mistake_ends_it_and_is_raised_when_it_is_closed(mistake: type[Exception]) -> None:
    async def look(*, hurried: bool) -> float:
        raise mistake

    lookout = Lookout(NAME, look)
    lookout.start()
    await asyncio.wait(tasks(), timeout=PATIENCE)
    assert tasks() == []
    with pytest.raises(mistake):
        await lookout.aclose()
    await lookout.aclose()
