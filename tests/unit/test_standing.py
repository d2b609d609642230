"""A question that is asked again and again: nobody waits for it, and it leaves nothing behind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from app.llm.optimizer.machine.standing import FRESH, StandingQuestion

PATIENCE = 20.0  # seconds


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


@dataclass
class Driver:
    """Gives one answer for each permit, and hangs without one; the answers are 1, 2, 3 …"""

    permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asked: int = 0
    opened: list[int] = field(default_factory=list)  # by which threads
    closed: list[int] = field(default_factory=list)
    now: float = 0.0
    error: Exception | None = None

    @contextmanager
    def open(self) -> Iterator[Callable[[], int]]:
        self.opened.append(threading.get_ident())
        yield self._read
        self.closed.append(threading.get_ident())

    def _read(self) -> int:
        self.asked += 1
        assert self.permits.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return self.asked


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def question(driver: Driver) -> Iterator[StandingQuestion[int]]:
    made = StandingQuestion(driver.open, 0, lambda: driver.now)
    yield made
    made.close()
    driver.permits.release(100)


def threads() -> int:
    return sum(thread.name == "standing" for thread in threading.enumerate())


def _tells(question: StandingQuestion[int], answer: int) -> bool:
    return question.ask() == answer


def test_each_question_has_the_next_answer_read(
    driver: Driver, question: StandingQuestion[int]
) -> None:
    assert question.ask() == 0, "nothing is known yet, and nobody waits"
    for answer in (1, 2, 3):
        driver.permits.release()
        until(partial(_tells, question, answer))
    assert len(driver.opened) == 1
    assert driver.opened != [threading.get_ident()], "not by the thread that asks"


def test_a_driver_that_hangs_is_asked_once_and_its_last_answer_shown_for_a_while(
    driver: Driver, question: StandingQuestion[int]
) -> None:
    driver.permits.release()
    until(lambda: question.ask() == 1 and driver.asked == 2)
    assert [question.ask() for _ in range(50)] == [1] * 50
    driver.now = FRESH
    assert question.ask() == 1
    driver.now += 0.1
    assert question.ask() == 0, "nobody believes it any more"
    assert (driver.asked, threads()) == (2, 1)
    driver.permits.release()
    until(lambda: question.ask() == 2)


def test_nothing_is_left_when_it_is_closed(driver: Driver, question: StandingQuestion[int]) -> None:
    question.close()
    assert threads() == 0, "nobody has asked"
    driver.permits.release(2)
    question.ask()
    until(lambda: driver.asked)
    question.close()
    until(lambda: threads() == 0)
    assert driver.closed == driver.opened, "by the thread that opened it"
    until(lambda: question.ask() == 2)
    assert len(driver.opened) == 2


def test_a_driver_that_hangs_has_one_thread_however_often_it_is_opened(
    driver: Driver, question: StandingQuestion[int]
) -> None:
    question.ask()
    until(lambda: driver.asked)
    for _ in range(20):
        question.close()
        question.ask()
        assert threads() == 1
    question.close()
    driver.permits.release()
    until(lambda: threads() == 0)
    assert driver.asked == 1
    assert driver.closed == driver.opened


def test_a_reader_that_fails_is_not_asked_again(
    driver: Driver, question: StandingQuestion[int]
) -> None:
    driver.error = OSError("the card has fallen off the bus")
    driver.permits.release(5)
    question.ask()
    until(lambda: threads() == 0)
    assert [question.ask() for _ in range(5)] == [0] * 5
    assert (driver.asked, threads()) == (1, 0)
