"""The window's event loop: its timers run once, in order, and are gone when they are cancelled."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from PySide6.QtCore import QAbstractEventDispatcher
from PySide6.QtWidgets import QApplication

from app import event_loop
from app.event_loop import EventLoop
from tests.ui.conftest import Run

LATER = 3600.0  # seconds that nobody waits for


def waiting(loop: asyncio.AbstractEventLoop) -> int:
    """The timers that Qt has for calls to come."""
    assert isinstance(loop, EventLoop)
    dispatcher = QAbstractEventDispatcher.instance()
    assert dispatcher is not None
    return len(dispatcher.registeredTimers(loop._timers))


def test_a_cancelled_time_out_leaves_qt_at_once(run: Run) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LATER):
            assert waiting(loop) == 1
        assert waiting(loop) == 0
        sleeper = asyncio.create_task(asyncio.sleep(LATER))
        await asyncio.sleep(0)
        handle = loop.call_at(loop.time() + LATER, sleeper.cancel)
        assert waiting(loop) == 2
        sleeper.cancel()
        await asyncio.wait([sleeper])
        handle.cancel()
        handle.cancel()
        assert waiting(loop) == 0

    run(check())


def test_calls_are_made_once_in_the_order_of_their_times(run: Run) -> None:
    said: list[str] = []

    async def check() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        late = loop.call_later(0.1, said.append, "late")
        loop.call_later(0.2, done.set)
        never = loop.call_later(0.05, said.append, "never")
        loop.call_later(0.001, said.append, "early")
        loop.call_later(0, said.append, "now")
        loop.call_later(-1, said.append, "overdue")
        never.cancel()
        await done.wait()
        late.cancel()  # it has run
        assert waiting(loop) == 0

    run(check())
    assert said == ["now", "overdue", "early", "late"]


def test_a_time_out_ends_what_takes_too_long(run: Run) -> None:
    async def check() -> bool:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return True
        return False

    assert run(check())


def test_a_call_has_its_own_context_and_its_error_goes_to_the_handler(run: Run) -> None:
    number = contextvars.ContextVar("number", default=0)
    heard: list[object] = []

    def fail() -> None:
        raise KeyError(number.get())

    async def check() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, about: heard.append(about["exception"]))
        context = contextvars.copy_context()
        context.run(number.set, 7)
        loop.call_later(0.001, fail, context=context)
        while not heard:
            await asyncio.sleep(0.001)

    run(check())
    assert repr(heard) == "[KeyError(7)]"


def test_a_closed_loop_calls_nobody(qapp: QApplication) -> None:
    said: list[str] = []
    loop = EventLoop(qapp)
    loop.call_later(0.001, said.append, "closed")
    timers = loop._timers
    dispatcher = QAbstractEventDispatcher.instance()
    assert dispatcher is not None
    assert len(dispatcher.registeredTimers(timers)) == 1
    loop.close()
    assert not dispatcher.registeredTimers(timers)
    assert not said


def test_a_time_out_may_be_infinite(run: Run) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(float("inf")):
            assert waiting(loop) == 1
            await asyncio.sleep(0.001)
        assert waiting(loop) == 0

    run(check())


def test_what_waits_for_longer_than_a_timer_of_qt_goes_on_waiting(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_loop, "LONGEST", 0.001)
    said: list[str] = []

    async def check() -> None:
        loop = asyncio.get_running_loop()
        handle = loop.call_later(LATER, said.append, "too early")
        await asyncio.sleep(0.02)
        assert waiting(loop) == 1
        handle.cancel()
        assert waiting(loop) == 0

    run(check())
    assert not said
