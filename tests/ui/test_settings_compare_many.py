"""The page that compares models with none, with one, and with very many of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.llm.load_ways import AS_IT_IS, Varied
from app.ui.settings.compare_choice import CompareChoice
from app.ui.settings.compare_words import Candidate
from tests.fakes import shaped_models
from tests.ui.compare_use import Comparison, models_in, open_comparison
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import computer


@pytest.fixture
def page(run: Run, tmp_path: Path) -> Iterator[Comparison]:
    models_in(tmp_path, "gemma3", "qwen2")
    made: Comparison = run(open_comparison(tmp_path, computer(10)))
    yield made
    run(made.desk.close())
    settle()


def test_without_a_model_the_page_says_where_to_get_one(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        page.page.show_models([])
        assert page.text("compareEmpty").startswith("There is no chat model on this disk yet.")
        seen = [page.page.table, page.page.order, page.page.detail, page.page.choose]
        assert not any(page.is_seen(one) for one in seen)

    run(page.panel.play(scenario()))


def test_one_model_alone_is_compared_with_itself(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await page.open()
        alone = [one for one in page.page._known.values() if one.name == "gemma3"]
        page.page.show_models(alone)
        assert page.names() == ["gemma3"]
        assert page.page.choose.text() == "Choose models (the only one)"
        assert page.text("compareHeading") == "gemma3: As it is"

    run(page.panel.play(scenario()))


def test_a_hundred_models_are_searched_and_come_in_their_order(
    run: Run, page: Comparison, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    first = shaped_models.write(folder / "0.gguf", "lfm2", layers=3)
    for number in range(1, 100):
        (folder / f"{number}.gguf").hardlink_to(first)

    async def scenario() -> None:
        await page.open()
        many = [Candidate(str(folder / f"{n}.gguf"), f"Model {n}", "Q4") for n in range(100)]
        marked = frozenset(one.path for one in many)
        view = page.page.view()._replace(chosen=marked, varied=frozenset({Varied.MEMORY}))
        page.page.show_models(many, view)
        page.page.wanted.emit()
        await until(lambda: len(page.names()) > 2)
        assert len(page.names()) < 100, "they are seen as they come"
        await page.until_reckoned()
        assert page.names() == [f"Model {number}" for number in range(100)]
        page.press("compareChoose")
        choice = page.part(CompareChoice, "compareChoice")
        choice.search.setText("model 9")
        assert {one.name for one in choice.marks.shown} == {
            f"Model {number}" for number in range(100) if "9" in f"{number}"
        }
        page.press("compareMarkNone")
        assert len(page.names()) == 81
        choice.search.setText("nothing is called so")
        assert not page.is_seen(choice.list)
        assert page.cell("Model 1", AS_IT_IS).made

    run(page.panel.play(scenario()))
