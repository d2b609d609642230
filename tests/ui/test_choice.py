"""Choices, texts and search fields as all pages have them: in each theme, size and direction."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton, QWidget

from app import paths
from app.ui import theme as themes
from app.ui.choice import CalmChoice
from app.ui.icons import Icons
from app.ui.search_line import SearchLine
from app.ui.words import Words, isolated
from tests.ui.conftest import settle

LONG = "A name that is much longer than there is room for"


@pytest.fixture
def parent(qapp: QApplication) -> Iterator[QWidget]:
    made = QWidget()
    made.resize(400, 200)
    yield made
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    made.hide()
    made.deleteLater()
    settle()


def in_look(qapp: QApplication, name: str, size: float) -> Icons:
    folder = paths.resources() / "themes"
    theme = themes.load(folder, name, size)
    qapp.setPalette(theme.palette())
    qapp.setStyleSheet(theme.style_sheet(folder))
    return Icons(paths.resources() / "icons", theme)


def arrow(box: CalmChoice) -> list[tuple[int, int]]:
    """The points of the end of the box that are not of its ground, without its frame."""
    image: QImage = box.grab().toImage()
    ground = image.pixelColor(image.width() // 2, 4)
    wide = range(image.width() - box.fontMetrics().height() - 8, image.width() - 4)
    return [
        (x, y) for x in wide for y in range(4, image.height() - 4)
        if image.pixelColor(x, y) != ground
    ]  # fmt: skip


@pytest.mark.parametrize("name", [themes.LIGHT, themes.DARK])
def test_a_choice_has_one_arrow_that_grows_with_the_text(
    qapp: QApplication, parent: QWidget, name: str
) -> None:
    heights: list[int] = []
    for size in (1.0, 2.0):
        box = CalmChoice(in_look(qapp, name, size), parent)
        box.addItem("A")
        box.resize(200, box.sizeHint().height())
        parent.show()
        points = arrow(box)
        assert points, "there is one"
        heights.append(max(y for _, y in points) - min(y for _, y in points))
        for x in {x for x, _ in points}:  # of two, there would be a gap between them
            column = sorted(y for other, y in points if other == x)
            assert column == list(range(column[0], column[-1] + 1))
    assert heights[1] > 1.5 * heights[0]


def test_a_long_entry_ends_before_the_arrow_and_the_wheel_changes_nothing(
    qapp: QApplication, parent: QWidget
) -> None:
    box = CalmChoice(in_look(qapp, themes.LIGHT, 2.0), parent)
    box.addItems([LONG, "B"])
    box.resize(180, box.sizeHint().height())
    parent.show()
    column = box.width() - box.fontMetrics().height() - 2  # between the text and the arrow
    image = box.grab().toImage()
    colours = {image.pixelColor(column, y).name() for y in range(6, image.height() - 6)}
    assert len(colours) == 1
    wheel = QWheelEvent(
        QPointF(9, 9), QPointF(9, 9), QPoint(0, -120), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, wheel)
    assert box.currentIndex() == 0


def test_texts_begin_where_the_layout_does(qapp: QApplication, parent: QWidget) -> None:
    in_look(qapp, themes.LIGHT, 1.0)
    assert isolated("8 GB", parent) == "8 GB"
    assert Words("A", parent).alignment() & Qt.AlignmentFlag.AlignLeft
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert isolated("8 GB", parent) == "\u20688 GB\u2069"
    assert isolated("", parent) == ""
    assert Words("A", parent).alignment() & Qt.AlignmentFlag.AlignRight
    assert Words("<b>A</b>", parent).textFormat() is Qt.TextFormat.PlainText


def test_a_search_field_offers_to_clear_it_while_there_is_something_in_it(
    qapp: QApplication, parent: QWidget
) -> None:
    line = SearchLine(in_look(qapp, themes.DARK, 1.0), parent, "search", "Search here")
    line.resize(200, line.sizeHint().height())
    parent.show()
    button = line.findChild(QToolButton)
    assert button is not None
    assert not button.isVisible()
    QTest.keyClicks(line, "a")
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert line.text() == ""
    assert not button.isVisible()
    assert line.accessibleName() == "Search here"
