"""Small controls that several parts of the window use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QToolButton

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from app.ui.icons import Icons

WRAPPING_FRAME = 32  # pixels of a wrapping button beside its text


class IconButton(QToolButton):
    """A button with an icon alone; its name is its tool tip and what a screen reader says.

    A button that is `shy` is drawn only while the pointer is on its row or it has the focus; it
    keeps its place in either case.
    """

    def __init__(
        self, icons: Icons, icon: str, name: str, parent: QWidget, *, shy: bool = False
    ) -> None:
        super().__init__(parent)
        self._icons = icons
        self._shy = shy
        self._revealed = not shy
        self.setIconSize(QSize(18, 18))
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_icon(icon)

    def set_icon(self, icon: str, role: str = "muted") -> None:
        """Changes the drawing."""
        self.setIcon(self._icons.get(icon, role))

    def reveal(self, *, revealed: bool) -> None:
        """Draws a shy button, or hides it again."""
        if self._shy and revealed != self._revealed:
            self._revealed = revealed
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Nothing for a shy button that is not revealed."""
        if self._revealed or self.hasFocus():
            super().paintEvent(event)


class ElidedLabel(QLabel):
    """A line of text that ends in … where there is no room; the whole is its tool tip."""

    def __init__(self, text: str, parent: QWidget, *, role: str = "") -> None:
        super().__init__(parent)
        self._whole = ""
        if role:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Shows another text."""
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self.setToolTip(text)
            self.updateGeometry()
            self.update()

    def text(self) -> str:
        """The whole text."""
        return self._whole

    def sizeHint(self) -> QSize:
        """Room for the whole text."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self._whole) + 2, metrics.height())

    def minimumSizeHint(self) -> QSize:
        """Room for a letter or two."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.averageCharWidth() * 3, metrics.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draws as much as fits."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        fitting = painter.fontMetrics().elidedText(
            self._whole, Qt.TextElideMode.ElideRight, self.width()
        )
        painter.drawText(
            QRect(0, 0, self.width(), self.height()),
            Qt.AlignmentFlag.AlignVCenter
            | (self.alignment() & Qt.AlignmentFlag.AlignHorizontal_Mask),
            fitting,
        )


class WrappingButton(QPushButton):
    """A secondary button whose text takes several lines where there is no room for one."""

    def __init__(self, text: str, parent: QWidget, name: str) -> None:
        super().__init__(text, parent)
        self._whole = text
        self.setObjectName(name)
        self.setProperty("role", "secondary")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)

    def minimumSizeHint(self) -> QSize:
        """Room for the longest word."""
        self.ensurePolished()
        words = map(self.fontMetrics().horizontalAdvance, self._whole.split())
        return QSize(max(words) + WRAPPING_FRAME, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Breaks the text between words."""
        super().resizeEvent(event)
        room = self.width() - WRAPPING_FRAME
        lines: list[str] = []
        for word in self._whole.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.fontMetrics().horizontalAdvance(longer) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        if self.text() != "\n".join(lines):
            self.setText("\n".join(lines))


def text_button(label: str, role: str, parent: QWidget, name: str = "") -> QPushButton:
    """A push button in one of the style sheet's roles: primary, secondary, link or row."""
    button = QPushButton(label, parent)
    button.setProperty("role", role)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    if name:
        button.setObjectName(name)
    return button
