"""What was found for a model is shown again, forgotten, taken back, and doubted after a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton

from app import gguf
from app.llm.optimizer.tuning.kept import KeptTunings
from app.llm.trials import Trial, Tuning
from app.schema import ModelRef
from app.ui.settings import tuning_words as words
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import ENGINE, written_model
from tests.ui.tuning_use import TuningPanel, open_tuning, some_trials


@pytest.fixture
def panel(run: Run, tmp_path: Path) -> Iterator[TuningPanel]:
    made: TuningPanel = run(open_tuning(tmp_path))
    yield made
    run(made.desk.close())
    settle()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written_model(tmp_path)


def keep(
    panel: TuningPanel,
    model: Path,
    engine: str = ENGINE,
    trials: tuple[Trial, ...] = some_trials(),
) -> None:
    """As if the model had been tuned in an earlier run."""
    mine = tuple(replace(one, plan=replace(one.plan, path=str(model))) for one in trials)
    computer = panel.survey.known.fingerprint()
    tuning = Tuning(str(model), engine, computer, "2026-10-03", mine, len(mine) - 1)
    home = panel.desk.settings.path.parent
    KeptTunings(home / "tuned.json", engine).keep(gguf.read(model), tuning)


async def shown(panel: TuningPanel, model: Path) -> None:
    """The section of a model that is chosen and not loaded."""
    panel.desk.services.manager.select(ModelRef("local", str(model)))
    await panel.open("hardware")
    await until(panel.start.isEnabled)
    await until(lambda: not panel.desk.services.tasks.running)


def test_what_is_kept_is_shown_with_its_day(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        keep(panel, model)
        await shown(panel, model)
        assert panel.told("Outcome").startswith("12.4 instead of 10.1 tokens/s when writing, ")
        assert panel.told("Remark") == "4 threads · measured on 3 October 2026 · 7 ways tried"
        assert len(panel.block.table.texts()) == 7
        assert panel.block.plots.isVisible()
        assert panel.start.text() == "Tune again"
        assert panel.planned("Threads") == "4 threads"

    run(panel.play(scenario()))


def test_another_models_tuning_is_not_shown(
    run: Run, panel: TuningPanel, model: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        keep(panel, model)
        await shown(panel, model)
        panel.desk.services.manager.select(
            ModelRef("local", str(written_model(tmp_path, "qwen3moe")))
        )
        await until(lambda: panel.told("Outcome") == "")
        assert not panel.block.table.isVisible()
        assert not panel.forget.isVisible()
        assert panel.start.text() == "Tune"

    run(panel.play(scenario()))


def test_it_can_be_forgotten_and_taken_back(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        keep(panel, model)
        await shown(panel, model)
        panel.forget.setFocus()
        panel.forget.click()
        await until(lambda: panel.told("Outcome") == "")
        await until(lambda: panel.planned("Threads") == "8 threads")
        assert not panel.forget.isVisible()
        assert not panel.block.table.isVisible()
        undo = panel.desk.find(QPushButton, "undoButton")
        assert undo.isVisible()
        undo.click()
        await until(lambda: panel.told("Outcome"))
        await until(lambda: panel.planned("Threads") == "4 threads")
        assert panel.told("Remark") == "4 threads · measured on 3 October 2026 · 7 ways tried"

    run(panel.play(scenario()))


def test_what_was_just_found_can_be_forgotten_too(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        trials = some_trials()
        panel.search.finish(trials, len(trials) - 1)
        await panel.until_ended()
        panel.forget.click()
        await until(lambda: panel.told("Outcome") == "")
        await until(lambda: not panel.desk.services.tasks.running)
        assert panel.told("Outcome") == ""
        assert panel.start.text() == "Tune"
        assert panel.offers("wishesLoad"), "it is loaded as it was tuned"

    run(panel.play(scenario()))


def test_after_a_change_another_search_is_offered(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        keep(panel, model, engine="0.3.20")
        await shown(panel, model)
        assert panel.told("Outdated") == (
            "Since this model was tuned on 3 October 2026, llama.cpp has changed."
        )
        assert panel.told("Outcome") == "", "it does not hold any more"
        assert panel.start.text() == "Tune again"
        panel.start.click()
        await until(lambda: panel.search.begun == 1)
        assert panel.told("Outdated") == ""
        panel.search.finish(some_trials()[:3], 0)
        await panel.until_ended()
        assert panel.told("Outdated") == ""
        assert panel.told("Outcome").startswith("Nothing was faster than the plan: ")

    run(panel.play(scenario()))


def test_a_search_that_prefers_the_plan_ends_what_was_kept_before(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        keep(panel, model)
        await shown(panel, model)
        panel.start.click()
        await until(lambda: panel.search.begun == 1)
        panel.search.finish(some_trials()[:3], 0)
        await panel.until_ended()
        assert panel.told("Outcome").startswith("Nothing was faster than the plan: ")
        assert panel.planned("Threads") == "8 threads"
        panel.start.click()
        panel.cancel.click()  # before anything has begun
        await panel.until_ended()
        assert panel.told("Said") == f"{words.CANCELLED} {words.STAYS}"
        assert panel.told("Outcome").startswith("Nothing was faster than the plan: ")
        assert panel.search.begun == 1

    run(panel.play(scenario()))


def test_a_cancelled_search_leaves_what_was_kept(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        keep(panel, model)
        await shown(panel, model)
        panel.start.click()
        await until(lambda: panel.search.begun == 1)
        assert panel.told("Outcome") == ""
        panel.cancel.click()
        await panel.until_ended()
        assert panel.told("Said") == "The search was cancelled. What was kept before stays."
        assert panel.told("Outcome").startswith("12.4 instead of 10.1")

    run(panel.play(scenario()))
