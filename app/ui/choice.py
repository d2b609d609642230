"""A choice of several values, as all pages and forms have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from app.ui.words import isolated

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from app.ui.icons import Icons

ARROW = 0.75  # of the line's height
MARGIN = 6  # pixels beside the arrow


class CalmChoice(QComboBox):
    """A choice that does not change under the wheel that was to scroll the page."""

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._arrow = icons.get("down", "muted")
        # As wide as its place, whatever it offers.
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """With … where there is no room, and an arrow in the theme's colour and the text's size.

        A style sheet can do neither.
        """
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style, parts = self.style(), QStyle.ComplexControl.CC_ComboBox
        arrow = round(ARROW * self.fontMetrics().height())
        field = style.subControlRect(parts, option, QStyle.SubControl.SC_ComboBoxEditField, self)
        room = min(field.width(), self.width() - arrow - 3 * MARGIN)
        text = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        option.currentText = isolated(text, self)
        option.subControls &= ~QStyle.SubControl.SC_ComboBoxArrow
        painter = QStylePainter(self)
        painter.drawComplexControl(parts, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        area = QRect(0, 0, arrow, arrow)
        area.moveCenter(self.rect().center())
        area.moveRight(self.width() - MARGIN)
        self._arrow.paint(painter, QStyle.visualRect(self.layoutDirection(), self.rect(), area))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leaves it to the page."""
        event.ignore()
