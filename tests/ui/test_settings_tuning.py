"""A model is tuned: begun, followed, cancelled, failed, and never left running."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.errors import GenerationError, ModelLoadError
from app.llm.state import Phase
from app.ui.settings import tuning_words as words
from tests.fakes.provider import INFO
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import written_model
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


def nothing_is_kept(panel: TuningPanel, model: Path) -> bool:
    plans = panel.desk.services.plans
    assert plans is not None
    return plans.tuned(str(model)) is None


def test_without_a_model_of_this_process_it_says_so(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.open("hardware")
        await until(lambda: panel.told("Said") == "No model is chosen.")
        assert panel.start.isVisible()
        assert not panel.start.isEnabled()
        await panel.load(model)
        await until(panel.start.isEnabled)
        assert panel.told("Said") == ""
        await panel.desk.services.manager.load(INFO.ref)
        panel.desk.services.manager.registry._fixed.pop("fake")  # as if a server had it
        panel.page.show_values()
        await until(lambda: "runs at its server" in panel.told("Said"))
        assert not panel.start.isEnabled()

    run(panel.play(scenario()))


def test_the_search_is_followed_as_it_goes(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        assert panel.told("Progress") == "Getting qwen2 ready…"
        assert not panel.start.isVisible()
        assert not panel.forget.isVisible()
        trials = some_trials()
        panel.search.report(0.0, "the plan as it is")
        await until(lambda: panel.told("Progress") == "Trying the plan as it is, 0\u00a0%")
        assert not panel.block.table.isVisible()
        panel.search.report(0.43, "4 threads", *trials[:2])
        await until(lambda: panel.told("Progress") == "Trying 4 threads, 43\u00a0%")
        assert panel.block.bar.value() == 43
        assert [row[0] for row in panel.block.table.texts()] == ["The plan", "7 threads"]
        panel.search.report(0.6, "256 tokens at once", *trials[:4])
        await until(lambda: len(panel.block.table.texts()) == 4)
        assert panel.block.table.texts()[1] == ("7 threads", "–", "–", "11.6", "11.0")
        assert panel.button("setting-computer").isEnabled(), "the rest can be used"

    run(scenario())


def test_what_was_found_is_told_kept_and_loaded(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        trials = some_trials()
        panel.local.load_hold = asyncio.Event()
        panel.search.finish(trials, len(trials) - 1)
        await until(lambda: panel.told("Progress") == "Loading qwen2 with what was found…")
        assert not panel.cancel.isEnabled(), "it is kept already"
        panel.local.load_hold.set()
        await panel.until_ended()
        assert panel.told("Outcome") == (
            "12.4 instead of 10.1 tokens/s when writing, 260 instead of 255 when reading: kept."
        )
        assert panel.told("Remark").startswith("4 threads · measured on ")
        assert panel.told("Remark").endswith(" · 7 ways tried")
        assert panel.block.table.texts()[-1] == ("4 threads · kept", "260", "270", "12.4", "11.0")
        assert [made.n_threads for made in panel.local.made[-2:]] == [8, 4], "loaded with it"
        assert panel.planned("Threads") == "4 threads"
        assert (panel.start.text(), panel.forget.isVisible()) == ("Tune again", True)

    run(panel.play(scenario()))


def test_where_nothing_is_faster_the_plan_stays(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        loads = len(panel.local.made)
        panel.search.finish(some_trials()[:5], 0)
        await panel.until_ended()
        assert panel.told("Outcome") == (
            "Nothing was faster than the plan: 10.1 tokens/s when writing and 255 when reading."
        )
        assert panel.block.table.texts()[0][0] == "The plan · stays as it is"
        assert len(panel.local.made) == loads, "it was not loaded again"

    run(panel.play(scenario()))


def test_cancelling_keeps_nothing_and_says_so(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        panel.search.report(0.43, "4 threads", *some_trials()[:2])
        await until(lambda: panel.block.table.texts())
        panel.search.end_hold = asyncio.Event()
        panel.cancel.setFocus()
        panel.cancel.click()
        assert panel.told("Progress") == "Stopping…"
        assert not panel.cancel.isEnabled()
        panel.search.end_hold.set()
        await panel.until_ended()
        assert panel.told("Said") == "The search was cancelled. Nothing was kept."
        assert panel.search.ended == 1
        assert not panel.block.table.isVisible()
        assert not panel.block.plots.isVisible()
        assert nothing_is_kept(panel, model)
        panel.start.click()
        await until(lambda: panel.search.begun == 2)
        assert panel.told("Said") == "", "that was another search"

    run(scenario())


@pytest.mark.parametrize("way", ["back", "chat", "another section first"])
def test_leaving_the_page_ends_the_search(
    run: Run, panel: TuningPanel, model: Path, way: str
) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        if way == "another section first":
            panel.page.show_section("general")
            await asyncio.sleep(0.05)
            assert panel.search.ended == 0, "the page is still seen"
        if way == "chat":
            QTest.keyClick(panel.desk.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
        else:
            panel.button("settingsBackButton").click()
        await until(lambda: panel.search.ended == 1)
        await panel.open("hardware")
        await until(lambda: panel.told("Said") == f"{words.LEFT} {words.NOTHING}")
        assert nothing_is_kept(panel, model)
        panel.button("settingsBackButton").click()
        await asyncio.sleep(0.05)
        await panel.open("hardware")
        await until(lambda: panel.start.isVisible())
        assert panel.told("Said") == "", "it was said once"

    run(panel.play(scenario()))


def test_closing_the_window_ends_the_search(run: Run, tmp_path: Path, model: Path) -> None:
    panel: TuningPanel = run(open_tuning(tmp_path))
    run(panel.begin(model))
    run(panel.desk.close())
    assert (panel.search.begun, panel.search.ended) == (1, 1)
    assert panel.desk.services.tasks.running == 0
    settle()


def test_another_section_and_another_look_show_the_search_that_runs(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        panel.search.report(0.43, "4 threads", *some_trials()[:2])
        await until(lambda: "43" in panel.told("Progress"))
        panel.page.show_section("general")
        panel.search.report(0.5, "256 tokens at once", *some_trials()[:3])
        panel.page.show_section("hardware")
        await until(lambda: panel.told("Progress") == "Trying 256 tokens at once, 50\u00a0%")
        panel.desk.window.set_appearance("dark", 1.25)
        await until(lambda: panel.is_open)
        await until(lambda: panel.told("Progress") == "Trying 256 tokens at once, 50\u00a0%")
        assert len(panel.block.table.texts()) == 3
        assert panel.search.ended == 0
        panel.cancel.click()
        await panel.until_ended()
        assert panel.told("Said") == f"{words.CANCELLED} {words.NOTHING}"

    run(panel.play(scenario()))


def test_a_model_that_cannot_be_loaded_is_told_of(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.load(model)
        await panel.desk.services.manager.unload()
        await panel.open("hardware")
        await until(panel.start.isEnabled)
        panel.local.load_error = ModelLoadError("llama.cpp could not load it.", "Fetch it again.")
        panel.start.click()
        await until(lambda: panel.told("Wrong"))
        assert panel.told("Wrong") == (
            "llama.cpp could not load it. Fetch it again. Nothing was kept."
        )
        assert panel.search.begun == 0
        assert panel.start.isEnabled()

    run(panel.play(scenario()))


def test_a_search_that_fails_says_why(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        panel.search.report(0.43, "4 threads", *some_trials()[:2])
        panel.search.fail(GenerationError("The memory does not suffice.", "Close something."))
        await panel.until_ended()
        assert panel.told("Wrong") == (
            "The memory does not suffice. Close something. Nothing was kept."
        )
        assert not panel.block.table.isVisible()
        assert nothing_is_kept(panel, model)

    run(panel.play(scenario()))


def test_a_bug_ends_the_search_too(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        panel.search.fail(ZeroDivisionError("ours"))
        await panel.until_ended()
        assert panel.told("Said") == f"{words.NO_RESULT} {words.NOTHING}"
        assert [type(error) for error in panel.desk.errors] == [ZeroDivisionError]
        panel.desk.errors.clear()
        assert panel.start.isEnabled()

    run(panel.play(scenario()))


def test_what_was_found_stays_where_the_load_with_it_fails(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.begin(model)
        panel.local.load_error = ModelLoadError("llama.cpp could not load it.", "Try again.")
        trials = some_trials()
        panel.search.finish(trials, len(trials) - 1)
        await until(lambda: panel.told("Wrong"))
        assert panel.told("Wrong").startswith(words.NO_RELOAD)
        assert "12.4 instead of 10.1" in panel.told("Outcome")
        assert panel.desk.services.manager.state.phase is Phase.IDLE

    run(panel.play(scenario()))


def test_it_waits_for_an_answer_that_is_being_written(
    run: Run, panel: TuningPanel, model: Path
) -> None:
    async def scenario() -> None:
        await panel.load(model)
        await panel.open("hardware")
        await until(panel.start.isEnabled)
        with panel.desk.services.manager.occupied():
            panel.start.click()
            assert panel.told("Said") == words.ANSWERING
        panel.start.click()
        await until(lambda: panel.search.begun == 1)
        assert panel.told("Said") == ""
        panel.cancel.click()

    run(panel.play(scenario()))


def test_the_keyboard_stays_where_it_was(run: Run, panel: TuningPanel, model: Path) -> None:
    async def scenario() -> None:
        await panel.load(model)
        await panel.open("hardware")
        await until(panel.start.isEnabled)
        panel.desk.window.activateWindow()
        panel.start.setFocus()
        QTest.keyClick(panel.start, Qt.Key.Key_Space)
        assert panel.cancel.hasFocus()
        await until(lambda: panel.search.begun == 1)
        QTest.keyClick(panel.cancel, Qt.Key.Key_Space)
        await panel.until_ended()
        assert panel.start.hasFocus()

    run(panel.play(scenario()))
