"""What stands in the page's middle while a chat is empty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from app import wording
from app.llm.state import ModelState, Phase
from app.ui.controls import ElidedLabel, WrappingButton, text_button

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QResizeEvent

    from app.schema import ModelInfo

SHOWN_MODELS = 4
SUGGESTIONS = ("What is Hearth?", "Is my data private?", "Which model fits my computer?")
WIDTH = 520
ICON = 64
PROMISE = "It answers on this computer. Nothing you write leaves it."


class WelcomePage(QScrollArea):
    """With no model: what to do next. With one: that it is ready, and what to ask the starter."""

    open_wanted = Signal()
    model_chosen = Signal(str)  # a model reference
    suggestion_chosen = Signal(str)  # a question
    suggestions_dismissed = Signal()

    def __init__(self, icon: QIcon, models_folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("welcomePage")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget(self)
        page.setObjectName("welcomeColumn")
        self._has_starter = False  # selected
        self._wants_suggestions = True
        picture = QLabel(self)
        picture.setPixmap(icon.pixmap(ICON, ICON))
        picture.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._title = self._centred("title")
        self._title.setText("Welcome to Hearth")
        self._text = self._centred("muted")
        self._text.setText("Talk to language models on this computer, offline and in private.")
        self._drop = self._drop_area()
        self._suggestions = self._suggestion_area()
        self._found = QVBoxLayout()
        self._found.setSpacing(2)
        self._folder = ElidedLabel(f"Models are also found in {models_folder}", self, role="small")
        self._folder.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        for later in (self._drop, self._folder, self._suggestions):
            later.hide()  # until it is known which model there is
        self._holder = QWidget(self)
        self._holder.installEventFilter(self)
        middle = QVBoxLayout(self._holder)
        middle.setSpacing(16)
        for widget in (picture, self._title, self._text, self._drop, self._suggestions):
            middle.addWidget(widget)
        middle.addLayout(self._found)
        middle.addWidget(self._folder)
        around = QVBoxLayout(page)
        around.setContentsMargins(24, 16, 24, 16)
        around.addStretch(2)
        around.addWidget(self._holder, 0, Qt.AlignmentFlag.AlignHCenter)
        around.addStretch(3)
        self.setWidget(page)
        self._fit()

    def show_state(
        self, state: ModelState, models: Sequence[ModelInfo], *, is_starter: bool = False
    ) -> None:
        """Says what fits the moment; `is_starter` tells that the selected model is the starter."""
        has_model = state.phase is not Phase.NOTHING
        self._has_starter = is_starter
        name = state.loaded.info.name if state.loaded else ""
        if is_starter:
            self._title.setText("Welcome to Hearth")
            self._text.setText(f"The starter, a tiny model, explains Hearth. {PROMISE}")
        elif state.phase is Phase.READY:
            self._title.setText(f"Ask {name} anything")
            self._text.setText(PROMISE)
        elif has_model:
            self._title.setText("Write a message to begin")
            self._text.setText("The model is loaded when it is first asked.")
        else:
            self._title.setText("Welcome to Hearth")
            self._text.setText(
                "Talk to language models on this computer, offline and in private. "
                "All it needs is a model in a .gguf file. Many are free to download from "
                "huggingface.co; one of 2 to 5 GB suits most computers."
            )
        self._drop.setVisible(not has_model)
        self._folder.setVisible(not has_model)
        self._show_models(() if has_model else models[:SHOWN_MODELS])
        self._show_suggestions()

    def set_suggestions(self, *, visible: bool) -> None:
        """Shows the questions for the starter, or hides them."""
        self._wants_suggestions = visible
        self._show_suggestions()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A column in the middle."""
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What is shown or hidden in the column changes its height."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self._holder:
            self._fit()
        return False

    def set_dragging(self, *, dragging: bool) -> None:
        """Shows that a file can be dropped."""
        self._drop.setProperty("dragging", dragging)
        self._drop.style().unpolish(self._drop)
        self._drop.style().polish(self._drop)

    def _fit(self) -> None:
        """As wide as fits, and as high as the broken lines make it."""
        width = min(WIDTH, self.viewport().width() - 48)
        self._holder.setFixedWidth(width)
        self._holder.setFixedHeight(self._holder.heightForWidth(width))

    def _show_suggestions(self) -> None:
        self._suggestions.setVisible(self._has_starter and self._wants_suggestions)
        self._fit()

    def _centred(self, role: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("role", role)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label.setWordWrap(True)
        return label

    def _drop_area(self) -> QFrame:
        area = QFrame(self)
        area.setObjectName("dropArea")
        button = text_button("Open a model file…", "primary", area, "openModelButton")
        button.clicked.connect(self.open_wanted)
        hint = self._centred("muted")
        hint.setText("or drop a .gguf file here")
        inside = QVBoxLayout(area)
        inside.setContentsMargins(24, 24, 24, 20)
        inside.setSpacing(8)
        inside.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addWidget(hint)
        return area

    def _suggestion_area(self) -> QWidget:
        area = QWidget(self)
        inside = QVBoxLayout(area)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        for number, question in enumerate(SUGGESTIONS, 1):
            button = WrappingButton(question, area, f"suggestion{number}")
            button.clicked.connect(
                lambda _checked=False, question=question: self.suggestion_chosen.emit(question)
            )
            inside.addWidget(button)
        hide = text_button("Hide these questions", "link", area, "hideSuggestions")
        hide.clicked.connect(self.suggestions_dismissed)
        inside.addWidget(hide, 0, Qt.AlignmentFlag.AlignHCenter)
        return area

    def _show_models(self, models: Sequence[ModelInfo]) -> None:
        while (item := self._found.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        if models:
            label = QLabel("On this computer", self)
            label.setProperty("role", "small")
            self._found.addWidget(label)
        for model in models:
            facts = (model.quantisation, wording.size(model.size))
            text = f"{model.name}  ·  {' · '.join(filter(None, facts))}".replace("&", "&&")
            button = text_button(text, "row", self, "foundModelButton")
            button.clicked.connect(
                lambda _checked=False, ref=str(model.ref): self.model_chosen.emit(ref)
            )
            self._found.addWidget(button)
