"""The page that compares models in every look, and with none, one or very many of them."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QWidget

from app.llm.load_ways import WAYS
from app.ui.settings.compare_choice import CompareChoice
from app.ui.settings.compare_words import Order
from tests.ui.compare_use import Comparison, models_in, open_comparison
from tests.ui.conftest import Run, settle, until
from tests.ui.hardware_use import computer

LONG = "A Model Whose Name Is Much Longer Than Any Row Of A List Has Room For In Any Window"
UNBROKEN = "a_name_without_any_pause_" * 4
SMALL = WAYS[1]


@pytest.fixture
def page(run: Run, tmp_path: Path) -> Iterator[Comparison]:
    paths = models_in(tmp_path, "gemma3", "qwen2")
    made: Comparison = run(open_comparison(tmp_path, computer(10)))
    names = dict(zip(map(str, paths), (LONG, UNBROKEN), strict=True))
    made.desk.settings.settings.models.names = names
    made.desk.controllers._look_again()
    yield made
    run(made.desk.close())
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    settle()


async def in_look(page: Comparison, theme: str, size: float, width: int) -> None:
    page.desk.window.resize(width, 700)
    page.desk.window.set_appearance(theme, size)
    await page.until_reckoned()
    await asyncio.sleep(0.05)


async def opened(page: Comparison) -> None:
    library = page.desk.services.library
    assert library is not None
    await until(lambda: LONG in [one.name for one in library.library.last.models])
    await page.open()
    await asyncio.sleep(0.05)


def assert_nothing_is_cut(page: Comparison) -> None:
    shown, inside = page.page, page.page.inside
    room = shown.viewport().width()
    assert inside.minimumSizeHint().width() <= room
    for label in shown.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
    for control in shown.findChildren(QWidget):
        is_meant = isinstance(control, QAbstractButton | QComboBox | QLineEdit)
        is_own = not isinstance(control.parentWidget(), QLineEdit | type(shown.table))
        if is_meant and is_own and control.isVisible():
            right = control.mapTo(inside, QPoint(control.width(), 0)).x()
            assert right <= room, control.objectName()
            assert control.height() >= control.minimumSizeHint().height(), control.objectName()
            assert control.width() >= control.minimumSizeHint().width(), control.objectName()
            assert control.accessibleName() or getattr(control, "text", str)()


@pytest.mark.parametrize(
    ("theme", "size", "width"),
    [("light", 1.0, 420), ("dark", 2.0, 420), ("light", 2.0, 1080)],
)
def test_nothing_is_cut_in_any_window(
    run: Run, page: Comparison, theme: str, size: float, width: int
) -> None:
    async def scenario() -> None:
        await in_look(page, theme, size, width)
        await opened(page)
        assert sorted(page.names()) == sorted([LONG, UNBROKEN, "Starter"])
        page.choose(UNBROKEN, SMALL)
        page.press("compareChoose")
        page.page.show_progress(1, 1000)
        await until(lambda: page.text("compareProgress") == "Reckoned: 1 of 1,000 models.")
        await asyncio.sleep(0.05)
        assert_nothing_is_cut(page)

    run(page.panel.play(scenario()))


def test_where_there_is_no_room_beside_the_names_the_cells_stand_below_them(
    run: Run, page: Comparison
) -> None:
    async def scenario() -> None:
        await in_look(page, "light", 1.0, 1080)
        await opened(page)
        table = page.page.table
        page.choose(LONG, SMALL)
        assert not page.model.is_stacked
        across = table.horizontalHeader()
        assert across.isVisibleTo(page.page)
        await in_look(page, "light", 2.0, 420)
        await until(lambda: page.is_open and len(page.names()) == 3)
        await page.until_reckoned()
        assert page.model.is_stacked
        assert page.page.table.horizontalScrollBar().maximum() == 0, "nothing is beside them"
        assert page.text("compareHeading") == f"{LONG}: Context 4,096 tokens", "as before"
        page.desk.window.resize(1400, 700)
        await until(lambda: not page.model.is_stacked)
        assert page.text("compareHeading") == f"{LONG}: Context 4,096 tokens"

    run(page.panel.play(scenario()))


def test_columns_that_have_no_room_are_scrolled_beside_the_names(
    run: Run, page: Comparison
) -> None:
    async def scenario() -> None:
        await in_look(page, "light", 1.0, 1080)
        await opened(page)
        table = page.page.table
        assert table.horizontalScrollBar().maximum() == 0
        page.vary("cache")
        page.vary("memory")
        await page.until_reckoned()
        bar = table.horizontalScrollBar()
        assert bar.maximum() > 0
        widths = {table.columnWidth(number) for number in range(len(WAYS))}
        assert len(widths) == 1
        bar.setValue(bar.maximum())
        names = table.verticalHeader()
        assert names.isVisible()
        assert names.x() <= 1

    run(page.panel.play(scenario()))


def test_right_to_left_the_names_stand_at_the_right(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        await in_look(page, "light", 1.0, 1080)
        await opened(page)
        table = page.page.table
        assert table.verticalHeader().x() > table.viewport().x()
        first, second = (page.index(LONG, way) for way in WAYS[:2])
        assert table.visualRect(first).x() > table.visualRect(second).x()
        load = page.page.detail.load
        assert load.mapTo(page.page.detail, QPoint(0, 0)).x() < page.page.detail.width() / 2

    run(page.panel.play(scenario()))


def test_another_look_leaves_what_is_compared_as_it_was(run: Run, page: Comparison) -> None:
    async def scenario() -> None:
        await opened(page)
        page.vary("context", on=False)
        page.vary("memory")
        page.sort(Order.MEMORY)
        page.press("compareChoose")
        choice = page.part(CompareChoice, "compareChoice")
        choice.marks.mark(choice.chosen[:2])
        await page.until_reckoned()
        page.choose(UNBROKEN, WAYS[-1])
        before, shown = page.page.view(), page.page
        page.desk.window.set_appearance("dark", 1.25)
        await page.until_reckoned()
        await until(lambda: page.is_open)
        assert page.page is not shown
        assert page.page.view() == before
        assert page.columns() == ["As it is", "Less memory"]
        page.press("compareBackButton")
        assert page.panel.is_open
        page.desk.window.set_appearance("light", 1.0)
        await page.until_reckoned()
        assert page.panel.is_open
        assert not page.is_open, "who has left it is not brought back"

    run(page.panel.play(scenario()))


def test_every_control_is_reached_by_tab_in_the_order_of_the_eye(
    run: Run, page: Comparison
) -> None:
    async def scenario() -> None:
        await in_look(page, "light", 1.0, 1080)
        await opened(page)
        page.press("compareChoose")
        await asyncio.sleep(0.05)
        shown = page.page
        first = page.part(QAbstractButton, "compareBackButton")
        found: list[QWidget] = []
        widget = first.nextInFocusChain()
        while widget is not None and widget is not first:
            takes_keys = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
            if takes_keys and widget.isVisible() and shown.inside.isAncestorOf(widget):
                found.append(widget)
            widget = widget.nextInFocusChain()
        places = [one.mapTo(shown.inside, QPoint(0, one.height() // 2)) for one in found]
        for before, after in pairwise(places):
            is_below = after.y() > before.y() + 8
            assert is_below or (abs(after.y() - before.y()) <= 8 and after.x() > before.x())
        names = [one.objectName() for one in found]
        assert names[0] == "compareChoose"
        assert names[-2:] == ["compareTable", "compareLoad"]
        assert {"compare-context", "compareOrder", "compareModels", "compareMarkAll"} <= {*names}

    run(page.panel.play(scenario()))
