"""Models for this computer: what fits, what lies here, and where to get more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app import wording
from app.library.shelf import Fit, ShelfModel
from app.ui.controls import text_button
from app.ui.page import Page

if TYPE_CHECKING:
    from app.schema import Hardware, ModelInfo, ModelRef
    from app.ui.icons import Icons

VERDICTS = {
    Fit.NOW: "fits",
    Fit.CROWDED: "fits when other programs are closed",
    Fit.NEVER: "too large for this computer",
}


class ModelsPage(Page):
    """What the person can load, and what else there is."""

    open_wanted = Signal()
    model_chosen = Signal(str)  # a model reference
    page_wanted = Signal(str)  # the address of a web page
    servers_wanted = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__("Models for this computer", "models", icons, parent)
        self._computer = self.add_paragraph()
        self._computer.setObjectName("computerText")
        opening = text_button("Open a model file…", "secondary", self.inside, "modelsOpenButton")
        opening.clicked.connect(self.open_wanted)
        servers = text_button("Servers and services…", "link", self.inside, "modelsServersButton")
        servers.clicked.connect(self.servers_wanted)
        self.column.addWidget(opening, 0, Qt.AlignmentFlag.AlignLeft)
        self._here = self.add_section("On this disk", "modelsHere")
        self._shelf = self.add_section("Free to download", "modelsShelf")
        self.column.addWidget(servers, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addStretch(1)

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
