"""The rows in which wishes for a model's load are typed; those that matter less can be opened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.settings import WishSetting
from app.ui.controls import text_button
from app.ui.settings import hardware_wish_rows as wish_rows
from app.ui.settings.row_view import RowView
from app.ui.settings.values import Values

if TYPE_CHECKING:
    from app.llm.workbench import Sheet
    from app.ui.icons import Icons

MORE, LESS = "More choices", "Fewer choices"


class WishForm(QWidget):
    """Keeps what is typed, if it is right, in `settings`."""

    changed = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.settings = WishSetting()  # as they are typed
        self.views: list[RowView] = []
        self._icons = icons
        self._later: list[RowView] = []  # that can be closed
        self._is_open = False
        self._is_narrow = False
        self._more = text_button(MORE, "link", self, "wishesMore")
        self._more.clicked.connect(self._open_or_close)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._rows)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)

    def build(self, sheet: Sheet) -> None:
        """The rows of a model."""
        for view in self.views:
            view.hide()
            self._rows.removeWidget(view)
            view.deleteLater()
        values = Values(self, WishSetting())
        first, more = wish_rows.first(sheet.limits), wish_rows.more(sheet.limits)
        self.views = [RowView(row, values, self._icons, self) for row in (*first, *more)]
        self._later = self.views[len(first) :]
        for view in self.views:
            view.set_first(first=view is self.views[0])
            view.set_narrow(narrow=self._is_narrow)
            if (layout := view.layout()) is not None:
                layout.setContentsMargins(0, 10, 0, 12)
            view.field.take(wish_rows.own(sheet.own.made, view.row.path))
            view.changed.connect(lambda _key: self.changed.emit())
            self._rows.addWidget(view)
        self._is_open = any(getattr(self.settings, view.row.path) for view in self._later)
        self._show_later()
        self._order_tabs()

    def show_settings(self, settings: WishSetting) -> None:
        """Shows these wishes."""
        self.settings = settings
        for view in self.views:
            view.show_value()

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the controls below their names, or beside them."""
        self._is_narrow = narrow
        for view in self.views:
            view.set_narrow(narrow=narrow)

    def _open_or_close(self) -> None:
        self._is_open = not self._is_open
        self._show_later()

    def _order_tabs(self) -> None:
        """Has Tab go through the rows before the button; Qt puts what is made later last."""
        controls = [one for view in self.views for one in _controls(view)]
        for first, second in pairwise((self._more, *controls, self._more)):
            QWidget.setTabOrder(first, second)

    def _show_later(self) -> None:
        for view in self._later:
            view.setVisible(self._is_open)
        self._more.setText(LESS if self._is_open else MORE)


def _controls(view: RowView) -> Iterator[QWidget]:
    """What in a row takes the keyboard; Reset comes first."""
    yield from view.findChildren(QPushButton)
    yield view.field.target
