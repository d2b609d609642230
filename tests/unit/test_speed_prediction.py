"""The speed of a plan, foretold from what the devices reach."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import gguf
from app.gguf import Header
from app.llm import rates as rates_module
from app.llm.optimizer.machine.records import Computer, Gpu, Processor
from app.llm.optimizer.memory import LoadSettings
from app.llm.optimizer.speed import traffic
from app.llm.optimizer.speed.predicting import predicted
from app.llm.optimizer.speed.prediction import predict
from app.llm.rates import FAR, NEAR, Rates
from app.llm.trials import Speed
from tests.fakes import shaped_models
from tests.fakes.headers import dense

ON_CPU = LoadSettings(4096)
LLAMA = dense(layers=8)  # much more than lies in any cache
GOOD = Rates(
    threads=8,
    near={"Q8_0": 40e9},
    far={"Q8_0": 20e9},
    products={"Q8_0": 500e9},
    attending={128: 10e9},
    step=1e-6,
    row=1e-9,
)


def test_an_answer_takes_as_long_as_its_bytes() -> None:
    (device,) = traffic.of(LLAMA, ON_CPU, 64)
    found = predict(LLAMA, ON_CPU, [GOOD])
    seconds = device.bytes / 20e9 + device.steps * 1e-6 + device.attended[128] / 10e9
    assert found.generation == pytest.approx(1 / seconds)
    assert found.prompt == pytest.approx(500e9 / device.multiplied["Q8_0"])


def test_the_threads_of_a_prompt_may_reach_something_else() -> None:
    found = predict(LLAMA, ON_CPU, [GOOD], [replace(GOOD, products={"Q8_0": 250e9})])
    usual = predict(LLAMA, ON_CPU, [GOOD])
    assert usual.prompt is not None
    assert found == Speed(usual.prompt / 2, usual.generation)
    assert predict(LLAMA, ON_CPU, [GOOD], [None]) == Speed(None, usual.generation)


def test_a_fuller_cache_is_slower() -> None:
    speeds = [predict(LLAMA, ON_CPU, [GOOD], depth=depth).generation for depth in (0, 1000, 9000)]
    assert speeds[0] is not None
    assert sorted(speeds, key=lambda one: -(one or 0)) == speeds
    assert len({*speeds}) == 3


def test_what_lies_in_the_caches_is_faster() -> None:
    assert GOOD.reading("Q8_0", NEAR) == GOOD.reading("Q8_0", 1) == pytest.approx(40e9)
    assert GOOD.reading("Q8_0", FAR) == GOOD.reading("Q8_0", FAR * 9) == pytest.approx(20e9)
    between = GOOD.reading("Q8_0", 50 << 20)
    assert between is not None
    assert 20e9 < between < 40e9


def test_what_was_not_measured_is_taken_to_be_like_the_most_similar() -> None:
    known = Rates(1, near={"F32": 1e9, "Q4_0": 2e9}, far={"F32": 1e9, "Q4_0": 2e9})
    found = [known.reading(kind, 1) for kind in ("F16", "Q8_0", "I64", "a new type")]
    assert found == pytest.approx([2e9, 2e9, 1e9, 2e9])
    wide = replace(known, attending={64: 1.0, 256: 2.0})
    assert (wide.looking(80), wide.looking(200)) == (1.0, 2.0)


# What cannot be foretold


def test_what_is_not_known_is_not_guessed() -> None:
    assert predict(LLAMA, ON_CPU, [None]) == Speed()
    assert predict(LLAMA, ON_CPU, []) == Speed()
    assert predict(LLAMA, ON_CPU, [Rates(8)]) == Speed()
    slow = replace(GOOD, attending={})
    assert predict(LLAMA, ON_CPU, [slow]).generation is None, "the cache is looked through"
    assert predict(LLAMA, ON_CPU, [slow], depth=0).generation is not None
    reading = predict(LLAMA, ON_CPU, [replace(GOOD, products={})])
    assert reading.prompt is None
    assert reading.generation is not None
    part = replace(LLAMA, metadata={**LLAMA.metadata, "split.count": 2})
    assert predict(part, ON_CPU, [GOOD]) == Speed()


def test_devices_take_turns_and_each_must_be_known() -> None:
    half = LoadSettings(4096, n_gpu_layers=5)
    fast = replace(GOOD, near={"Q8_0": 1e12}, far={"Q8_0": 1e12}, step=0.0)
    here, card = traffic.of(LLAMA, half, 0)
    found = predict(LLAMA, half, [GOOD, fast], depth=0).generation
    assert found == pytest.approx(
        1 / (here.bytes / 20e9 + here.steps * 1e-6 + card.bytes / 1e12), rel=1e-6
    )
    assert predict(LLAMA, half, [GOOD, None]) == Speed()
    assert predict(LLAMA, half, [None, fast]) == Speed()
    assert predict(LLAMA, half, [GOOD]) == Speed()
    assert predict(LLAMA, half, [GOOD, fast], [GOOD]).prompt is None


def test_a_device_with_nothing_to_do_need_not_be_known() -> None:
    whole = LoadSettings(4096, n_gpu_layers=-1)
    assert predict(LLAMA, whole, [None, GOOD]) == predict(LLAMA, ON_CPU, [GOOD])


speeds = st.floats(1e6, 1e13)


@settings(max_examples=150, deadline=None)
@given(
    figures=st.tuples(speeds, speeds, speeds, speeds, st.floats(0, 1e-3), st.floats(0, 1e-6)),
    factor=st.floats(1, 100),
    which=st.integers(0, 5),
    header=st.sampled_from([LLAMA, dense(layers=2, width=512), dense(layers=2, experts=8)]),
    depth=st.integers(0, 100_000),
)
def test_a_faster_device_is_never_foretold_to_be_slower(
    figures: tuple[float, ...], factor: float, which: int, header: Header, depth: int
) -> None:
    def rates(values: tuple[float, ...]) -> Rates:
        near, far, products, attending, step, row = values
        kind = {"Q8_0": near}, {"Q8_0": far}, {"Q8_0": products}
        return Rates(8, *kind, {128: attending}, step, row)

    times = factor if which < 4 else 1 / factor
    better = (*figures[:which], figures[which] * times, *figures[which + 1 :])
    before = predict(header, ON_CPU, [rates(figures)], depth=depth)
    after = predict(header, ON_CPU, [rates(better)], depth=depth)
    for one, other in ((before.prompt, after.prompt), (before.generation, after.generation)):
        assert one is not None
        assert other is not None
        assert 0 < one <= other * (1 + 1e-9)
        assert math.isfinite(other)


# With what is known of a computer


@dataclass
class Book:
    """Gives the same rates to all devices, and hears what is asked."""

    known: Rates | None = GOOD
    asked: list[dict[str, Any]] = field(default_factory=list)

    def rates(
        self, computer: str, threads: int, kinds: Iterable[str], heads: Iterable[int] = (),
        device: str = "", *, measures: bool = True,
    ) -> Rates | None:  # fmt: skip
        self.asked.append({
            "computer": computer, "threads": threads, "kinds": [*kinds], "heads": [*heads],
            "device": device, "measures": measures,
        })  # fmt: skip
        return self.known


HERE = Computer(Processor(physical_cores=8))


def test_the_book_is_asked_for_what_most_of_the_bytes_are(tmp_path: Path) -> None:
    path = shaped_models.write(tmp_path / "q.gguf", "qwen3", layers=8, vocabulary=16_384)
    book = Book()
    found = predicted(book, HERE, gguf.read(path), ON_CPU, (8, 4), measures=False)
    asked: dict[str, Any] = {
        "computer": HERE.fingerprint(),
        "kinds": ["Q4_K", "Q6_K"],
        "heads": [128],
    }
    asked |= {"device": "", "measures": False}
    assert book.asked == [{**asked, "threads": 8}, {**asked, "threads": 4}]
    assert found.generation is not None
    assert found.prompt is not None
    book.asked.clear()
    predicted(book, HERE, gguf.read(path), ON_CPU, (8, 8))
    assert [(one["threads"], one["measures"]) for one in book.asked] == [(8, True)]


def test_states_are_read_as_numbers(tmp_path: Path) -> None:
    path = shaped_models.write(tmp_path / "m.gguf", "mamba2", layers=4, vocabulary=1024)
    book = Book()
    predicted(book, HERE, gguf.read(path), ON_CPU, (8, 8))
    assert book.asked[0]["kinds"] == ["F32", "Q4_K"]
    assert book.asked[0]["heads"] == []


def test_each_card_is_asked_for_by_its_own_name() -> None:
    cards = [Gpu(f"Card {n}", is_usable=True, device=f"CUDA{n}", is_unified=False) for n in (0, 1)]
    here = replace(HERE, gpus=(replace(cards[0], is_usable=False), *cards))
    book = Book()
    split = LoadSettings(4096, n_gpu_layers=6, tensor_split=(1.0, 1.0))
    assert predicted(book, here, LLAMA, split, (8, 4)).generation is not None
    assert [(one["device"], one["threads"]) for one in book.asked] == [
        ("", 8), ("CUDA0", 1), ("CUDA1", 1), ("", 4), ("CUDA0", 1), ("CUDA1", 1),
    ]  # fmt: skip
    whole = predicted(book, here, LLAMA, LoadSettings(4096, n_gpu_layers=-1), (8, 8))
    assert whole == predict(LLAMA, ON_CPU, [GOOD])
    assert (book.asked[-2]["kinds"], book.asked[-2]["heads"]) == ([], []), "it has nothing to do"


def test_a_card_without_a_name_is_not_taken_for_the_processor() -> None:
    here = replace(HERE, gpus=(Gpu("Card", is_usable=True),))
    found = predicted(Book(), here, LLAMA, LoadSettings(4096, n_gpu_layers=-1), (8, 8))
    assert found == Speed()


def test_of_a_computer_that_is_not_known_nothing_is_foretold() -> None:
    assert predicted(Book(None), HERE, LLAMA, ON_CPU, (8, 8)) == Speed()
    book = Book()
    part = replace(LLAMA, metadata={**LLAMA.metadata, "split.count": 2})
    assert predicted(book, HERE, part, ON_CPU, (8, 8)) == Speed()
    assert book.asked == [], "nothing is measured for it"


# In JSON


def test_rates_come_back_from_json_as_they_were() -> None:
    said = json.dumps(rates_module.written(GOOD))
    assert rates_module.read(json.loads(said)) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"near": {"Q8_0": 0}}, {"near": {"Q8_0": -1}}, {"far": {"Q8_0": math.nan}},
        {"far": {"Q8_0": math.inf}}, {"products": {"Q8_0": "fast"}}, {"products": 7},
        {"attending": {"wide": 1.0}}, {"attending": [1.0]}, {"step": -1.0}, {"step": None},
        {"row": math.nan}, {"threads": math.inf}, {"threads": "x"}, {"near": None},
    ],
)  # fmt: skip
def test_what_is_no_rate_is_refused(change: dict[str, Any]) -> None:
    value = {**rates_module.written(GOOD), **change}
    with pytest.raises((ValueError, TypeError, LookupError, OverflowError)):
        rates_module.read(value)


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Rates)])
def test_rates_that_lack_something_are_none(name: str) -> None:
    value = rates_module.written(GOOD)
    del value[name]
    with pytest.raises(LookupError):
        rates_module.read(value)
