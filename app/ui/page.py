"""A page in place of the conversation: a heading, and sections of rows with their buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.ui.controls import text_button
from app.ui.words import Words, breakable, is_mirrored

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from app.ui.icons import Icons

WIDTH = 760
NARROW = 560  # pixels; in less room a row's buttons stand below its text


class Page(QScrollArea):
    """Esc and Back lead to the chat."""

    left = Signal()
    widest = WIDTH  # pixels, of the column
    back = "Back to the chat"

    def __init__(self, heading: str, name: str, icons: Icons, parent: QWidget) -> None:
        """`name` is the object name's beginning, such as "models" for "modelsPage"."""
        super().__init__(parent)
        self.setObjectName(f"{name}Page")
        self.setProperty("role", "page")
        self.setAccessibleName(heading)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.inside = QWidget(self)
        self.inside.setObjectName(f"{name}Column")
        self.inside.setProperty("role", "pageColumn")
        self._back = text_button(self.back, "link", self.inside, f"{name}BackButton")
        self._back.setIcon(icons.get("right" if is_mirrored(self) else "left", "accent"))
        self._back.clicked.connect(self.left)
        title = Words(heading, self.inside, "title")
        self.column = QVBoxLayout(self.inside)
        self.column.setSpacing(12)
        self.column.addWidget(self._back, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addWidget(title)
        self._sections: list[Section] = []
        self.setWidget(self.inside)

    def add_section(self, heading: str, name: str) -> Section:
        """Adds a section at the end."""
        section = Section(heading, name, self.inside)
        self._sections.append(section)
        self.column.addWidget(section)
        return section

    def add_paragraph(self, text: str = "") -> QLabel:
        """Adds a muted text at the end."""
        label = Words(text, self.inside, "muted")
        self.column.addWidget(label)
        return label

    def show_top(self) -> None:
        """Scrolls to the top, and takes the keyboard."""
        self._back.setFocus()
        self.verticalScrollBar().setValue(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leads back."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A column in the middle."""
        super().resizeEvent(event)
        width = self.viewport().width()
        # The same with a scroll bar and without: nothing moves when one comes.
        whole = self.width() - self.verticalScrollBar().sizeHint().width()
        start = max(16, (whole - self.widest) // 2)
        end = max(16, start + width - whole)
        sides = (end, start) if is_mirrored(self) else (start, end)
        self.column.setContentsMargins(sides[0], 16, sides[1], 24)
        for section in self._sections:
            section.set_narrow(narrow=width < NARROW)


class Section(QFrame):
    """A heading, a remark, and rows of a name, its facts and a button."""

    def __init__(self, heading: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._narrow = False
        self._heading = Words("", self, "heading")
        self.set_heading(heading)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._heading)
        column.addLayout(self._rows)
        self._column = column

    def set_heading(self, heading: str) -> None:
        """Changes the heading; "" leaves no room for one."""
        self._heading.setText(breakable(heading))
        self._heading.setVisible(bool(heading))

    def set_footer(self, widget: QWidget) -> None:
        """Puts something below the rows, where it stays."""
        self._column.addWidget(widget)

    def clear(self) -> None:
        """Takes all rows away."""
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()

    def say(self, text: str) -> None:
        """Adds a remark."""
        self._rows.addWidget(Words(text, self, "muted"))

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the rows' buttons below their text, or beside it."""
        if narrow != self._narrow:
            self._narrow = narrow
            for row in self.findChildren(Row):
                row.set_narrow(narrow=narrow)

    def add(
        self, name: str, facts: str, about: str, action: str = "", button_name: str = ""
    ) -> QPushButton:
        """Adds a row with one button, which it returns."""
        return self.add_row(name, facts, about).add_button(action, button_name)

    def add_row(self, name: str, facts: str, about: str = "") -> Row:
        """Adds a row without a button yet."""
        row = Row(name, facts, about, self)
        row.set_narrow(narrow=self._narrow)
        self._rows.addWidget(row)
        return row

    def add_widget(self, widget: QWidget) -> None:
        """Adds something else in a row's place."""
        self._rows.addWidget(widget)


class Row(QFrame):
    """One model or server: its name, what is known of it, and what can be done with it."""

    def __init__(self, name: str, facts: str, about: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._title = name
        title = Words(breakable(name), self, "strong")
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(title)
        self._facts, self._about = self._small(facts), self._small(about)
        texts.addWidget(self._facts)
        texts.addWidget(self._about)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(8)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 8)
        self._grid.setColumnStretch(0, 1)
        self._grid.addLayout(texts, 0, 0)
        self.set_narrow(narrow=False)

    def set_about(self, about: str) -> None:
        """Changes what is said below the facts."""
        self._about.setText(breakable(about))
        self._about.setVisible(bool(about))

    def _small(self, text: str) -> QLabel:
        label = Words(breakable(text), self, "small")
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        label.setMinimumWidth(0)
        label.setVisible(bool(text))
        return label

    def add_button(self, action: str, name: str, role: str = "secondary") -> QPushButton:
        """Adds a button; its name for a screen reader has the row's title in it."""
        button = text_button(action, role, self, name)
        button.setAccessibleName(f"{action}: {self._title}")
        button.setVisible(bool(action))
        self._buttons.addWidget(button)
        return button

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the buttons below the text, or beside it."""
        direction = QBoxLayout.Direction
        self._buttons.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self._grid.removeItem(self._buttons)
        at = (1, 0) if narrow else (0, 1)
        self._grid.addLayout(self._buttons, *at, Qt.AlignmentFlag.AlignLeft)
