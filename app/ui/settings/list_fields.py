"""Lists that grow and shrink: folders, and models in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.controls import ElidedLabel, IconButton, text_button
from app.ui.settings.field import Field
from app.ui.settings.rows import Row, WrongValue
from app.ui.words import Words

if TYPE_CHECKING:
    from app.ui.icons import Icons

ISOLATE, END_OF_ISOLATE = "\u2066", "\u2069"  # from left to right
AWAY = "not there now; its models come back with it"


class ListField(Field):
    """Its entries with their buttons, and one that adds."""

    is_wide = True
    is_ordered = False
    nothing = ""  # what is said of an empty list
    twice = ""  # what is said of an entry that is there already

    def __init__(self, row: Row, adding: str, icons: Icons, parent: QWidget) -> None:
        super().__init__(row, icons, parent)
        self._entries: tuple[str, ...] = ()
        self._refused = ""
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self._nothing = Words(self.nothing, self, "muted")
        self.adding: QPushButton = text_button(adding, "secondary", self)
        self.dress(self.adding)
        self.adding.setAccessibleName(f"{adding.rstrip('…')}: {row.name}")
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self._nothing)
        column.addLayout(self._rows)
        column.addWidget(self.adding, 0, Qt.AlignmentFlag.AlignLeft)
        self.line.addLayout(column, 1)

    @property
    def target(self) -> QWidget:
        """The button that adds."""
        return self.adding

    def value(self) -> object:
        """The entries. Raises WrongValue where the last one was refused."""
        refused, self._refused = self._refused, ""
        if refused:
            raise WrongValue(refused)
        return self._entries

    def display(self, value: object) -> None:
        """Shows the entries."""
        self._entries = value if isinstance(value, tuple) else ()
        self._rebuild()

    def title(self, entry: str) -> str:
        """What an entry is called."""
        return entry

    def remark(self, entry: str) -> str:
        """What is to be known of an entry."""
        del entry
        return ""

    def put(self, entry: str) -> None:
        """Adds an entry at the end."""
        if entry in self._entries:
            self._refused = self.twice
            self.edited.emit()
        elif entry:
            self._change((*self._entries, entry))

    def rebuild(self) -> None:
        """Shows the entries anew, as what is known of them has changed."""
        self._rebuild()

    def _change(self, entries: tuple[str, ...]) -> None:
        self._entries = entries
        self._rebuild()
        self.edited.emit()

    def _rebuild(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        before = self._before()
        for place, entry in enumerate(self._entries):
            widget = self._entry(place, entry)
            self._rows.addWidget(widget)
            for button in widget.findChildren(IconButton):
                QWidget.setTabOrder(before, button)  # and not behind all that was made before it
                before = button
        self._nothing.setVisible(not self._entries)

    def _before(self) -> QWidget:
        """What Tab reaches before this list."""
        widget: QWidget | None = self.adding
        while widget is not None and (
            self.isAncestorOf(widget) or not widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ):
            widget = widget.previousInFocusChain()
        return widget or self.adding

    def _entry(self, place: int, entry: str) -> QWidget:
        title = self.title(entry)
        widget = QWidget(self)
        widget.setObjectName(f"entry-{self.row.key}-{place}")
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(ElidedLabel(title, widget))
        if remark := self.remark(entry):
            texts.addWidget(Words(remark, widget, "small"))
        line = QHBoxLayout(widget)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addLayout(texts, 1)
        if self.is_ordered:
            for icon, words, step in (("up", "earlier", -1), ("down", "later", 1)):
                button = IconButton(self.icons, icon, f"Ask {title} {words}", widget)
                button.setObjectName(f"{icon}-{self.row.key}-{place}")
                policy = button.sizePolicy()
                policy.setRetainSizeWhenHidden(True)  # the others stay in their columns
                button.setSizePolicy(policy)
                button.setVisible(0 <= place + step < len(self._entries))
                button.clicked.connect(lambda _=False, step=step: self._move(place, step))
                line.addWidget(button)
        remove = IconButton(self.icons, "close", f"Take {title} off the list", widget)
        remove.setObjectName(f"remove-{self.row.key}-{place}")
        remove.clicked.connect(lambda: self._remove(place))
        line.addWidget(remove)
        return widget

    def _remove(self, place: int) -> None:
        self._change(tuple(one for at, one in enumerate(self._entries) if at != place))
        self._focus(f"remove-{self.row.key}-{min(place, len(self._entries) - 1)}")

    def _move(self, place: int, step: int) -> None:
        entries = list(self._entries)
        entries[place], entries[place + step] = entries[place + step], entries[place]
        self._change(tuple(entries))
        self._focus(f"{'up' if step < 0 else 'down'}-{self.row.key}-{place + step}")

    def _focus(self, name: str) -> None:
        """Keeps the keyboard in the list; at its end, on the button that adds."""
        found = self.findChildren(IconButton, name)
        living = [one for one in found if one.isVisibleTo(self)]
        (living[-1] if living else self.adding).setFocus()


class FoldersField(ListField):
    """Folders; those that are not there now are marked and kept."""

    nothing = "None beside Hearth's own."
    twice = "This folder is in the list already."

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        self._away: frozenset[str] = frozenset()
        super().__init__(row, "Add a folder…", icons, parent)
        self.adding.clicked.connect(self._ask)

    def title(self, entry: str) -> str:
        """The path, which runs from left to right everywhere."""
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        return f"{ISOLATE}{entry}{END_OF_ISOLATE}" if is_mirrored else entry

    def remark(self, entry: str) -> str:
        """Whether it is there."""
        return AWAY if entry in self._away else ""

    def take(self, content: object) -> None:
        """The folders that are not there now."""
        if isinstance(content, frozenset) and content != self._away:
            self._away = content
            self.rebuild()

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Add a folder of models")
        dialog.setObjectName("addFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.put)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


class ModelsField(ListField):
    """Models that are asked one after the other."""

    is_ordered = True
    nothing = "None: where the chosen model cannot answer, that is said."
    twice = "This model is in the list already."

    def __init__(self, row: Row, icons: Icons, parent: QWidget) -> None:
        self._options: tuple[tuple[str, str], ...] = ()
        super().__init__(row, "Add a model", icons, parent)
        self._menu = QMenu(self.adding)
        self._menu.setObjectName("addStandInMenu")
        self.adding.setMenu(self._menu)
        self._fill()

    def title(self, entry: str) -> str:
        """The model's name, where it is known now; else its reference."""
        return dict(self._options).get(entry, entry)

    def display(self, value: object) -> None:
        """Shows the models, and offers the others."""
        super().display(value)
        self._fill()

    def take(self, content: object) -> None:
        """The models to choose from: pairs of a reference and its label."""
        if isinstance(content, tuple) and content != self._options:
            self._options = content
            self.rebuild()
            self._fill()

    def put(self, entry: str) -> None:
        """Adds a model at the end."""
        super().put(entry)
        self._fill()

    def _fill(self) -> None:
        self._menu.clear()
        for ref, label in self._options:
            action = self._menu.addAction(label.replace("&", "&&"))
            action.setEnabled(ref not in self._entries)
            action.triggered.connect(lambda _=False, ref=ref: self.put(ref))
        if not self._options:
            self._menu.addAction("No model is known yet").setEnabled(False)
