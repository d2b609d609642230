"""A section: its heading, and its rows in groups; a search leaves some of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui.settings.field import Words
from app.ui.settings.row_view import RowView

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row, Section
    from app.ui.settings.values import Values


class SectionView(QWidget):
    """All rows are there; those that are not asked for are hidden."""

    changed = Signal(str)  # the key of a row whose setting has another value now
    wanted = Signal(str)  # the key of a row that asks for what only others know
    acted = Signal(str, object)  # the key of a row whose button was pressed, and what it gives

    def __init__(self, section: Section, values: Values, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.section = section
        self.setObjectName(f"settings-{section.name}")
        self.rows: dict[str, RowView] = {}
        self._groups: dict[str, _Group] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(Words(section.title, self, "heading"))
        for row in section.rows:
            group = self._groups.get(row.group)
            if group is None:
                group = self._groups[row.group] = _Group(row.group, self)
                column.addWidget(group)
            self._add(group, RowView(row, values, icons, group))

    def show_rows(self, rows: list[Row]) -> None:
        """Shows these rows alone."""
        keys = {row.key for row in rows}
        for group in self._groups.values():
            group.show_rows(keys)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the controls below their names, or beside them."""
        for row in self.rows.values():
            row.set_narrow(narrow=narrow)

    def _add(self, group: _Group, view: RowView) -> None:
        key = view.row.key
        self.rows[key] = view
        group.add(view)
        view.changed.connect(self.changed)
        view.field.wanted.connect(lambda: self.wanted.emit(key))
        view.field.acted.connect(lambda what: self.acted.emit(key, what))


class _Group(QWidget):
    """Rows on one card, under a heading where they have one."""

    def __init__(self, heading: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._views: list[RowView] = []
        self._card = QFrame(self)
        self._card.setProperty("role", "card")
        self._rows = QVBoxLayout(self._card)
        self._rows.setContentsMargins(1, 1, 1, 1)
        self._rows.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        if heading:
            column.addWidget(Words(heading, self, "muted"))
        column.addWidget(self._card)

    def add(self, view: RowView) -> None:
        """Adds a row at the end."""
        self._views.append(view)
        self._rows.addWidget(view)

    def show_rows(self, keys: set[str]) -> None:
        """Shows those of these keys; nothing of the group where it has none of them."""
        first = True
        for view in self._views:
            view.setVisible(view.row.key in keys)
            if view.row.key in keys:
                view.set_first(first=first)
                first = False
        self.setHidden(first)
