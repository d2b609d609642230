"""What a person sets of one model's load, with what it would take as it is typed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from app.llm.workbench import Outlook, Sheet
from app.settings import WishSetting
from app.ui.controls import text_button
from app.ui.settings.field import Field
from app.ui.settings.hardware_form import WishForm
from app.ui.settings.hardware_outlook import OutlookView

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row

PAUSE = 200  # milliseconds after the last key


class Step(StrEnum):
    """What is asked of others; each comes with the wishes."""

    TRY = "try"  # reckon what they would take
    KEEP = "keep"
    LOAD = "load"  # keep them, and load the model again


class WishesField(Field):
    """Takes the sheet of a model, and then the outlooks it asks for; None where there is none."""

    is_wide = True

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._sheet: Sheet | None = None
        self.form = WishForm(icons, self)
        self.form.changed.connect(self._typed)
        self.outlook = OutlookView(self)
        self._load = text_button("Load again with these", "primary", self, "wishesLoad")
        self._keep = text_button("Use these", "secondary", self, "wishesKeep")
        self._keep.setToolTip("They count from the next time the model is loaded.")
        self._back = text_button("Back to Hearth's choice", "secondary", self, "wishesBack")
        self._load.clicked.connect(lambda: self._ask(Step.LOAD))
        self._keep.clicked.connect(lambda: self._ask(Step.KEEP))
        self._back.clicked.connect(self._go_back)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(8)
        for button in (self._load, self._keep, self._back):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self.form)
        column.addWidget(self.outlook)
        column.addLayout(self._buttons)
        self.line.addLayout(column, 1)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(lambda: self._ask(Step.TRY))
        self.take(None)

    @property
    def target(self) -> QWidget:
        """The first row's control, or this."""
        return self.form.views[0].field.target if self.form.views else self

    def value(self) -> object:
        """Nothing is set here until a button is pressed."""
        return None

    def take(self, content: object) -> None:
        """The model to be adjusted, or what it would be like."""
        if isinstance(content, Outlook):
            if content.wanted == self.form.settings:
                self._show(content)
            return
        sheet = content if isinstance(content, Sheet) else None
        before, self._sheet = self._sheet, sheet
        self.form.setVisible(sheet is not None)
        self.outlook.setVisible(sheet is not None)
        if sheet is None:
            self._pause.stop()
            for button in (self._load, self._keep, self._back):
                button.hide()
            return
        kept = sheet.bench.kept
        is_same = before is not None and before.bench.path == sheet.bench.path
        is_touched = before is not None and self.form.settings != before.bench.kept
        settings = self.form.settings if is_same and is_touched else kept.model_copy()
        self.form.settings = settings
        if before is None or not is_same or before.limits != sheet.limits:
            self.form.build(sheet)
        self.form.show_settings(settings)
        self._ask(Step.TRY)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the controls below their names, or beside them."""
        direction = QBoxLayout.Direction
        self._buttons.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self.outlook.set_narrow(narrow=narrow)
        self.form.set_narrow(narrow=narrow)

    def _typed(self) -> None:
        """Waits until no key is pressed any more."""
        self._pause.start()

    def _show(self, outlook: Outlook) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        self.outlook.show_outlook(outlook, sheet)
        self._load.setVisible(sheet.bench.is_loaded and outlook.differs)
        self._load.setEnabled(outlook.made is not None)  # else it would be refused
        self._keep.setVisible(outlook.wanted != sheet.bench.kept)
        self._back.setVisible(outlook.wanted != WishSetting())

    def _go_back(self) -> None:
        """Nothing is wished for this model any more, which is kept at once."""
        self.form.show_settings(WishSetting())
        self._ask(Step.KEEP)

    def _ask(self, step: Step) -> None:
        self._pause.stop()
        if self._sheet is not None:
            self.acted.emit((step, self.form.settings.model_copy()))
