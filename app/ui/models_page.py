"""Models for this computer: what fits, what lies here, what runs here, and where to get more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app import wording
from app.library.shelf import Fit, ShelfModel
from app.ui.controls import text_button

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from app.schema import FoundServer, Hardware, ModelInfo, ModelRef
    from app.ui.icons import Icons

WIDTH = 760
NARROW = 560  # pixels; in less room a row's button stands below its text
VERDICTS = {
    Fit.NOW: "fits",
    Fit.CROWDED: "fits when other programs are closed",
    Fit.NEVER: "too large for this computer",
}


class ModelsPage(QScrollArea):
    """A page in the window; Esc and Back lead to the chat."""

    left = Signal()
    open_wanted = Signal()
    model_chosen = Signal(str)  # a model reference
    page_wanted = Signal(str)  # the address of a web page

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("modelsPage")
        self.setAccessibleName("Models for this computer")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = QWidget(self)
        self._inside.setObjectName("modelsColumn")
        self._back = text_button("Back to the chat", "link", self._inside, "modelsBackButton")
        self._back.setIcon(icons.get("left", "accent"))
        self._back.clicked.connect(self.left)
        title = QLabel("Models for this computer", self._inside)
        title.setProperty("role", "title")
        title.setWordWrap(True)
        self._computer = self._paragraph()
        self._computer.setObjectName("computerText")
        opening = text_button("Open a model file…", "secondary", self._inside, "modelsOpenButton")
        opening.clicked.connect(self.open_wanted)
        self._here = _Section("On this disk", "modelsHere", self._inside)
        self._servers = _Section("Model servers that run here", "modelsServers", self._inside)
        self._shelf = _Section("Free to download", "modelsShelf", self._inside)
        self._column = QVBoxLayout(self._inside)
        self._column.setSpacing(12)
        self._column.addWidget(self._back, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(title)
        self._column.addWidget(self._computer)
        self._column.addWidget(opening, 0, Qt.AlignmentFlag.AlignLeft)
        for section in (self._here, self._shelf, self._servers):
            self._column.addWidget(section)
        self._column.addStretch(1)
        self.setWidget(self._inside)

    def show_computer(self, facts: Hardware, largest: int) -> None:
        """How much memory there is, and the largest file that fits."""
        self._computer.setText(
            f"This computer has {wording.size(facts.total_memory)} of memory, of which "
            f"{wording.size(facts.available_memory)} are free now. A model file may have up to "
            f"about {wording.size(largest)}. A smaller one answers faster."
        )

    def show_here(
        self, models: Sequence[tuple[ModelInfo, Fit]], loaded: ModelRef | None = None
    ) -> None:
        """The model files that Hearth knows of."""
        self._here.clear()
        for model, fit in models:
            facts = filter(None, (model.quantisation, wording.size(model.size), VERDICTS[fit]))
            about = model.description or model.ref.model
            action = "In use" if model.ref == loaded else "Load"
            button = self._here.add(model.name, " · ".join(facts), about, action, "loadModelButton")
            button.setEnabled(fit is not Fit.NEVER and model.ref != loaded)
            button.clicked.connect(
                lambda _checked=False, ref=str(model.ref): self.model_chosen.emit(ref)
            )

    def show_shelf(self, models: Sequence[tuple[ShelfModel, Fit]]) -> None:
        """The recommendations."""
        self._shelf.clear()
        self._shelf.say(
            "Each opens its page in your browser: download the named .gguf file there, then open "
            "it here. Sizes are rounded."
        )
        for model, fit in models:
            size = f"about {wording.size(model.size)}"
            facts = " · ".join((model.quantisation, size, model.licence, VERDICTS[fit]))
            about = f"For {model.good_for}."
            button = self._shelf.add(model.name, facts, about, "Open its page", "shelfButton")
            button.setToolTip(model.page)
            button.clicked.connect(
                lambda _checked=False, page=model.page: self.page_wanted.emit(page)
            )

    def show_servers(self, servers: Sequence[FoundServer] | None) -> None:
        """The servers that answered; None while they are looked for."""
        self._servers.clear()
        if servers is None:
            self._servers.say("Looking on this computer…")
        elif not servers:
            self._servers.say("None was found. Hearth needs none: it runs model files itself.")
        else:
            for server in servers:
                self._servers.add(server.name, server.url, "")
            self._servers.say(
                "Hearth cannot chat through them yet. The model files of most of them can be "
                "opened here."
            )

    def show_section(self, *, servers: bool) -> None:
        """Scrolls to the servers, or to the top, and takes the keyboard."""
        self._back.setFocus()
        if servers:
            self.widget().layout().activate()  # type: ignore[union-attr]
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        else:
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
        side = max(16, (width - WIDTH) // 2)
        self._column.setContentsMargins(side, 16, side, 24)
        for section in (self._here, self._servers, self._shelf):
            section.set_narrow(narrow=width < NARROW)

    def _paragraph(self) -> QLabel:
        label = QLabel(self._inside)
        label.setWordWrap(True)
        label.setProperty("role", "muted")
        return label


class _Section(QFrame):
    """A heading, a remark, and rows of a name, its facts and a button."""

    def __init__(self, heading: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._narrow = False
        title = QLabel(heading, self)
        title.setWordWrap(True)
        title.setProperty("role", "heading")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(8)
        column.addWidget(title)
        column.addLayout(self._rows)

    def clear(self) -> None:
        """Takes all rows away."""
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()

    def say(self, text: str) -> None:
        """Adds a remark."""
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setProperty("role", "muted")
        self._rows.addWidget(label)

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the rows' buttons below their text, or beside it."""
        if narrow != self._narrow:
            self._narrow = narrow
            for row in self.findChildren(_Row):
                row.set_narrow(narrow=narrow)

    def add(
        self, name: str, facts: str, about: str, action: str = "", button_name: str = ""
    ) -> QPushButton:
        """Adds a row; returns its button."""
        row = _Row(name, facts, about, action, button_name, self)
        row.set_narrow(narrow=self._narrow)
        self._rows.addWidget(row)
        return row.button


class _Row(QFrame):
    """One model or server."""

    def __init__(
        self, name: str, facts: str, about: str, action: str, button_name: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        title = QLabel(name, self)
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setProperty("role", "strong")
        title.setWordWrap(True)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(title)
        for text in filter(None, (facts, about)):
            label = QLabel(text, self)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setProperty("role", "small")
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            label.setMinimumWidth(0)
            texts.addWidget(label)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 8)
        self._grid.setColumnStretch(0, 1)
        self._grid.addLayout(texts, 0, 0)
        self.button = text_button(action, "secondary", self, button_name)
        self.button.setAccessibleName(f"{action}: {name}")
        self.button.setVisible(bool(action))

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the button below the text, or beside it."""
        self._grid.removeWidget(self.button)
        at = (1, 0) if narrow else (0, 1)
        self._grid.addWidget(self.button, *at, Qt.AlignmentFlag.AlignLeft)
