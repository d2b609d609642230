"""Models beside each other: their speeds, and rows that come one by one."""

import asyncio
import threading
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from app import gguf
from app.llm.comparing import Comparing, Fits
from app.llm.load_ways import AS_IT_IS, Varied
from app.llm.optimizer.machine.records import Computer
from app.llm.trials import Runs, Speed, Trial, Tuning
from app.llm.workbench import Workbench
from app.schema import LoadedModel, LoadPlan, ModelRef
from app.settings import Models
from tests.fakes import shaped_models
from tests.unit.comparing_use import (
    ENGINE,
    GB,
    LARGE,
    Q4,
    Q8,
    computer,
    loaded,
    planned,
    tunings,
    view,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """A Qwen2 of 4.6 GB, by its header, trained for 131,072 tokens."""
    return shaped_models.write(folder / "qwen.gguf", "qwen2")


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    """A Gemma 3 of 2.4 GB."""
    return shaped_models.write(folder / "gemma.gguf", "gemma3")


def test_speeds_are_foretold_and_measured_for_only_when_that_is_allowed(
    tmp_path: Path, model: Path
) -> None:
    plans = view(tmp_path, computer(), Models())
    asked: list[bool] = []

    def predict(_plan: LoadPlan, *, measures: bool) -> Speed:
        asked.append(measures)
        return Speed(300.0, 21.0) if True in asked else Speed()

    def opened(ref: ModelRef, beside: LoadedModel | None) -> Workbench:
        return replace(plans.open(ref, beside), predict=predict)

    quiet = Comparing(opened, computer, None).row(str(model))
    assert {cell.rate for cell in quiet.cells.values()} == {None}
    assert True not in asked
    learned = Comparing(opened, computer, None, measures=True).row(str(model))
    assert {cell.predicted for cell in learned.cells.values()} == {Speed(300.0, 21.0)}
    assert asked.count(True) == 1, "what is learned for one cell holds for all"


def test_what_was_measured_goes_before_what_is_foretold(tmp_path: Path, model: Path) -> None:
    plans = view(tmp_path, computer(), Models())
    cells = plans.comparing(None).row(str(model)).cells
    plan, small = cells[AS_IT_IS].made, cells[Q8].made
    assert plan is not None
    assert small is not None
    trials = (
        Trial("", replace(plan, reasons=()), Runs(512, (2.0, 2.0)), Runs(128, (8.0, 4.0, 8.0))),
        Trial("KV cache in q8_0", replace(small, reasons=()), None, Runs(128, (4.0,))),
    )
    here = computer().fingerprint()
    tuning = Tuning(str(model), ENGINE, here, "2026-11-21", trials)
    tunings(tmp_path).keep(gguf.read(model), tuning)
    found = plans.comparing(None).row(str(model)).cells
    assert found[AS_IT_IS].measured == Speed(prompt=256.0, generation=16.0)
    assert found[LARGE].measured == found[AS_IT_IS].measured, "whatever its context"
    assert found[Q8].measured == Speed(generation=32.0)
    assert found[Q4].measured == Speed()
    assert found[Q8].rate == 32.0


def test_what_was_found_to_be_fastest_is_no_less_than_was_wanted(
    tmp_path: Path, model: Path
) -> None:
    plan = replace(planned(tmp_path, computer(), Models(), model), reasons=())
    best = replace(plan, type_k="q8_0", type_v="q8_0", n_threads=5)
    runs = Runs(128, (4.0,))
    trials = (Trial("", plan, None, Runs(128, (8.0,))), Trial("faster", best, None, runs))
    here = computer().fingerprint()
    tuning = Tuning(str(model), ENGINE, here, "2026-11-21", trials, kept=1)
    tunings(tmp_path).keep(gguf.read(model), tuning)
    cell = view(tmp_path, computer(), Models()).comparing(None).row(str(model)).cells[AS_IT_IS]
    assert cell.made is not None
    assert (cell.made.n_threads, cell.made.type_k) == (5, "q8_0")
    assert (cell.fits, cell.is_cache_other) == (Fits.WANTED, False)
    assert cell.rate == 32.0


async def test_rows_come_one_by_one_and_no_more_when_nobody_wants_them(
    tmp_path: Path, model: Path, other: Path
) -> None:
    plans = view(tmp_path, computer(), Models())
    opened: list[str] = []
    threads: set[int] = set()

    def noted(ref: ModelRef, beside: LoadedModel | None) -> Workbench:
        opened.append(ref.model)
        threads.add(threading.get_ident())
        return plans.open(ref, beside)

    paths = [str(model), str(other), *(f"/nowhere/{at}.gguf" for at in range(100))]
    async with aclosing(Comparing(noted, computer, None).rows(paths, [AS_IT_IS])) as rows:
        async for one in rows:
            if one.path == str(other):
                break
    assert opened == paths[:2]
    assert threading.get_ident() not in threads
    await asyncio.sleep(0)
    assert opened == paths[:2]


def test_only_the_ways_that_are_asked_for_are_reckoned_and_more_can_be_added(
    tmp_path: Path, model: Path
) -> None:
    comparing = view(tmp_path, computer(), Models()).comparing(None)
    first = comparing.row(str(model), [AS_IT_IS])
    assert list(first.cells) == [AS_IT_IS]
    more = first.with_more(comparing.row(str(model), [Q8]))
    assert {way.varied for way in more.cells} == {Varied.NOTHING, Varied.CACHE}


def test_what_is_free_counts_cards_and_the_loaded_model(tmp_path: Path, model: Path) -> None:
    def free(known: Computer, beside: LoadedModel | None = None) -> int:
        return view(tmp_path, known, Models()).comparing(beside).free()

    plan = planned(tmp_path, computer(), Models(), model)
    assert free(computer(8, 4)) == free(computer(8)) + 3 * GB, "a gigabyte is the desktop's"
    assert free(computer(8), loaded(plan)) > free(computer(8)) + 4 * GB
