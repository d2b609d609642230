"""The tuning block in little room, with large text and mirrored: nothing is cut, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

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
def mirrored(qapp: QApplication) -> Iterator[None]:
    """Before the window in a test's arguments."""
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


async def tuned(panel: TuningPanel, model: Path) -> None:
    """The block with what was found."""
    await panel.begin(model)
    trials = some_trials()
    panel.search.finish(trials, len(trials) - 1)
    await panel.until_ended()


def cut_texts(panel: TuningPanel) -> list[str]:
    """Texts that have less room than they need; a layout settles in steps."""
    return [
        label.text()
        for label in panel.block.findChildren(QLabel)
        if label.isVisible()
        and (
            label.height() < label.heightForWidth(label.width())
            if label.wordWrap()
            else label.width() < label.sizeHint().width()
        )
    ]


def outside(panel: TuningPanel) -> list[str]:
    """What reaches over the block's edges."""
    block = panel.block
    return [
        one.objectName() or type(one).__name__
        for one in block.findChildren(QWidget)
        if one.isVisible()
        and (
            one.mapTo(block, QPoint(0, 0)).x() < 0
            or one.mapTo(block, QPoint(one.width(), 0)).x() > block.width()
        )
    ]


@pytest.mark.parametrize(
    ("width", "size"), [(420, 1.0), (420, 2.0), (1080, 1.0), (1080, 2.0)], ids=str
)
def test_nothing_is_cut(
    run: Run, panel: TuningPanel, tmp_path: Path, width: int, size: float
) -> None:
    async def scenario() -> None:
        panel.desk.window.resize(width, 800)
        panel.desk.window.set_appearance("dark", size)
        await until(lambda: not panel.desk.services.tasks.running)
        await tuned(panel, written_model(tmp_path))
        await until(lambda: not cut_texts(panel))
        await until(lambda: not outside(panel))
        room = panel.page.area.viewport().width()
        settled = panel.page.area.widget()
        assert settled is not None
        assert settled.minimumSizeHint().width() <= room
        is_table = len(panel.block.table.texts()[0]) == 5
        assert is_table is (width == 1080 and size == 1.0)

    run(panel.play(scenario()))


def test_a_mirrored_block_begins_at_the_right(mirrored: None, run: Run, tmp_path: Path) -> None:
    panel: TuningPanel = run(open_tuning(tmp_path))

    async def scenario() -> None:
        await tuned(panel, written_model(tmp_path))
        await until(lambda: not cut_texts(panel))
        assert not outside(panel)
        block = panel.block
        start, forget = (one.mapTo(block, QPoint(0, 0)).x() for one in (panel.start, panel.forget))
        assert start > forget
        row = block.table._rows[0]
        assert row.mark.x() > row.name.x() > row.numbers[0].x()

    try:
        run(panel.play(scenario()))
    finally:
        run(panel.desk.close())
        settle()


def test_tab_goes_through_the_block_as_the_eye_does(
    run: Run, panel: TuningPanel, tmp_path: Path
) -> None:
    async def scenario() -> None:
        await tuned(panel, written_model(tmp_path))
        panel.desk.window.activateWindow()
        await until(lambda: panel.desk.window.isActiveWindow())
        panel.start.setFocus()
        QTest.keyClick(panel.start, Qt.Key.Key_Tab)
        assert panel.forget.hasFocus()
        for button in panel.block.findChildren(QPushButton):
            assert button.accessibleName()

    run(panel.play(scenario()))
