"""The models of servers that can be changed from here: Ollama, LM Studio, LocalAI and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import wording
from app.ui.controls import text_button
from app.ui.page import Row, Section
from app.ui.tab_order import focused_in
from app.ui.words import Words

if TYPE_CHECKING:
    from app.llm.server_models import ModelServer
    from app.schema import ModelInfo

NONE = (
    "No server runs here whose models can be changed by other programs. Ollama, LM Studio and "
    "LocalAI appear by themselves when they are started."
)
HINTS = {
    "ollama": "a name such as llama3.2 or hf.co/owner/repo:Q4_K_M",
    "lm-studio": "a name such as qwen/qwen3-4b, or the address of a page",
    "localai": "a name from its gallery, or an address",
}


class ServersView(QWidget):
    """A section for each server."""

    pull_wanted = Signal(str, str, str)  # a provider, its title, and the model's name there
    load_wanted = Signal(object)  # a ModelRef
    unload_wanted = Signal(object)
    delete_wanted = Signal(object)  # a ModelInfo
    chat_wanted = Signal(str)  # a model reference

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("serversView")
        self._narrow = False
        self._sections: dict[str, Section] = {}
        self._asked: dict[str, QLineEdit] = {}
        self._note = Words("Asking the servers…", self, "muted")
        self._note.setObjectName("serversNote")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(self._note)

    def show_now(self) -> None:
        """Takes the keyboard."""
        first = next(iter(self._asked.values()), None)
        if first is not None:
            first.setFocus()

    def set_narrow(self, *, narrow: bool) -> None:
        """Puts the rows' buttons below their text, or beside it."""
        self._narrow = narrow
        for section in self._sections.values():
            section.set_narrow(narrow=narrow)

    def show_servers(self, servers: Sequence[ModelServer]) -> None:
        """The servers as they answer now; what is being typed stays."""
        focused = self._focused()
        self._note.setText(NONE)
        self._note.setVisible(not servers)
        for gone in self._sections.keys() - {server.name for server in servers}:
            section = self._sections.pop(gone)
            self._asked.pop(gone, None)
            section.hide()
            section.deleteLater()
        for server in servers:
            section = self._sections.get(server.name) or self._add(server)
            section.clear()
            if server.error is not None:
                section.say(str(server.error))
            elif not server.models:
                section.say("It has no model yet.")
            for model in server.models:
                self._add_row(section, server, model)
        if focused is not None:
            self._focus_again(*focused)

    def _focused(self) -> tuple[str, str] | None:
        """Which of the rows' buttons has the keyboard: its name, and its row's title."""
        focused = focused_in(self)
        if focused is None or focused in self._asked.values():
            return None
        return focused.objectName(), focused.accessibleName().partition(": ")[2]

    def _focus_again(self, name: str, title: str) -> None:
        """Gives the keyboard to the same button of a new row, or to the next best thing."""
        for button in reversed(self.findChildren(QPushButton, name)):  # the old ones come first
            if button.accessibleName().partition(": ")[2] == title:
                if (row := button.parentWidget()) is not None:
                    row.show()  # what is not shown yet takes no keyboard
                button.setFocus()
                return
        self.show_now()

    def _add(self, server: ModelServer) -> Section:
        section = Section(server.title, f"{server.name}Models", self)
        section.set_narrow(narrow=self._narrow)
        self._sections[server.name] = section
        self._column.addWidget(section)
        if server.can_pull:
            section.set_footer(self._pull_row(server))
        return section

    def _pull_row(self, server: ModelServer) -> QWidget:
        box = QWidget(self)
        field = QLineEdit(box)
        field.setObjectName(f"{server.name}PullField")
        field.setAccessibleName(f"A model for {server.title} to fetch")
        field.setPlaceholderText(HINTS.get(server.name.rstrip("-0123456789"), "a model's name"))
        button = text_button("Fetch", "secondary", box, f"{server.name}PullButton")
        button.setAccessibleName(f"Have {server.title} fetch it")

        def ask() -> None:
            if name := field.text().strip():
                field.clear()
                self.pull_wanted.emit(server.name, server.title, name)

        field.returnPressed.connect(ask)
        button.clicked.connect(ask)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(field, 1)
        row.addWidget(button)
        self._asked[server.name] = field
        return box

    def _add_row(self, section: Section, server: ModelServer, model: ModelInfo) -> None:
        is_embedding = model.features == {"embedding"}
        known = (
            model.quantisation,
            wording.parameters(model.parameters) if model.parameters else "",
            wording.size(model.size) if model.size else "",
            "embedding model" if is_embedding else "",
            "in its memory" if model.is_loaded else "",
        )
        row = section.add_row(model.title, " · ".join(filter(None, known)))
        if not is_embedding:
            chat = row.add_button("Chat", "chatServerModelButton")
            chat.clicked.connect(lambda: self.chat_wanted.emit(str(model.ref)))
        if server.can_load:
            self._add_memory_button(row, model)
        if server.can_delete:
            delete = row.add_button("Delete…", "deleteServerModelButton", "link")
            delete.clicked.connect(lambda: self.delete_wanted.emit(model))

    def _add_memory_button(self, row: Row, model: ModelInfo) -> None:
        """Loads or unloads; one press counts until the servers have been asked again."""
        label, busy, signal = (
            ("Unload", "Unloading…", self.unload_wanted)
            if model.is_loaded
            else ("Load", "Loading…", self.load_wanted)
        )
        button = row.add_button(label, "loadServerModelButton", "link")

        def press() -> None:
            if button.text() != busy:
                button.setText(busy)
                signal.emit(model.ref)

        button.clicked.connect(press)
