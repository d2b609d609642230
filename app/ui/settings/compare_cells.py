"""How the cells of the comparison and the models beside them are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.llm.comparing import Fits
from app.ui.settings import compare_words as words
from app.ui.settings.compare_model import CompareModel, Kind, Spot
from app.ui.words import isolated

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex
PADDING = 7  # pixels beside a cell's text
EDGE = 6  # above and below it
GAP, GAP_BESIDE = 2, 6  # between its lines, and between words and marks in one
SPARE = 4  # what a style rounds otherwise
LINES = 3
NAME_LINES = 2
# Texts for which there is room in the small font.
LONGEST_LINE, USUAL_NAME = "only 65,536 tokens", "Some Model 7B Chat"
WAITING, IN_USE = "…", "in use"


class Pen:
    """The fonts and the places that cells and names have in common."""

    def __init__(self, theme: Theme, view: QWidget) -> None:
        self.theme = theme
        self.view = view
        self.strong = QFont(theme.small_font())
        self.strong.setPixelSize(theme.metric("ui_font"))
        self.strong.setWeight(QFont.Weight.DemiBold)
        self.small = theme.small_font()
        self.strong_height = QFontMetrics(self.strong).height()
        self.small_height = QFontMetrics(self.small).height()

    @property
    def height(self) -> int:
        """Pixels of a cell, and of the name beside it."""
        cell = self.strong_height + (LINES - 1) * (GAP + self.small_height)
        name = NAME_LINES * self.strong_height + GAP + self.small_height
        return max(cell, name) + 2 * EDGE

    @property
    def name_height(self) -> int:
        """Pixels of a name above its cells."""
        return NAME_LINES * self.strong_height + GAP + self.small_height + 2 * EDGE

    def width(self, text: str) -> int:
        """Pixels of a cell with that text."""
        return QFontMetrics(self.small).horizontalAdvance(text) + 2 * PADDING + SPARE

    def draw(self, painter: QPainter, place: QRect, text: str, font: QFont, role: str) -> None:
        """A line, with … where there is no room."""
        painter.setFont(font)
        painter.setPen(self.theme.colour(role))
        fitting = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading
        painter.drawText(place, side, isolated(fitting, self.view))

    def draw_lines(
        self, painter: QPainter, inside: QRect, text: str, font: QFont, role: str, most: int
    ) -> int:
        """A text in up to `most` lines, from the top of `inside`; returns how many there were."""
        height = QFontMetrics(font).height()
        parts = _broken(text, font, inside.width(), most)
        for number, part in enumerate(parts):
            place = QRect(inside.left(), inside.top() + number * height, inside.width(), height)
            self.draw(painter, place, part, font, role)
        return len(parts)

    def name_room(self, name: str, width: int) -> int:
        """Pixels of a name with a line of facts below it."""
        count = len(_broken(name, self.strong, width, NAME_LINES))
        return count * self.strong_height + GAP + self.small_height

    def draw_name(self, painter: QPainter, inside: QRect, name: str, facts: str) -> None:
        """A model's name, and its facts below: three lines, of which two may be the name's."""
        count = self.draw_lines(painter, inside, name, self.strong, "text", NAME_LINES)
        rest = inside.adjusted(0, count * self.strong_height + GAP, 0, 0)
        self.draw_lines(painter, rest, facts, self.small, "muted", LINES - count)


class CellDelegate(QStyledItemDelegate):
    """A mark with the memory, and below it the speed and what comes out."""

    def __init__(self, pen: Pen, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._pen = pen
        self._marks = {fits: icons.get(*mark) for fits, mark in words.MARKS.items()}

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Room for the usual lines."""
        return QSize(self._pen.width(LONGEST_LINE), self._pen.height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draws what stands there."""
        model = index.model()
        spot = model.spot(index) if isinstance(model, CompareModel) else None
        if spot is None or not isinstance(model, CompareModel):
            return
        painter.save()
        rect: QRect = option.rect
        inside = rect.adjusted(PADDING, EDGE, -PADDING, -EDGE)
        if spot.kind is Kind.NAME:
            painter.fillRect(rect, self._pen.theme.colour("code"))
            name, facts = model.name(spot.row), model.facts(spot.row)
            spare = inside.height() - self._pen.name_room(name, inside.width())
            inside.adjust(0, spare // 2, 0, 0)
            self._pen.draw_name(painter, inside, name, facts)
        else:
            self._draw_back(painter, rect, option)
            if spot.kind is Kind.PROBLEM:
                self._draw_problem(painter, inside, spot, option)
            else:
                self._draw_cell(painter, inside, spot, option, is_named=model.is_stacked)
        painter.restore()

    def _draw_back(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem) -> None:
        state, theme = option.state, self._pen.theme
        painter.setPen(theme.colour("line"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_chosen = bool(state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        box, radius = rect.adjusted(1, 1, -2, -3), theme.metric("radius")
        if is_chosen or is_hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent_soft" if is_chosen else "hover"))
            painter.drawRoundedRect(box, radius, radius)
        if is_chosen:
            has_focus = bool(state & QStyle.StateFlag.State_HasFocus)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.colour("accent" if has_focus else "control"))
            painter.drawRoundedRect(box, radius, radius)

    def _draw_problem(
        self, painter: QPainter, inside: QRect, spot: Spot, option: QStyleOptionViewItem
    ) -> None:
        rest = self._draw_mark(painter, inside, Fits.NEVER, option)
        self._pen.draw_lines(painter, rest, spot.row.problem, self._pen.small, "text", LINES)

    def _draw_cell(
        self,
        painter: QPainter,
        inside: QRect,
        spot: Spot,
        option: QStyleOptionViewItem,
        *,
        is_named: bool,
    ) -> None:
        """In one column each cell says itself which way to load it is about."""
        pen, cell = self._pen, spot.cell
        lines = list(words.lines(cell)) if cell is not None else [WAITING]
        if is_named and spot.way is not None:
            upper = [line for line in lines[:2] if line]
            lines = [words.phrase(spot.way), " · ".join(upper), *lines[2:]]
        top = QRect(inside.left(), inside.top(), inside.width(), pen.strong_height)
        if cell is not None:
            top = self._draw_mark(painter, top, cell.fits, option)
        is_possible = cell is not None and cell.fits is not Fits.NEVER
        pen.draw(painter, top, lines[0], pen.strong, "text" if is_possible else "muted")
        if cell is not None and cell.is_loaded:
            used = QFontMetrics(pen.strong).horizontalAdvance(lines[0]) + GAP_BESIDE
            tag = QStyle.visualRect(option.direction, top, top.adjusted(used, 0, 0, 0))
            pen.draw(painter, tag, IN_USE, pen.small, "accent")
        for number, line in enumerate(lines[1:]):
            at = inside.top() + pen.strong_height + GAP + number * (pen.small_height + GAP)
            place = QRect(inside.left(), at, inside.width(), pen.small_height)
            is_told = number == len(lines) - 2 and is_possible and not _is_as_wanted(spot)
            pen.draw(painter, place, line, pen.small, "text" if is_told else "muted")

    def _draw_mark(
        self, painter: QPainter, place: QRect, fits: Fits, option: QStyleOptionViewItem
    ) -> QRect:
        """The mark at the beginning; returns what is left of the place."""
        side = self._pen.strong_height
        mark = QRect(place.left(), place.top(), side, side).adjusted(0, 1, -2, -1)
        rest = place.adjusted(side + GAP, 0, 0, 0)
        direction = option.direction
        self._marks[fits].paint(painter, QStyle.visualRect(direction, place, mark))
        return QStyle.visualRect(direction, place, rest)


class NameHeader(QHeaderView):
    """The models at the side; they stay in sight when the cells are scrolled."""

    def __init__(self, pen: Pen, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._pen = pen
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setDefaultSectionSize(pen.height)
        self.setHighlightSections(False)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draws a name and its facts."""
        model = self.model()
        if not isinstance(model, CompareModel) or model.is_stacked:
            return
        painter.save()
        painter.fillRect(rect, self._pen.theme.colour("window"))
        painter.setPen(self._pen.theme.colour("line"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        row = model.row_at(section)
        inside = rect.adjusted(2, EDGE, -PADDING, -EDGE)
        self._pen.draw_name(painter, inside, model.name(row), model.facts(row))
        painter.restore()


def _is_as_wanted(spot: Spot) -> bool:
    return spot.cell is None or spot.cell.fits is Fits.WANTED


def _broken(text: str, font: QFont, width: int, most: int) -> list[str]:
    """The text in up to `most` lines; the last has all that is left."""
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    starts: list[int] = []
    while len(starts) < most and (line := layout.createLine()).isValid():
        line.setLineWidth(max(1, width))
        starts.append(line.textStart())
    layout.endLayout()
    ends = [*starts[1:], len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
