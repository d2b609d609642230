"""What the devices reach is measured once, kept, and never asked for twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.llm import rates as rates_module
from app.llm.optimizer.speed.rates_book import BUSY, FADES, RatesBook, work_of_others
from app.llm.rates import ProbeOrder, Rates

HERE, ENGINE = "00aa11bb22cc33dd", "0.3.36"


def measured(order: ProbeOrder, speed: float = 1e9) -> Rates:
    """As a device answers an order."""
    of_kinds = dict.fromkeys(order.kinds, speed)
    heads = dict.fromkeys(order.heads, speed)
    return Rates(order.threads[0], of_kinds, of_kinds, of_kinds, heads, 1e-6, 1e-9)


@dataclass
class Devices:
    """Measures what is ordered, on a computer that is as busy as a test says."""

    answer: Callable[[ProbeOrder], Sequence[Rates]] = lambda order: [measured(order)]
    orders: list[ProbeOrder] = field(default_factory=list)
    work: float = 0.0
    is_busy: bool = False
    now: float = 0.0

    def measure(self, order: ProbeOrder) -> Sequence[Rates]:
        self.orders.append(order)
        return self.answer(order)

    def book(self, file: Path, engine: str = ENGINE) -> RatesBook:
        return RatesBook(
            file, engine, self.measure, lambda: self.is_busy, lambda: self.work, lambda: self.now
        )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "speeds.json"


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
def book(devices: Devices, file: Path) -> RatesBook:
    return devices.book(file)


def test_what_was_measured_is_known_from_then_on(
    book: RatesBook, devices: Devices, file: Path
) -> None:
    found = book.rates(HERE, 8, ["Q4_K", "F32", "Q4_K"], [128])
    order = ProbeOrder(("F32", "Q4_K"), (128,), (8,))
    assert devices.orders == [order]
    assert found == measured(order)
    assert book.rates(HERE, 8, ["F32"], [128]) == found
    assert devices.book(file).rates(HERE, 8, ["Q4_K"]) == found, "it is on the disk"
    assert len(devices.orders) == 1


def test_only_what_is_missing_is_measured(book: RatesBook, devices: Devices) -> None:
    book.rates(HERE, 8, ["Q4_K"], [128])
    found = book.rates(HERE, 8, ["Q4_K", "Q6_K"], [128, 64])
    assert devices.orders[1] == ProbeOrder(("Q6_K",), (64,), (8,))
    assert found is not None
    assert found.near.keys() == found.far.keys() == found.products.keys() == {"Q4_K", "Q6_K"}
    assert found.attending.keys() == {64, 128}


def test_a_new_width_of_heads_is_measured_with_weights_that_are_known(
    book: RatesBook, devices: Devices
) -> None:
    """What a row costs is told by what is gone through."""
    book.rates(HERE, 8, ["Q6_K", "Q4_K"], [128])
    found = book.rates(HERE, 8, ["Q4_K"], [64])
    assert devices.orders[1] == ProbeOrder(("Q4_K",), (64,), (8,))
    assert found is not None
    assert found.attending.keys() == {64, 128}


@pytest.mark.parametrize(
    ("computer", "threads", "device", "engine"),
    [
        ("another", 8, "", ENGINE),
        (HERE, 4, "", ENGINE),
        (HERE, 8, "CUDA0", ENGINE),
        (HERE, 8, "", "0.4"),
    ],
)
def test_another_computer_device_or_engine_is_measured_for_itself(
    devices: Devices, file: Path, computer: str, threads: int, device: str, engine: str
) -> None:
    first = devices.book(file).rates(HERE, 8, ["Q4_K"])
    devices.answer = lambda order: [measured(order, 5e9)]
    other = devices.book(file, engine).rates(computer, threads, ["Q4_K"], device=device)
    assert devices.orders[1] == ProbeOrder(("Q4_K",), (), (threads,), device)
    assert other is not None
    assert other.near == {"Q4_K": 5e9}
    assert devices.book(file).rates(HERE, 8, ["Q4_K"]) == first


def test_where_nothing_is_wanted_nothing_is_measured(book: RatesBook, devices: Devices) -> None:
    assert book.rates(HERE, 8, []) == Rates(8)
    assert book.rates(HERE, 8, ["Q4_K"], measures=False) is None
    assert devices.orders == []


def test_while_this_program_computes_nothing_is_done(book: RatesBook, devices: Devices) -> None:
    devices.is_busy = True
    assert book.rates(HERE, 8, ["Q4_K"]) is None
    assert devices.orders == []
    devices.is_busy = False
    known = book.rates(HERE, 8, ["Q4_K"])
    devices.is_busy = True
    assert book.rates(HERE, 8, ["Q4_K", "Q6_K"]) == known, "as much as is known"
    assert len(devices.orders) == 1


# What fails


@pytest.mark.parametrize("answer", [[], [Rates(8)]])
def test_what_fails_is_not_tried_again(
    book: RatesBook, devices: Devices, answer: list[Rates]
) -> None:
    devices.answer = lambda _order: answer
    assert [book.rates(HERE, 8, ["Q4_K"], [64]) for _ in range(3)] == [None] * 3
    assert len(devices.orders) == 1
    devices.answer = lambda order: [measured(order)]
    assert book.rates(HERE, 4, ["Q4_K"], [64]) is not None, "others are"
    book.forget(HERE)
    assert book.rates(HERE, 8, ["Q4_K"], [64]) is not None


def test_what_fails_for_one_width_of_heads_is_not_tried_again(
    book: RatesBook, devices: Devices
) -> None:
    known = book.rates(HERE, 8, ["Q4_K"], [128])
    devices.answer = lambda _order: []
    assert [book.rates(HERE, 8, ["Q4_K"], [64]) for _ in range(3)] == [known] * 3
    assert len(devices.orders) == 2


def test_what_was_measured_is_forgotten_for_a_computer(book: RatesBook, devices: Devices) -> None:
    for computer in (HERE, "another"):
        book.rates(computer, 8, ["Q4_K"])
    book.forget(HERE)
    for computer in (HERE, "another"):
        book.rates(computer, 8, ["Q4_K"])
    assert len(devices.orders) == 3


# Beside other work


def test_what_was_measured_beside_much_else_is_not_kept(
    book: RatesBook, devices: Devices, file: Path
) -> None:
    devices.work = BUSY
    devices.answer = lambda order: [measured(order, 1e6)]
    slow = book.rates(HERE, 8, ["Q4_K"])
    assert slow is not None
    assert book.rates(HERE, 8, ["Q4_K"], measures=False) == slow, "it is better than nothing"
    assert book.rates(HERE, 8, ["Q4_K"]) == slow
    assert len(devices.orders) == 1, "and not measured again at once"
    assert not file.exists()
    devices.now, devices.work = FADES + 1, BUSY - 1
    devices.answer = lambda order: [measured(order)]
    found = book.rates(HERE, 8, ["Q4_K"])
    assert found is not None
    assert found.near == {"Q4_K": 1e9}
    assert devices.book(file).rates(HERE, 8, ["Q4_K"], measures=False) == found


def test_a_busy_measurement_leaves_what_is_kept_as_it_is(
    book: RatesBook, devices: Devices, file: Path
) -> None:
    known = book.rates(HERE, 8, ["Q4_K"])
    devices.work, devices.answer = 100.0, lambda order: [measured(order, 1e6)]
    both = book.rates(HERE, 8, ["Q4_K", "Q6_K"])
    assert both is not None
    assert both.near == {"Q4_K": 1e9, "Q6_K": 1e6}
    assert devices.book(file).rates(HERE, 8, ["Q4_K"]) == known
    devices.now, devices.work = FADES + 1, 0.0
    devices.answer = lambda order: [measured(order)]
    again = book.rates(HERE, 8, ["Q4_K", "Q6_K"])
    assert devices.orders[-1].kinds == ("Q6_K",)
    assert again is not None
    assert again.near == {"Q4_K": 1e9, "Q6_K": 1e9}


def test_a_busy_measurement_that_cannot_be_repeated_stays(
    book: RatesBook, devices: Devices
) -> None:
    devices.work = 100.0
    slow = book.rates(HERE, 8, ["Q4_K"])
    devices.now, devices.is_busy = FADES + 1, True
    assert book.rates(HERE, 8, ["Q4_K"]) == slow
    devices.is_busy, devices.answer = False, lambda _order: []
    assert book.rates(HERE, 8, ["Q4_K"]) == slow


def test_many_threads_ask_and_one_measures(book: RatesBook, devices: Devices) -> None:
    gate, begun = threading.Event(), threading.Event()

    def wait(order: ProbeOrder) -> Sequence[Rates]:
        begun.set()
        assert gate.wait(20)
        return [measured(order)]

    devices.answer = wait
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(book.rates, HERE, 8, ["Q4_K"]) for _ in range(4)]
        assert begun.wait(20)
        # Who wants no measurement does not wait for one.
        assert book.rates(HERE, 8, ["Q4_K"], measures=False) is None
        gate.set()
        found = [one.result() for one in asked]
    assert len(devices.orders) == 1
    assert found == [measured(devices.orders[0])] * 4
    assert 0 <= work_of_others() <= 100


# The file


def test_a_file_that_cannot_be_written_is_no_error(devices: Devices, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    book = devices.book(tmp_path / "in the way" / "speeds.json")
    found = [book.rates(HERE, 8, ["Q4_K"]) for _ in range(3)]
    assert found[0] is not None
    assert found == [found[0]] * 3
    assert len(devices.orders) == 1


def test_a_file_that_ends_too_early_is_measured_anew(devices: Devices, file: Path) -> None:
    devices.book(file).rates(HERE, 8, ["Q4_K"], [64])
    whole = file.read_bytes()
    for end in range(0, len(whole) - 1, 3):
        file.write_bytes(whole[:end])
        assert devices.book(file).rates(HERE, 8, ["Q4_K"], measures=False) is None, end
    assert devices.book(file).rates(HERE, 8, ["Q4_K"], [64]) is not None
    assert json.loads(file.read_text()) == json.loads(whole)


def _places(value: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield before
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from _places(inner, (*before, key))


wrong = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just([]),
    st.just({}), st.just(10**400), st.just({"Q4_K": -1}), st.just([["Q4_K", 1]]),
)  # fmt: skip


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), value=wrong)
def test_whatever_the_file_says_is_rates_or_none(
    file: Path, data: st.DataObject, value: object
) -> None:
    file.parent.mkdir(exist_ok=True)
    entry = rates_module.written(measured(ProbeOrder(("Q4_K",), (64,), (8,))))
    whole: Any = json.loads(json.dumps({f"{HERE} {ENGINE} CPU 8": entry}))
    place = data.draw(st.sampled_from([*_places(whole)]))
    within = whole
    for key in place[:-1]:
        within = within[key]
    if place:
        within[place[-1]] = value
    file.write_text(json.dumps(whole if place else value))
    devices = Devices()
    known = devices.book(file).rates(HERE, 8, ["Q4_K"], measures=False)
    if known is not None:
        assert all(rate > 0 for rate in (*known.near.values(), *known.attending.values()))
    found = devices.book(file).rates(HERE, 8, ["Q4_K", "F32"], [64])
    assert found is not None
    assert found.near.keys() >= {"Q4_K", "F32"}
