"""A switch, a choice, a number, a line and a text."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QPlainTextEdit, QWidget

from app.ui.choice import CalmChoice
from app.ui.controls import text_button
from app.ui.settings.field import Field
from app.ui.settings.rows import Browse, Choice, Line, Number, Row, Text, WrongValue

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from app.ui.icons import Icons

LETTERS = 14  # of the longest entry that a choice makes room for
NUMBER_LETTERS = 10
BREAK, WRITTEN_BREAK = "\n", "\\n"


class SwitchField(Field):
    """On or off, in words too."""

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._box = QCheckBox(self)
        self._box.toggled.connect(self._toggled)
        self.add(self._box)

    @property
    def target(self) -> QWidget:
        """The box."""
        return self._box

    def value(self) -> object:
        """Whether it is on."""
        return self._box.isChecked()

    def display(self, value: object) -> None:
        """On or off."""
        self._box.setChecked(bool(value))
        self._box.setText("On" if value else "Off")

    def _toggled(self, is_on: bool) -> None:  # noqa: FBT001 - a Qt slot
        self._box.setText("On" if is_on else "Off")
        self.edited.emit()


class ChoiceField(Field):
    """One of several values; what is set and not among them is shown as well."""

    def __init__(self, row: Row, control: Choice, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._options = control.options
        self._more: tuple[tuple[object, str], ...] = ()
        self._is_open = control.is_open
        self._box = CalmChoice(icons, self)
        self._box.setMinimumContentsLength(LETTERS)
        self._box.currentIndexChanged.connect(self.edited)
        self.add(self._box, stretch=1)

    @property
    def target(self) -> QWidget:
        """The box."""
        return self._box

    def value(self) -> object:
        """What is chosen."""
        return self._box.currentData()

    def display(self, value: object) -> None:
        """Chooses it; a value that is not offered is added."""
        options = [*self._options, *self._more]
        if all(each != value for each, _ in options):
            shown = f"{value * 100:.4g}\u00a0%" if isinstance(value, float) else str(value)
            options.append((value, f"{shown} (not here now)" if self._is_open else shown))
        self._box.clear()
        for each, label in options:
            self._box.addItem(label, each)
        index = next(at for at, (each, _) in enumerate(options) if each == value)
        self._box.setCurrentIndex(index)
        self._box.setToolTip(options[index][1])

    def take(self, content: object) -> None:
        """More to choose from: pairs of a value and its label."""
        if isinstance(content, tuple) and content != self._more:
            self._more = content
            self.show_value(self.value())


class NumberField(Field):
    """A number that is typed, or changed by the arrow keys."""

    def __init__(self, row: Row, control: Number, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._number = control
        self._line = SteppedLine(self)
        self._line.setPlaceholderText(control.placeholder)
        self._line.setMinimumWidth(NUMBER_LETTERS * self._line.fontMetrics().averageCharWidth())
        self._line.textEdited.connect(self.edited)
        self._line.stepped.connect(self._step)
        self.add(self._line, stretch=1)
        self.add_unit(control.unit)

    @property
    def target(self) -> QWidget:
        """The line."""
        return self._line

    def value(self) -> object:
        """The number in the setting's own unit, or what an empty field stands for."""
        text = self._line.text().strip().replace(",", ".")
        if not text and self._number.empty:
            return self._number.empty[0]
        return self._from_shown(_number(text, is_whole=self._number.is_whole))

    def display(self, value: object) -> None:
        """In the unit that people read."""
        if value in self._number.empty or not isinstance(value, int | float):
            self._line.setText("")
        else:
            self._line.setText(_shown(value * self._number.factor))

    def take(self, content: object) -> None:
        """What an empty field stands for."""
        self._line.setPlaceholderText(str(content))

    def _from_shown(self, shown: float) -> float:
        most = self._number.most
        if most is not None and shown > most:
            raise WrongValue(f"It must be at most {most:,.0f}.")
        value = shown / self._number.factor
        return round(value) if self._number.is_whole or self._number.factor != 1 else value

    def _step(self, direction: int) -> None:
        """A step up or down from what is shown; from an empty field, from nothing."""
        try:
            shown = _number(self._line.text().replace(",", ".") or "0", is_whole=False)
        except WrongValue:
            return
        self._line.setText(_shown(shown + direction * self._number.step))
        self.edited.emit()


class LineField(Field):
    """A line of text, with a button that chooses a folder or a file where that is meant."""

    is_wide = True

    def __init__(self, row: Row, control: Line, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._check = control.check
        self._browse = control.browse
        self._line = QLineEdit(self)
        self._line.setPlaceholderText(os.environ.get(control.variable) or control.placeholder)
        self._line.textEdited.connect(self.edited)
        self.add(self._line, stretch=1)
        if control.browse:
            button = text_button("Choose…", "secondary", self, f"choose-{row.key}")
            button.setAccessibleName(f"Choose: {row.name}")
            button.clicked.connect(self._ask)
            self.line.addWidget(button)

    @property
    def target(self) -> QWidget:
        """The line."""
        return self._line

    def value(self) -> object:
        """The text, if it is what it should be."""
        text = self._line.text()
        return self._check(text) if self._check else text.strip()

    def display(self, value: object) -> None:
        """The text."""
        self._line.setText(str(value))
        self._line.setCursorPosition(0)

    def take(self, content: object) -> None:
        """What counts while it is empty."""
        self._line.setPlaceholderText(str(content))

    def _ask(self) -> None:
        dialog = QFileDialog(self, f"Choose: {self.row.name}", self._line.text())
        dialog.setObjectName("chooseDialog")
        is_folder = self._browse is Browse.FOLDER
        mode = QFileDialog.FileMode.Directory if is_folder else QFileDialog.FileMode.ExistingFile
        dialog.setFileMode(mode)
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _chosen(self, path: str) -> None:
        self._line.setText(path)
        self.edited.emit()


class TextField(Field):
    """Text of several lines; Tab leads on."""

    is_wide = True

    def __init__(self, row: Row, control: Text, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._is_list = control.is_list
        self._text = QPlainTextEdit(self)
        self._text.setProperty("role", "field")
        self._text.setTabChangesFocus(True)
        self._text.setPlaceholderText(control.placeholder)
        self._text.textChanged.connect(self.edited)
        self._lines = control.lines
        self.add(self._text, stretch=1)
        self._text.ensurePolished()
        self._text.setFixedHeight(self._lines * self._text.fontMetrics().lineSpacing() + 20)

    @property
    def target(self) -> QWidget:
        """The text."""
        return self._text

    def value(self) -> object:
        """The text, or its lines."""
        text = self._text.toPlainText()
        if not self._is_list:
            return text
        return tuple(line.replace(WRITTEN_BREAK, BREAK) for line in text.split(BREAK) if line)

    def display(self, value: object) -> None:
        """The text, or one line for each."""
        if isinstance(value, tuple):
            value = BREAK.join(str(one).replace(BREAK, WRITTEN_BREAK) for one in value)
        self._text.setPlainText(str(value))


class SteppedLine(QLineEdit):
    """A line in which the arrow keys go up and down."""

    stepped = Signal(int)  # 1 or -1

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down; all else as ever."""
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)


def _number(text: str, *, is_whole: bool) -> float:
    """The number that is written. Raises WrongValue."""
    try:
        number = int(text) if is_whole else float(text)
    except ValueError:
        wanted = "a whole number" if is_whole else "a number, such as 0.5"
        raise WrongValue(f"Write {wanted}.") from None
    if not math.isfinite(number):
        raise WrongValue("Write a number, such as 0.5.")
    return number


def _shown(value: float) -> str:
    return f"{value:.10g}"
