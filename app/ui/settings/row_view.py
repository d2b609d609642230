"""One row: its name, its sentence, its control, what is wrong with it, and Reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings.fact_field import FactField
from app.ui.settings.field import Field
from app.ui.settings.list_fields import FoldersField, ModelsField
from app.ui.settings.rows import (
    Choice,
    Fact,
    Folders,
    Line,
    Models,
    Number,
    Panel,
    Row,
    Secret,
    Switch,
    Text,
    WrongValue,
)
from app.ui.settings.secret_field import SecretField
from app.ui.settings.simple_fields import (
    ChoiceField,
    LineField,
    NumberField,
    SwitchField,
    TextField,
)
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.values import Values

LETTERS = 34  # for a control beside its name


def make_field(row: Row, icons: Icons, parent: QWidget) -> Field:
    """The control that a row is described with."""
    control = row.control
    if isinstance(control, Switch | Folders | Models):
        plain = {Switch: SwitchField, Folders: FoldersField, Models: ModelsField}
        return plain[type(control)](row, icons, parent)
    match control:
        case Choice():
            return ChoiceField(row, control, icons, parent)
        case Number():
            return NumberField(row, control, icons, parent)
        case Line():
            return LineField(row, control, icons, parent)
        case Text():
            return TextField(row, control, icons, parent)
        case Secret():
            return SecretField(row, control, icons, parent)
        case Fact():
            return FactField(row, control, icons, parent)
        case Panel():
            # Imported when it is first seen: a panel has rows of its own.
            from app.ui.settings.hardware_panels import make_panel

            return make_panel(row, control.kind, icons, parent)


class RowView(QFrame):
    """Keeps what is right as it is typed, and says why something is not."""

    changed = Signal(str)  # its key: the setting has another value now

    def __init__(self, row: Row, values: Values, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.row = row
        self._values = values
        self.setObjectName(f"row-{row.key}")
        self.setProperty("role", "settingRow")
        self._name = Words(row.name, self, "strong")
        self._reset = text_button("Reset", "link", self, f"reset-{row.key}")
        self._reset.setAccessibleName(f"Reset: {row.name}")
        self._reset.clicked.connect(self.reset)
        self._about = Words(row.sentence, self, "small")
        self.field = make_field(row, icons, self)
        self._wrong = Words("", self, "error")
        self._wrong.setObjectName(f"wrong-{row.key}")
        self._wrong.hide()
        self._lay_out()
        self.show_value()
        self.field.edited.connect(self._edited)

    def show_value(self) -> None:
        """Shows what is set now; what was typed and not kept is gone."""
        if self.row.path:
            self.field.show_value(self._values.get(self.row.path))
        self._show_wrong("")
        self._show_reset()

    def reset(self) -> None:
        """Sets it to what it was at first."""
        self._values.put(self.row.path, self._values.default(self.row.path))
        self.show_value()
        self.field.target.setFocus()
        self.changed.emit(self.row.key)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the control below the text, or beside it."""
        self._grid.removeWidget(self.field)
        below = narrow or self.field.is_wide
        self._grid.setHorizontalSpacing(0 if below else 24)
        self.field.setMaximumWidth(16_777_215 if below else self._most())
        if below:
            self._grid.addWidget(self.field, 1, 0, 1, 2)
        else:
            beside = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            self._grid.addWidget(self.field, 0, 1, beside)
        self.field.set_narrow(narrow=narrow)

    def set_first(self, *, first: bool) -> None:
        """Draws a line above it, or none above the first of several."""
        if self.property("first") is not first:
            self.setProperty("first", first)
            self.style().unpolish(self)
            self.style().polish(self)

    def _most(self) -> int:
        """Pixels, for a control beside its name."""
        return LETTERS * self.fontMetrics().averageCharWidth()

    def _lay_out(self) -> None:
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(bool(self.row.path))  # what appears moves nothing
        self._reset.setSizePolicy(policy)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self._name, 1)
        top.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addLayout(top)
        texts.addWidget(self._about)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(16, 10, 16, 12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._grid.addLayout(texts, 0, 0)
        self._grid.addWidget(self._wrong, 2, 0, 1, 2)
        self.set_narrow(narrow=False)

    def _edited(self) -> None:
        """Takes what was typed, if it is right."""
        try:
            value = self.field.value()
            has_changed = bool(self.row.path) and self._values.put(self.row.path, value)
        except WrongValue as wrong:
            self._show_wrong(str(wrong))
            return
        self._show_wrong("")
        self._show_reset()
        if has_changed:
            self.changed.emit(self.row.key)

    def _show_wrong(self, text: str) -> None:
        said = f"Not kept: {text[:1].lower()}{text[1:]}" if text else ""
        if said != self._wrong.text() or self._wrong.isHidden() == bool(said):
            self._wrong.setText(said)
            self._wrong.setVisible(bool(said))
            self.field.show_wrong(said)

    def _show_reset(self) -> None:
        path = self.row.path
        self._reset.setVisible(bool(path) and not self._values.is_default(path))
