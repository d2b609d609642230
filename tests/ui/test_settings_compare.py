"""The page that compares models: chosen, varied, sorted, and loaded as a cell says."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.llm.comparing import Comparing, Fits, Row
from app.llm.load_ways import AS_IT_IS, WAYS
from app.llm.providers.local_plans import LocalPlans, Subject
from app.llm.state import Phase
from app.llm.trials import Speed
from app.schema import LoadPlan
from app.settings import WishSetting
from app.ui.settings.compare_choice import CompareChoice
from app.ui.settings.compare_words import Candidate, Order
from tests.ui.compare_use import Comparison, models_in, open_comparison
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import computer

SMALL, USUAL = WAYS[1:3]
Q8 = next(way for way in WAYS if way.cache == "q8_0")


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    names = ("gemma3", "llama", "qwen2")
    return dict(zip(names, models_in(tmp_path, *names), strict=True))


@pytest.fixture
def page(run: Run, tmp_path: Path, models: dict[str, Path]) -> Iterator[Comparison]:
    made: Comparison = run(open_comparison(tmp_path, computer(10)))
    yield made
    run(made.desk.close())
    settle()


def test_the_models_that_fit_stand_beside_the_ways_to_load_them(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        assert page.names() == ["gemma3", "llama", "qwen2", "Starter"]
        assert page.columns() == [
            "As it is",
            "Context 4,096 tokens",
            "Context 8,192 tokens",
            "Context 32,768 tokens",
            "Context as trained",
        ]
        assert page.lines("llama", AS_IT_IS) == ["6.0 GB", "8,192 tokens"]
        assert page.lines("Starter", USUAL)[-1] == "only 2,048 tokens"
        assert page.cell("llama", AS_IT_IS).fits is Fits.WANTED
        page.choose("Starter", USUAL)
        assert page.text("compareHeading") == "Starter: Context 8,192 tokens"
        said = page.text("compareSentence")
        assert said.startswith("Fits, with less than is wanted. ")
        assert "the model was trained for no more" in said
        assert page.facts()["Context"] == "2,048 tokens"
        assert page.facts()["This computer's memory"].startswith("33.3 MB of ")

    run(page.panel.play(scenario()))


def test_what_varies_is_switched_on_and_off_without_reckoning_again(
    run: Run, page: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await page.open()
        before = page.cell("llama", AS_IT_IS)
        page.vary("cache")
        page.vary("context", on=False)
        await page.until_reckoned()
        assert page.columns() == ["As it is", "KV cache f16", "KV cache q8_0", "KV cache q4_0"]
        assert page.lines("llama", Q8)[-1] == "8,192 tokens, q8_0"
        page.vary("memory")
        await page.until_reckoned()
        assert page.columns()[-1] == "Less memory"
        assert len({page.lines("llama", way)[0] for way in page.page.ways}) == 4
        reckoned: list[str] = []
        monkeypatch.setattr(Comparing, "row", lambda _self, path, _ways: reckoned.append(path))
        page.vary("context")
        page.vary("cache", on=False)
        await page.until_reckoned()
        assert reckoned == []
        assert page.cell("llama", SMALL).total < page.cell("llama", AS_IT_IS).total == before.total

    run(page.panel.play(scenario()))


def test_the_order_is_by_name_by_memory_or_by_speed(
    run: Run, page: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predicted(_plans: LocalPlans, subject: Subject, *_made: LoadPlan, measures: bool) -> Speed:
        rates = {"gemma3": 7.0, "llama": 21.25, "qwen2": 9.5}
        return Speed(100.0, rates.get(subject.header.path.stem))

    async def scenario() -> None:
        monkeypatch.setattr(LocalPlans, "predicted", predicted)
        await page.open()
        page.sort(Order.MEMORY)
        assert page.names() == ["Starter", "gemma3", "qwen2", "llama"]
        page.choose("qwen2", SMALL)
        page.sort(Order.SPEED)
        assert page.names() == ["llama", "qwen2", "gemma3", "Starter"], "the unknown is last"
        page.sort(Order.NAME)
        assert page.names() == ["gemma3", "llama", "qwen2", "Starter"]
        assert page.text("compareHeading") == "qwen2: Context 4,096 tokens"
        page.choose("llama", AS_IT_IS)
        assert page.lines("llama", AS_IT_IS) == ["6.0 GB", "≈\u00a021 tokens/s", "8,192 tokens"]
        told = "about 21 tokens/s for the answer, 100 tokens/s for the prompt"
        assert page.facts()["Speed, foretold"] == told

    run(page.panel.play(scenario()))


def test_models_are_chosen_with_the_keyboard_alone(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        window = page.desk.window
        window.activateWindow()
        await until(window.isActiveWindow)
        button = page.part(QPushButton, "compareChoose")
        assert button.text() == "Choose models (4 of 4)"
        button.setFocus()
        QTest.keyClick(button, Qt.Key.Key_Space)
        choice = page.part(CompareChoice, "compareChoice")
        assert QApplication.focusWidget() is choice.list
        QTest.keyClick(choice.list, Qt.Key.Key_Down)
        QTest.keyClick(choice.list, Qt.Key.Key_Space)
        assert page.names() == ["gemma3", "qwen2", "Starter"]
        assert button.text() == "Hide the models (3 of 4)"
        QTest.keyClick(choice.list, Qt.Key.Key_Space)
        await page.until_reckoned()
        assert page.names() == ["gemma3", "llama", "qwen2", "Starter"]
        QTest.keyClick(choice.list, Qt.Key.Key_Escape)
        assert not page.is_seen(choice)
        assert QApplication.focusWidget() is button
        QTest.keyClick(button, Qt.Key.Key_Escape)
        assert page.panel.is_open
        assert not page.is_open
        assert QApplication.focusWidget() is page.panel.button("setting-compare")

    run(page.panel.play(scenario()))


def test_a_press_anywhere_on_a_row_marks_it(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        page.press("compareChoose")
        await asyncio.sleep(0.02)
        choice = page.part(CompareChoice, "compareChoice")
        place = choice.list.visualRect(choice.marks.index(1))
        QTest.mouseClick(choice.list.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
        assert "llama" not in page.names()
        page.press("compareMarkNone")
        assert page.names() == []
        assert page.text("compareEmpty") == "Choose at least one model."
        page.press("compareMarkAll")
        await page.until_reckoned()
        assert len(page.names()) == 4
        assert page.text("compareEmpty") == ""

    run(page.panel.play(scenario()))


def test_loading_a_cell_keeps_its_wishes_and_can_be_taken_back(
    run: Run, page: Comparison, models: dict[str, Path]
) -> None:
    async def scenario() -> None:
        settings, manager = page.desk.settings.settings.models, page.desk.services.manager
        kept = WishSetting(threads=3)
        settings.wish(str(models["qwen2"]), kept)
        await page.panel.load(models["llama"])
        await page.open()
        assert page.text("compareHeading") == "llama: As it is", "the loaded one comes first"
        assert not page.page.detail.load.isEnabled()
        assert page.page.detail.load.text() == "It is loaded so"
        page.choose("qwen2", SMALL)
        page.press("compareLoad")
        await until(lambda: len(page.panel.local.made) == 2)
        await page.until_reckoned()
        assert page.is_open, "the person goes on comparing"
        assert page.panel.local.made[-1].n_ctx == 4096
        assert page.panel.local.made[-1].n_threads == 3
        assert settings.wishes[str(models["qwen2"])] == WishSetting(context=4096, threads=3)
        assert settings.selected == f"local:{models['qwen2']}"
        await until(lambda: page.cell("qwen2", SMALL).is_loaded)
        assert page.cell("qwen2", AS_IT_IS).is_loaded, "it is set so now"
        assert not page.cell("llama", AS_IT_IS).is_loaded
        page.desk.find(QPushButton, "undoButton").click()
        await until(lambda: len(page.panel.local.made) == 3)
        await page.until_reckoned()
        assert page.panel.local.made[-1].path == str(models["llama"])
        assert settings.wishes == {str(models["qwen2"]): kept}
        assert settings.selected == ""
        assert manager.state.phase is Phase.READY
        await until(lambda: page.cell("llama", AS_IT_IS).is_loaded)

    run(page.panel.play(scenario()))


def test_a_load_that_goes_on_is_given_up_where_it_is_taken_back(
    run: Run, page: Comparison, models: dict[str, Path]
) -> None:
    async def scenario() -> None:
        manager = page.desk.services.manager
        before = manager.state.ref
        await page.open()
        page.panel.local.load_hold = asyncio.Event()
        page.choose("qwen2", USUAL)
        QTest.keyClick(page.page.table, Qt.Key.Key_Return)
        await until(lambda: manager.state.phase is Phase.LOADING)
        page.desk.find(QPushButton, "undoButton").click()
        await page.until_reckoned()
        assert manager.state.loaded is None
        assert manager.state.phase is not Phase.LOADING
        assert page.panel.local.made == []
        assert page.desk.settings.settings.models.wishes == {}
        assert before is None or manager.state.ref == before

    run(page.panel.play(scenario()))


def test_what_is_reckoned_can_be_stopped_and_gone_on_with(
    run: Run, page: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Semaphore(1)
    usual = Comparing.row

    def slow(self: Comparing, path: str, *ways: object) -> Row:
        assert gate.acquire(timeout=10)
        return usual(self, path, *ways)  # type: ignore[arg-type]

    async def scenario() -> None:
        monkeypatch.setattr(Comparing, "row", slow)
        await page.panel.open("hardware")
        page.panel.button("setting-compare").click()
        await until(lambda: page.is_open and page.names() == ["gemma3"])
        await until(lambda: page.text("compareProgress") == "Reckoned: 1 of 4 models.")
        page.press("compareStop")
        assert page.text("compareProgress") == "Stopped after 1 of 4 models."
        gate.release(10)
        await page.until_reckoned()
        assert page.names() == ["gemma3"]
        page.press("compareStop")
        await page.until_reckoned()
        assert page.names() == ["gemma3", "llama", "qwen2", "Starter"]
        assert page.text("compareProgress") == ""

    run(page.panel.play(scenario()))


def test_a_file_that_cannot_be_read_says_so_in_its_row(
    run: Run, page: Comparison, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await page.open()
        text = tmp_path / "text.gguf"
        text.write_text("This is no model at all, whatever its name says.")
        known = [*page.page._known.values(), Candidate(str(text), "A text")]
        marked = frozenset(one.path for one in known)
        page.page.show_models(known, page.page.view()._replace(chosen=marked))
        page.page.wanted.emit()
        await page.until_reckoned()
        assert page.names() == ["gemma3", "llama", "qwen2", "Starter", "A text"]
        page.choose("A text", None)
        assert "text.gguf" in page.text("compareSentence")
        assert page.text("compareHeading") == "A text"
        assert not page.is_seen(page.page.detail.load)
        assert page.facts() == {}
        said = page.index("A text", None).data(Qt.ItemDataRole.AccessibleTextRole)
        assert said.startswith("A text: ")

    run(page.panel.play(scenario()))


def test_a_screen_reader_hears_the_whole_cell(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        index = page.index("Starter", USUAL)
        spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
        assert spoken == (
            "Starter, Context 8,192 tokens: Fits, with less than is wanted, 33.3 MB, "
            "only 2,048 tokens"
        )
        assert "trained for no more" in index.data(Qt.ItemDataRole.ToolTipRole)
        across = Qt.Orientation.Horizontal
        name = page.model.headerData(2, across, Qt.ItemDataRole.AccessibleTextRole)
        assert name == "Context 8,192 tokens"
        at_side = page.model.headerData(0, Qt.Orientation.Vertical)
        assert at_side.startswith("gemma3, Q4_K_M · ")

    run(page.panel.play(scenario()))
