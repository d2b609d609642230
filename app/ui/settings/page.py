"""The settings as a page: a search, the sections, and their rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ui.settings.fact_field import FactField
from app.ui.settings.head import BAR, Head, set_margins
from app.ui.settings.navigation import Navigation
from app.ui.settings.place import Place
from app.ui.settings.rows import Fact, Panel
from app.ui.settings.section_view import SectionView
from app.ui.settings.table import SECTIONS
from app.ui.words import Words

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from app.ui.icons import Icons
    from app.ui.settings.row_view import RowView
    from app.ui.settings.rows import Section
    from app.ui.settings.values import Values

WIDTH = 940  # pixels, of the sections and the rows together
LETTERS = 96  # in less room the sections stand above the rows


class SettingsPage(QWidget):
    """Esc clears the search, and then leads back."""

    left = Signal()
    changed = Signal(str)  # the path of a setting
    wanted = Signal(str)  # the key of a row that shows what only others know
    acted = Signal(str, object)  # the key of a row whose button was pressed, and what it gives
    section_reset = Signal(str, object)  # a section's title, and what its settings were

    def __init__(self, values: Values, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("settingsPage")
        self.setAccessibleName("Settings")
        self._values = values
        self._icons = icons
        self._views: dict[str, SectionView] = {}
        self._section = SECTIONS[0].name
        self._asked: set[str] = set()  # keys, since the values were shown
        self._narrow: bool | None = None
        self._head = Head(icons, self)
        self._head.left.connect(self.left)
        self.search = self._head.search
        self.search.textChanged.connect(self._show)
        self._sections = Navigation(SECTIONS, icons, self)
        self._sections.chosen.connect(self.show_section)
        self._said = Words("", self, "muted")
        self._said.setObjectName("settingsFound")
        self._inside = QWidget(self)
        self._inside.setProperty("role", "pageColumn")
        self._column = QVBoxLayout(self._inside)
        self._column.setSpacing(20)
        self._column.addWidget(self._said)
        self._column.addStretch(1)
        self.area = QScrollArea(self)
        self.area.setProperty("role", "page")
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self._inside)
        self.area.verticalScrollBar().rangeChanged.connect(self._leave_room_for_bar)
        self._grid = QGridLayout(self)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(12)
        self._grid.setColumnStretch(1, 1)
        self._grid.setRowStretch(1, 1)
        self._grid.addWidget(self.area, 1, 1)
        self._set_narrow(narrow=False)
        self._show()

    def show_values(self) -> None:
        """Shows what is set now, and asks anew for what only others know."""
        for _key, row in self._rows():
            row.show_value()
        self._show_resets()
        self._asked.clear()
        self._ask()

    def show_section(self, name: str) -> None:
        """Shows a section alone, from its top."""
        self._section = name
        if self.search.text():
            self.search.clear()  # which shows the section
        else:
            self._show()
        self.area.verticalScrollBar().setValue(0)

    def row(self, key: str) -> RowView | None:
        """The row of that key, if it has been made: it is when it is first to be seen."""
        return dict(self._rows()).get(key)

    def give(self, key: str, content: object) -> None:
        """Gives a row what it asked for by `wanted`."""
        row = self.row(key)
        if row is not None:
            row.field.take(content)

    def confirm(self, key: str, text: str) -> None:
        """Says on a row's button, for a moment, that it was done."""
        row = self.row(key)
        if row is not None and isinstance(row.field, FactField):
            row.field.confirm(text)

    def focus(self, name: str) -> None:
        """Gives the keyboard to a control, or to the search where there is none of that name."""
        control = self.findChild(QWidget, name) if name else None
        (control if control is not None and control.isVisibleTo(self) else self.search).setFocus()

    def place(self) -> Place:
        """Where the person is."""
        focused: QWidget | None = self.window().focusWidget()
        name = focused.objectName() if focused and self.isAncestorOf(focused) else ""
        seen = Place(self._section, self.search.text(), name)
        for key, row in self._rows():
            top = row.mapTo(self.area.viewport(), QPoint(0, 0)).y()
            if row.isVisible() and top + row.height() > 0 and row.height():
                return seen._replace(top=key, beyond=-top / row.height())
        return seen

    def restore(self, place: Place) -> None:
        """Goes where the person was, as soon as everything has its size."""
        self._section = place.section
        self.search.setText(place.search)
        self._show()
        self.focus(place.focus)
        self._scroll_to(place)
        QTimer.singleShot(0, self, lambda: self._scroll_to(place))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes back one step."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.search.text():
            self.search.clear()
            self.search.setFocus()
        else:
            self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In the middle; the sections beside the rows where there is room."""
        super().resizeEvent(event)
        self._set_narrow(narrow=self.width() < LETTERS * self.fontMetrics().averageCharWidth())
        side = max(16, (self.width() - WIDTH) // 2)
        set_margins(self._grid, self, (side, 0, max(4, side - BAR), 0))

    def _leave_room_for_bar(self) -> None:
        """Where no scroll bar is, its room is left free: nothing moves when one comes."""
        has_bar = self.area.verticalScrollBar().maximum() > 0
        set_margins(self._column, self, (0, 0, 0 if has_bar else BAR, 24))

    def _set_narrow(self, *, narrow: bool) -> None:
        if narrow is self._narrow:
            return
        self._narrow = narrow
        focused: QWidget | None = self.window().focusWidget()
        for widget in (self._head, self._sections):
            self._grid.removeWidget(widget)
            self._column.removeWidget(widget)
        self._head.set_narrow(narrow=narrow)
        if narrow:
            self._column.insertWidget(0, self._head)
            self._column.insertWidget(1, self._sections)
        else:
            self._grid.addWidget(self._head, 0, 0, 1, 2)
            self._grid.addWidget(self._sections, 1, 0)
        self._sections.set_narrow(narrow=narrow)
        for view in self._views.values():
            view.set_narrow(narrow=narrow)
        if focused and self.isAncestorOf(focused):
            focused.setFocus()

    def _show(self) -> None:
        """Shows the section, or what a search finds in all of them."""
        wanted = self.search.text().strip()
        count = 0
        paths: set[str] = set()  # that a search has found: one setting may have several rows
        for section in SECTIONS:
            is_here = section.name == self._section
            rows = section.found(wanted) if wanted else list(section.rows) if is_here else []
            if wanted:
                rows = [row for row in rows if row.path not in paths]
                paths.update(row.path for row in rows if row.path)
            if rows:
                self._view(section).show_rows(rows)
            if section.name in self._views:
                self._views[section.name].setVisible(bool(rows))
                self._views[section.name].allow_reset(allowed=not wanted)
            count += len(rows)
        self._sections.mark("" if wanted else self._section)
        self._said.setVisible(bool(wanted))
        if wanted:
            found = "1 setting" if count == 1 else f"{count} settings"
            nothing = f"Nothing matches “{wanted}”. Try another word, such as folder or theme."
            self._said.setText(f"{found} found." if count else nothing)
        self._ask()

    def _view(self, section: Section) -> SectionView:
        """The section's rows, made when they are first to be seen."""
        if section.name not in self._views:
            view = SectionView(section, self._values, self._icons, self._inside)
            view.set_narrow(narrow=bool(self._narrow))
            view.changed.connect(self._changed)
            view.wanted.connect(self.wanted)
            view.acted.connect(self.acted)
            view.was_reset.connect(partial(self._tell_of_reset, section.title))
            self._views[section.name] = view
            names = [one.name for one in SECTIONS]
            later = names[names.index(section.name) :]
            after = [self._views[name] for name in later[1:] if name in self._views]
            at = self._column.indexOf(after[0]) if after else self._column.count() - 1
            self._column.insertWidget(at, view)
            self._views = {name: self._views[name] for name in names if name in self._views}
            self._order_tabs()
        return self._views[section.name]

    def _order_tabs(self) -> None:
        """Has Tab go through the sections as they stand, whichever was made first."""
        last: QWidget = self._sections.last
        for view in self._views.values():
            for widget in _in_tab_order(view):
                QWidget.setTabOrder(last, widget)
                last = widget

    def _changed(self, changed: str) -> None:
        """Shows it in another row of the same setting too, and tells of it."""
        source = self.row(changed)
        path = source.row.path if source is not None else ""
        for key, row in self._rows():
            if key != changed and row.row.path == path:
                row.show_value()
            if key == changed or isinstance(row.row.control, Fact | Panel):  # it may tell of this
                self._asked.discard(key)
        self._show_resets()
        self.changed.emit(path)
        self._ask()

    def _tell_of_reset(self, title: str, before: object) -> None:
        self.show_values()  # one setting may have rows elsewhere
        self.section_reset.emit(title, before)

    def _show_resets(self) -> None:
        for view in self._views.values():
            view.show_reset()

    def _ask(self) -> None:
        """Asks once for what only others know of the rows that are shown."""
        for key, row in self._rows():
            if key not in self._asked and row.isVisibleTo(self._inside):
                self._asked.add(key)
                self.wanted.emit(key)

    def _rows(self) -> list[tuple[str, RowView]]:
        return [each for view in self._views.values() for each in view.rows.items()]

    def _scroll_to(self, place: Place) -> None:
        row = self.row(place.top)
        if row is not None:
            for layout in (self.layout(), self._inside.layout()):
                if layout is not None:
                    layout.activate()
            at = row.mapTo(self._inside, QPoint(0, 0)).y() + place.beyond * row.height()
            self.area.verticalScrollBar().setValue(round(at))


def _in_tab_order(view: QWidget) -> list[QWidget]:
    """What is in a view, as Tab goes through it now."""
    found: list[QWidget] = []
    widget = view.nextInFocusChain()
    while widget is not None and widget is not view:
        takes_keys = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if takes_keys and view.isAncestorOf(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found
