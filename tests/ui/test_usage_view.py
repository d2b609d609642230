"""What each model was used for: a table where there is room, else a list; never wider than that."""

from collections.abc import Iterator
from datetime import date

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from app.llm.usage import DayOfUse
from app.schema import ModelRef
from app.ui.theme import Theme
from app.ui.usage_view import UsageView
from tests.ui.conftest import settle

NAME = "hf.co/somebody/A-Model-With-A-Long-Name-GGUF:Q4_K_M"


@pytest.fixture
def view(theme: Theme) -> Iterator[UsageView]:
    parent = QWidget()
    made = UsageView(theme, parent)
    parent.show()
    made.show()
    today = date.today()  # noqa: DTZ011 - the person's own calendar
    days = [DayOfUse(today, ModelRef("openai", NAME), 1_234, 9_876_543, 2_000_000, 7200.0)]
    made.show_days(days, {"openai": (1.0, 2.0)})
    yield made
    parent.hide()
    parent.deleteLater()
    del made, parent
    settle()


def shown(view: UsageView) -> str:
    return "\n".join(one.text() for one in view.findChildren(QLabel) if one.isVisible())


@pytest.mark.parametrize(("width", "is_table"), [(200, False), (760, True)])
def test_it_takes_the_width_that_there_is(view: UsageView, width: int, is_table: bool) -> None:
    view.resize(width, 400)
    settle()
    assert view.minimumSizeHint().width() <= width
    assert ("Answers" in shown(view)) is is_table
    assert ("answers: 1,234" in shown(view)) is not is_table
    assert shown(view).count(NAME) == 1
    assert "13.88" in shown(view)


def test_nothing_is_a_sentence(view: UsageView) -> None:
    view.show_days((), {})
    settle()
    assert shown(view).startswith("Nothing yet.")
    assert "\n" not in shown(view)


def test_what_a_cloud_service_answered_is_marked_as_such(view: UsageView) -> None:
    today = date.today()  # noqa: DTZ011 - the person's own calendar
    refs = (ModelRef("openai", "big"), ModelRef("ollama", "small"), ModelRef("local", "/m/a.gguf"))
    days = [DayOfUse(today, ref, 1, 2, 3, 4.0) for ref in refs]
    view.show_days(days, {}, frozenset({"openai"}))
    settle()
    lines = shown(view).splitlines()
    assert "openai:big (cloud)" in lines
    assert "ollama:small" in lines
    assert "a.gguf" in lines
