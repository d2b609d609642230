"""The card of one model: what is known of it, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QLineEdit,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from app.library import describing
from app.library.records import Kind, LibraryModel, Presence
from app.ui.controls import text_button
from app.ui.words import Words, breakable

if TYPE_CHECKING:
    from datetime import datetime

    from PySide6.QtGui import QResizeEvent

    from app.library.verdicts import Fit


MARGIN = 12  # pixels beside the text


class ModelCard(QFrame):
    """Its name can be changed in place; the rarer actions are in a menu."""

    load_wanted = Signal()
    renamed = Signal(str)  # "" gives the file's own name back
    folder_wanted = Signal()
    delete_wanted = Signal()
    details_wanted = Signal()
    changes_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("modelCard")
        self.setProperty("role", "card")
        self._shown: LibraryModel | None = None
        self._can_load = False
        self._before: QWidget | None = None  # what had the keyboard before the name was changed
        self._name = self._label("strong")
        self._name.setObjectName("modelCardName")
        self._editor = QLineEdit(self)
        self._editor.setObjectName("modelNameEditor")
        self._editor.setAccessibleName("The model's name")
        self._editor.hide()
        self._editor.installEventFilter(self)
        self._editor.editingFinished.connect(self._rename)
        self._about = self._label("small")
        self._facts = self._label("small")
        self._facts.setObjectName("modelCardFacts")
        self._facts.setMinimumWidth(1)  # a long path must not make the page wider
        self._known = ""
        self._facts.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.load = text_button("Load", "primary", self, "loadModelButton")
        self.load.clicked.connect(self.load_wanted)
        self.more = text_button("More", "secondary", self, "moreModelButton")
        self.more.setMenu(self._menu())
        self.delete = text_button("Delete", "link", self, "deleteModelButton")
        self.delete.clicked.connect(self.delete_wanted)
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(8)
        self._buttons.addWidget(self.load)
        self._buttons.addWidget(self.more)
        self._buttons.addWidget(self.delete)
        self._buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 10, MARGIN, 10)
        column.setSpacing(6)
        for widget in (self._name, self._editor, self._about, self._facts):
            column.addWidget(widget)
        column.addLayout(self._buttons)
        self.hide()

    def show_model(
        self, model: LibraryModel, fit: Fit | None, now: datetime, *, is_in_use: bool
    ) -> None:
        """What is known of a model."""
        if self._shown is not None and self._shown.path != model.path:
            self._editor.hide()
            self._name.show()
        self._shown = model
        self._name.setText(breakable(model.name))
        self._about.setText(breakable(model.description))
        self._about.setVisible(bool(model.description))
        lines = describing.lines(model, fit, now)
        self._known = "\n".join(f"{name}: {value}" for name, value in lines)
        self._facts.setAccessibleName(self._known)
        self._show_facts()
        self.load.setText("In use" if is_in_use else "Load")
        self.load.setAccessibleName(f"Load {model.name}")
        # Also what is said not to fit: it may, as the person wishes it, and else the load says why.
        self._can_load = can_load(model) and not is_in_use
        self.load.setEnabled(self._can_load)
        self.delete.setVisible(not model.is_shipped)
        self.delete.setText("Delete…" if model.is_foreign else "Delete")
        self.delete.setAccessibleName(f"Delete {model.name}")
        self._changes.setVisible(model.source is not None)
        self.more.setAccessibleName(f"More for {model.name}")

    @property
    def can_load(self) -> bool:
        """Whether the model can be loaded now."""
        return self._can_load

    def begin_rename(self) -> None:
        """Puts a field in the name's place."""
        if self._shown is not None:
            self._before = QApplication.focusWidget() or self.more
            self._editor.setText(self._shown.name)
            self._name.hide()
            self._editor.show()
            self._editor.setFocus()
            self._editor.selectAll()

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the buttons one below the other, or side by side."""
        direction = QBoxLayout.Direction
        self._buttons.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Long words are broken where they have no room."""
        super().resizeEvent(event)
        self._show_facts()

    def _show_facts(self) -> None:
        """As they are, so that a path can be copied; broken where they do not fit."""
        metrics = self._facts.fontMetrics()
        widest = max(map(metrics.horizontalAdvance, self._known.split()), default=0)
        fits = widest <= self.contentsRect().width() - 2 * MARGIN
        text = self._known if fits else breakable(self._known)
        if text != self._facts.text():
            self._facts.setText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc leaves the name as it is."""
        if (
            watched is self._editor
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Escape
        ):
            if self._shown is not None:
                self._editor.setText(self._shown.name)
            self._end_rename()
            return True
        return super().eventFilter(watched, event)

    def _rename(self) -> None:
        if self._editor.isHidden() or self._shown is None:
            return
        name = " ".join(self._editor.text().split())
        is_new = name != self._shown.name
        self._end_rename()
        if is_new:
            self.renamed.emit(name)

    def _end_rename(self) -> None:
        had_focus = self._editor.hasFocus()
        self._editor.hide()
        self._name.show()
        if had_focus and self._before is not None:  # else the person has gone elsewhere
            self._before.setFocus()

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("modelCardMenu")
        menu.addAction("Rename…", self.begin_rename)
        menu.addAction("Open its folder", self.folder_wanted.emit)
        menu.addAction("All details…", self.details_wanted.emit)
        # Made here: of one that Qt makes, the Python side can be lost while it is in use.
        self._changes = QAction("Look for changes", menu)
        self._changes.triggered.connect(lambda: self.changes_wanted.emit())
        menu.addAction(self._changes)
        return menu

    def _label(self, role: str) -> Words:
        return Words("", self, role)


def can_load(model: LibraryModel) -> bool:
    """Whether a model can answer."""
    return model.presence is Presence.HERE and model.kind is Kind.CHAT
