"""A child measures what the processor reaches; whatever becomes of it, nothing breaks here."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from app.llm.rates import ProbeOrder, Rates, written
from app.llm.runner import probing
from app.llm.runner.probing import Probing, run_child

KINDS = ("F32", "F16", "BF16", "Q4_0", "Q8_0", "Q4_K", "Q6_K")
ORDER = ProbeOrder(("Q8_0",), (64,), (2,))
GOOD = Rates(2, {"Q8_0": 2e9}, {"Q8_0": 1e9}, {"Q8_0": 1e11}, {64: 1e9}, 1e-6, 1e-9)


@pytest.fixture(scope="module")
def found() -> Rates:
    """All types, by the real child."""
    (rates,) = Probing(lambda: False).measure(ProbeOrder(KINDS, (), (1,)))
    return rates


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_of_weights_is_measured(found: Rates, kind: str) -> None:
    for figures in (found.near, found.far, found.products):
        assert figures.keys() == {*KINDS}
        assert 1e6 < figures[kind] < 1e15


def test_each_number_of_threads_is_measured_and_heads_alone_can_be() -> None:
    one, two = Probing(lambda: False).measure(ProbeOrder((), (64, 128), (1, 2)))
    assert (one.threads, two.threads) == (1, 2)
    for rates in (one, two):
        assert (rates.near, rates.row) == ({}, 0.0)
        assert rates.attending.keys() == {64, 128}
        assert all(1e6 < speed < 1e15 for speed in rates.attending.values())
        assert 0 < rates.step < 0.1


@pytest.mark.parametrize(
    "order",
    [
        ProbeOrder(("Q8_0", "I8"), (), (1,)),  # there are no products with it
        ProbeOrder(("a type from tomorrow",), (), (1,)),
        ProbeOrder(("Q8_0",), (), (1,), "CUDA9"),
    ],
)
def test_what_the_device_cannot_do_is_not_known(order: ProbeOrder) -> None:
    assert Probing(lambda: False).measure(order) == []


def test_weights_are_repacked_where_this_machine_can() -> None:
    """Where its instructions trap, they are measured as they are in the file."""
    (rates,) = Probing().measure(ProbeOrder(("Q4_0",), (), (1,)))
    assert rates.far["Q4_0"] > 1e6


def test_the_child_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    order = {"kinds": ["F32"], "heads": [], "threads": [1], "device": "CUDA9"}
    assert run_child(json.dumps({**order, "extra_buffers": False})) == 1
    assert "no device CUDA9" in json.loads(capsys.readouterr().out)["error"]


# Children that fail


def scripted(tmp_path: Path, *steps: str, repacks: bool = True) -> Probing:
    """A child that runs these Python statements; `order` is what it is asked, `log` a file."""
    begin = f"import json, os, signal, sys\norder = json.loads(sys.argv[1])\n{_LOGS}"
    script = begin.replace("LOG", repr(str(tmp_path / "log"))) + "\n".join(steps)
    return Probing(lambda: repacks, [sys.executable, "-c", script])


_LOGS = "open(LOG, 'a').write(json.dumps(order) + '\\n')\n"


def orders(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def test_the_child_is_told_everything(tmp_path: Path) -> None:
    good = f"print({json.dumps(json.dumps([written(GOOD)]))})"
    assert scripted(tmp_path, "print('a word of llama.cpp')", good).measure(ORDER) == [GOOD]
    assert orders(tmp_path) == [
        {"kinds": ["Q8_0"], "heads": [64], "threads": [2], "device": "", "extra_buffers": True}
    ]
    scripted(tmp_path, good, repacks=False).measure(ORDER)
    assert orders(tmp_path)[1]["extra_buffers"] is False


def test_a_crash_is_tried_again_without_repacked_weights(tmp_path: Path) -> None:
    probing_ = scripted(
        tmp_path,
        "if order['extra_buffers']: os.kill(os.getpid(), signal.SIGSEGV)",
        f"print({json.dumps(json.dumps([written(GOOD)]))})",
    )
    assert probing_.measure(ORDER) == [GOOD]
    assert [one["extra_buffers"] for one in orders(tmp_path)] == [True, False]


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGILL", "SIGABRT", "SIGKILL"])
def test_a_crash_in_any_case_means_that_nothing_is_known(tmp_path: Path, signal: str) -> None:
    crash = f"os.kill(os.getpid(), signal.{signal})"
    assert scripted(tmp_path, crash).measure(ORDER) == []
    assert len(orders(tmp_path)) == 2
    assert scripted(tmp_path, crash, repacks=False).measure(ORDER) == []
    assert len(orders(tmp_path)) == 3, "there is nothing else to try"


def lying(**changes: object) -> str:
    """Rates in JSON, of which some are not what they should be."""
    return json.dumps([{**written(GOOD), **changes}])


@pytest.mark.parametrize(
    "said",
    [
        "", "\n\n", "done", "null", "7", "{", "[" * 50_000, '{"error": "no device"}', '["fast"]',
        "[{}]", "[null]", lying(near={"Q8_0": -1.0}), lying(near={"Q8_0": 0}),
        lying(far={"Q8_0": math.nan}), lying(products={"Q8_0": math.inf}), lying(near=[1, 2]),
        lying(attending={"wide": 1.0}), lying(threads=math.inf), lying(step="soon"),
        lying(row=-1.0), lying(step=10**400), "\ud800",
    ],
)  # fmt: skip
def test_a_child_that_says_nonsense_is_not_believed(tmp_path: Path, said: str) -> None:
    file = tmp_path / "said"
    file.write_bytes(said.encode("utf-8", "surrogatepass"))
    tell = f"sys.stdout.buffer.write(open({str(file)!r}, 'rb').read())"
    assert scripted(tmp_path, tell, repacks=False).measure(ORDER) == []


def test_good_rates_with_a_bad_end_are_not_believed(tmp_path: Path) -> None:
    good = f"print({json.dumps(json.dumps([written(GOOD)]))})"
    assert scripted(tmp_path, good, "sys.exit(3)", repacks=False).measure(ORDER) == []


def test_a_child_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "LIMIT", 0.2)
    hangs = scripted(tmp_path, "import time; time.sleep(60)", repacks=False)
    assert hangs.measure(ORDER) == []


def test_a_program_that_is_not_there_measures_nothing(tmp_path: Path) -> None:
    assert Probing(lambda: True, [str(tmp_path / "no such program")]).measure(ORDER) == []
