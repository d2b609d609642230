"""A section: its heading, and its rows in groups; a search leaves some of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QVBoxLayout, QWidget

from app.ui.controls import text_button
from app.ui.settings.row_view import RowView
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons
    from app.ui.settings.rows import Row, Section
    from app.ui.settings.values import Values


class SectionView(QWidget):
    """All rows are there; those that are not asked for are hidden."""

    changed = Signal(str)  # the key of a row whose setting has another value now
    wanted = Signal(str)  # the key of a row that asks for what only others know
    acted = Signal(str, object)  # the key of a row whose button was pressed, and what it gives
    was_reset = Signal(object)  # what its settings were, by their paths

    def __init__(self, section: Section, values: Values, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.section = section
        self._values = values
        self.setObjectName(f"settings-{section.name}")
        self.rows: dict[str, RowView] = {}
        self._groups: dict[str, _Group] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self._reset = text_button("Reset all of these", "link", self, f"resetAll-{section.name}")
        self._reset.setAccessibleName(f"Reset all settings of {section.title}")
        self._reset.clicked.connect(self._reset_all)
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # what appears moves nothing
        self._reset.setSizePolicy(policy)
        self._is_resettable = True
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(8)
        self._top.addWidget(Words(section.title, self, "heading"), 1)
        self._top.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignBottom)
        column.addLayout(self._top)
        for row in section.rows:
            group = self._groups.get(row.group)
            if group is None:
                group = self._groups[row.group] = _Group(row.group, self)
                column.addWidget(group)
            self._add(group, RowView(row, values, icons, group))
        self.show_reset()

    def show_rows(self, rows: list[Row]) -> None:
        """Shows these rows alone."""
        keys = {row.key for row in rows}
        for group in self._groups.values():
            group.show_rows(keys)

    def show_reset(self) -> None:
        """Offers to reset the section where something in it was set."""
        paths = (view.row.path for view in self.rows.values())
        is_set = any(path and not self._values.is_default(path) for path in paths)
        self._reset.setVisible(self._is_resettable and is_set)

    def allow_reset(self, *, allowed: bool) -> None:
        """Only while all rows of the section are seen."""
        self._is_resettable = allowed
        self.show_reset()

    def _reset_all(self) -> None:
        before = {
            view.row.path: self._values.get(view.row.path)
            for view in self.rows.values()
            if view.row.path and not self._values.is_default(view.row.path)
        }
        changed = [view for view in self.rows.values() if view.row.path in before]
        for view in changed:
            self._values.put(view.row.path, self._values.default(view.row.path))
            view.show_value()
        changed[0].field.target.setFocus()  # the button goes
        self.was_reset.emit(before)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the controls below their names, or beside them."""
        direction = QBoxLayout.Direction
        self._top.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        place = Qt.AlignmentFlag.AlignLeft if narrow else Qt.AlignmentFlag.AlignBottom
        self._top.setAlignment(self._reset, place)
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
