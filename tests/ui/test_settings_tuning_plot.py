"""The plot of a search and its table: the same in figures, in places and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from app.llm.trials import Runs, Speed, Trial, Tuning
from app.ui.settings import tuning_words as words
from app.ui.settings.tuning_plot import SpeedPlot
from app.ui.settings.tuning_plots import SpeedPlots
from app.ui.settings.tuning_points import Point, Scale, points
from app.ui.settings.tuning_table import TrialsTable
from app.ui.theme import Theme
from tests.ui.conftest import settle
from tests.ui.tuning_use import PLAN, some_trials, trial

WRITING = points(some_trials(), 6, is_prompt=False)


@pytest.fixture
def parent(theme: Theme) -> Iterator[QWidget]:
    made = QWidget()
    made.resize(800, 600)
    made.show()
    yield made
    QToolTip.hideText()
    made.hide()
    made.deleteLater()
    settle()


def plotted(parent: QWidget, given: Sequence[Point] = WRITING) -> SpeedPlot:
    made = SpeedPlot("Writing an answer", parent)
    made.show_points(given)
    made.resize(300, made.sizeHint().height())
    made.show()
    return made


def colours(image: QImage, place: QPointF) -> set[str]:
    """What was painted around a place."""
    return {
        image.pixelColor(round(place.x()) + across, round(place.y()) + down).name()
        for across in range(-5, 6)
        for down in range(-5, 6)
    }


def test_points_are_what_was_predicted_and_measured() -> None:
    reading = points(some_trials(), 6, is_prompt=True)
    assert [(one.name, round(one.predicted), round(one.measured)) for one in reading] == [
        ("The plan", 270, 255),
        ("16 threads for the prompt", 280, 231),
        ("256 tokens at once", 262, 214),
        ("Flash attention off", 249, 198),
        ("4 threads", 270, 260),
    ]
    assert [one.is_plan for one in reading] == [True, False, False, False, False]
    assert [one.is_kept for one in reading] == [False, False, False, False, True]


def test_answers_behind_a_long_prompt_are_not_compared_with_those_at_the_start() -> None:
    deep = Trial("KV cache in q8_0", PLAN, None, Runs(8, (1.0,)), Speed(9.0, 9.0), depth=1024)
    assert points((deep,), 0, is_prompt=False) == []
    assert words.name(deep, is_plan=False) == ("KV cache in q8_0, after 1,024 tokens")


@pytest.mark.parametrize(
    ("values", "ticks", "texts"),
    [
        ([3.0, 10.0], [0, 5, 10], ["0", "5", "10"]),
        ([198.0, 280.0], [150, 200, 250, 300], ["150", "200", "250", "300"]),
        ([1200.0, 1300.0], [1000, 1100, 1200, 1300], ["1,000", "1,100", "1,200", "1,300"]),
        ([0.31, 0.36], [0.25, 0.3, 0.35, 0.4], None),
        ([10.0], [8, 9, 10], ["8", "9", "10"]),
    ],
)
def test_axes_have_round_figures_that_hold_all_values(
    values: list[float], ticks: list[float], texts: list[str] | None
) -> None:
    scale = Scale.over(values, 3)
    assert all(scale.low <= value <= scale.high for value in values)
    if texts is not None:
        assert scale.ticks == pytest.approx(ticks)
        assert [scale.text(one) for one in scale.ticks] == texts
    assert len({scale.text(one) for one in scale.ticks}) == len(scale.ticks) <= 5


def test_a_point_is_on_the_diagonal_where_both_are_the_same(parent: QWidget) -> None:
    same, slower = Point("a", 10.0, 10.0), Point("b", 10.0, 4.0)
    plot = plotted(parent, [same, slower, Point("c", 1.0, 1.0)])
    area = plot._area()
    here, below = plot.place(same), plot.place(slower)
    share = (here.x() - area.left()) / area.width()
    assert (area.bottom() - here.y()) / area.height() == pytest.approx(share)
    assert below.x() == here.x()
    assert below.y() > here.y(), "faster is higher"


def test_each_point_is_painted_and_what_is_kept_stands_out(parent: QWidget, theme: Theme) -> None:
    plot = plotted(parent)
    image = plot.grab().toImage()
    kept = next(one for one in WRITING if one.is_kept)
    plan = next(one for one in WRITING if one.is_plan)
    ground = image.pixelColor(image.width() - 1, image.height() - 1).name()
    for one in WRITING:
        assert colours(image, plot.place(one)) != {ground}, one.name
    assert theme.colour("accent").name() in colours(image, plot.place(kept))
    assert theme.colour("accent").name() not in colours(image, plot.place(plan))
    assert theme.colour("text").name() in colours(image, plot.place(plan))


@pytest.mark.qt_log_ignore("This plugin does not support raise")  # the offscreen platform
def test_the_pointer_and_a_screen_reader_are_told_the_same(parent: QWidget) -> None:
    plot = plotted(parent)
    kept = next(one for one in WRITING if one.is_kept)
    place = plot.place(kept).toPoint()
    told = "4 threads: predicted 11.0, measured 12.4 tokens/s, kept"
    assert plot.told_at(QPointF(place)).startswith(told), "the nearest comes first"
    assert told in plot.accessibleDescription()
    assert "The plan: predicted 11.0, measured 10.1 tokens/s" in plot.accessibleDescription()
    assert plot.accessibleName() == (
        "Writing an answer: predicted against measured tokens per second"
    )
    event = QHelpEvent(QHelpEvent.Type.ToolTip, place, plot.mapToGlobal(place))
    QApplication.sendEvent(plot, event)
    assert QToolTip.text().startswith(told)
    assert plot.told_at(QPointF(2, 2)) == ""


def test_figures_run_from_left_to_right_in_a_mirrored_window(parent: QWidget) -> None:
    parent.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    plot = plotted(parent, [Point("slow", 1.0, 1.0), Point("fast", 9.0, 9.0)])
    slow, fast = (plot.place(one) for one in (Point("", 1.0, 1.0), Point("", 9.0, 9.0)))
    assert slow.x() < fast.x()


def test_two_plots_stand_beside_each_other_where_there_is_room(parent: QWidget) -> None:
    plots = SpeedPlots(parent)
    plots.show_trials(some_trials(), 6)
    plots.show()
    for width, is_beside in ((700, True), (300, False), (700, True)):
        plots.resize(width, 700)
        settle()
        tops = [one.mapTo(plots, QPoint(0, 0)).y() for one in (plots.reading, plots.writing)]
        assert (tops[0] == tops[1]) is is_beside, width
        assert plots.minimumSizeHint().width() <= width


def test_without_predictions_there_is_no_plot(parent: QWidget) -> None:
    plots = SpeedPlots(parent)
    plots.show_trials([trial("", 255, 10)], 0)
    assert plots.isHidden()
    plots.show_trials([trial("", 255, 10, Speed(None, 11.0))], 0)
    assert not plots.isHidden()
    assert not plots.reading.isVisibleTo(plots)
    assert plots.writing.isVisibleTo(plots)


def test_the_table_becomes_a_list_where_it_is_narrow(parent: QWidget) -> None:
    table = TrialsTable(parent)
    table.show()
    table.resize(600, 500)
    table.show_trials(some_trials(), 6)
    settle()
    assert table.texts()[0] == ("The plan", "255", "270", "10.1", "11.0")
    assert table.texts()[-1] == ("4 threads · kept", "260", "270", "12.4", "11.0")
    table.resize(240, 500)
    settle()
    assert table.minimumSizeHint().width() <= 240
    assert table.texts()[0] == (
        "The plan",
        "reading 255, predicted 270\nwriting 10.1, predicted 11.0",
    )
    table.show_trials(some_trials()[:2], -1)
    assert [row[0] for row in table.texts()] == ["The plan", "7 threads"]


def test_speeds_are_told_apart_and_only_where_they_differ() -> None:
    def outcome(*trials: Trial, kept: int = 1) -> str:
        return words.outcome(Tuning("m", "e", "c", "2026-01-31", trials, kept))

    slow, fast = trial("", 3_200, 21.4), trial("2 threads", 3_200.2, 22.1)
    assert outcome(slow, fast) == (
        "22.1 instead of 21.4 tokens/s when writing, 3,200 as before when reading: kept."
    )
    assert outcome(trial("", None, 0.24), trial("x", None, 0.31)) == (
        "0.31 instead of 0.24 tokens/s when writing: kept."
    )
    assert outcome(slow, kept=0) == (
        "There was no time to try anything but the plan: 21.4 tokens/s when writing and 3,200 when "
        "reading."
    )
