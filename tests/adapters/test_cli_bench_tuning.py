"""`hearth bench --tune`, with searches whose course is known."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.errors import GenerationError
from app.llm.providers.local import LocalProvider
from app.llm.trials import Runs, Speed, Trial, Tuning, TuningProgress
from app.schema import LoadPlan
from tests.adapters.benching import HEADER, bench, told, trained_or

QUICK = ("-p", "32", "-n", "0", "-r", "1")  # without an answer no speed is foretold


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def model(tiny: Path) -> Path:
    return trained_or(tiny)


PLAN = LoadPlan("x.gguf", n_ctx=512, n_threads=2, n_threads_batch=2)
TRIALS = (
    Trial("", PLAN, Runs(32, (0.5,)), Runs(8, (0.4,)), Speed(60.0, 19.0)),
    Trial("1 thread", PLAN, None, Runs(8, (0.2,)), Speed(None, 38.0)),
)
TUNING = Tuning("x.gguf", "0.3.36", "0123456789abcdef", "2026-11-21", TRIALS, kept=1)


async def search(_self: LocalProvider, _model: str) -> AsyncGenerator[TuningProgress, None]:
    """A short search with a known outcome."""
    yield TuningProgress(0.5, "1 thread", TRIALS[:1])
    yield TuningProgress(1.0, "", TRIALS, TUNING)


def test_tuning_comes_first_and_is_told(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(LocalProvider, "tune", search)
    assert bench(home, model, *QUICK, "--tune") == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"the plan as it is +64\.00 +60\.00 +20\.00 +19\.00$", lines[1])
    assert re.match(r"1 thread +- +- +40\.00 +38\.00  kept$", lines[2])
    assert lines[3:5] == ["Kept: 1 thread; writing 40 tokens/s instead of 20 tokens/s.", ""]
    assert "pp32" in lines[-1]
    assert bench(home, model, *QUICK, "--tune", "--md") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| 1 thread | - | - | 40.00 | 38.00 | kept |" in lines
    assert HEADER in lines
    assert bench(home, model, *QUICK, "--tune", "--json") == 0
    rows = told(capsys)
    assert rows[0]["tuning"]["kept"] == 1
    assert [one["is_kept"] for one in rows[0]["tuning"]["trials"]] == [False, True]


def test_a_search_that_fails_is_a_sentence_in_its_row(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(_self: LocalProvider, _model: str) -> AsyncGenerator[TuningProgress, None]:
        yield TuningProgress(0.5, "1 thread")
        raise GenerationError("The search broke.")

    monkeypatch.setattr(LocalProvider, "tune", fails)
    assert bench(home, model, *QUICK, "--tune") == 1
    assert "The search broke." in capsys.readouterr().out


def test_to_interrupt_is_to_keep_nothing(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = threading.Event()

    async def endless(_self: LocalProvider, _model: str) -> AsyncGenerator[TuningProgress, None]:
        try:
            yield TuningProgress(0.1, "1 thread")
            task = asyncio.current_task()
            assert task is not None
            task.cancel()  # as Ctrl+C does to the task of the command
            await asyncio.sleep(30)
        finally:
            closed.set()

    monkeypatch.setattr(LocalProvider, "tune", endless)
    with pytest.raises(asyncio.CancelledError):  # without a signal it is no KeyboardInterrupt
        bench(home, model, *QUICK, "--tune")
    assert closed.is_set()
    assert capsys.readouterr().out == ""
