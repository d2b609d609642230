"""The top of the page: the model, how full its context is, and the menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from app import wording
from app.llm.state import ModelState, Phase
from app.ui.controls import IconButton

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QPaintEvent, QResizeEvent

    from app.schema import ModelInfo
    from app.ui.icons import Icons
    from app.ui.theme import Theme

METER_WIDTH = 64
FRAME = 50  # pixels of the model's button around its text: icon and padding
NO_MODEL = "Choose a model"


class Header(QWidget):
    """Its height is fixed; the model's button takes the room that is left."""

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(max(theme.metric("header_height"), theme.metric("ui_font") * 3))
        self.sidebar_button = IconButton(icons, "sidebar", "Show or hide the chats (Ctrl+B)", self)
        self.sidebar_button.setObjectName("sidebarButton")
        self.picker = ModelPicker(icons, self)
        self.meter = ContextMeter(theme, self)
        self.menu_button = IconButton(icons, "more", "Menu", self)
        self.menu_button.setObjectName("menuButton")
        self.menu_button.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        row.addWidget(self.sidebar_button)
        row.addWidget(self.picker)
        row.addStretch()
        row.addWidget(self.meter)
        row.addWidget(self.menu_button)


class ModelPicker(QPushButton):
    """The model's name, quantisation and size; its menu has the models of this computer."""

    model_chosen = Signal(str)  # a model reference
    open_wanted = Signal()
    unload_wanted = Signal()
    providers_wanted = Signal()

    def __init__(self, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("modelPicker")
        self._whole = ""
        self.setIcon(icons.get("model", "muted"))
        self.setIconSize(QSize(18, 18))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._menu = QMenu(self)
        self._menu.setObjectName("modelMenu")
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self._models: Sequence[ModelInfo] = ()
        self._state = ModelState()
        self.show_state(ModelState())

    def show_models(self, models: Sequence[ModelInfo]) -> None:
        """The models to choose from."""
        self._models = models

    def show_state(self, state: ModelState, info: ModelInfo | None = None) -> None:
        """The selected model; `info` describes one that is not loaded."""
        self._state = state
        info = state.loaded.info if state.loaded else info
        text = " · ".join(_parts(info)) if info else NO_MODEL
        if state.phase is Phase.IDLE and info and not info.provider:
            text += " · not loaded"
        self._whole = text
        self.setToolTip(_describe(state) or text)
        self.setAccessibleName(f"Model: {text}")
        self.updateGeometry()
        self._elide()

    def sizeHint(self) -> QSize:
        """Room for the whole text."""
        self.ensurePolished()
        text = self.fontMetrics().horizontalAdvance(self._whole)
        return QSize(text + FRAME, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Room for the icon and a few letters."""
        return QSize(80, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shortens the text to what fits."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(30, self.width() - FRAME + 2)
        fitting = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        if fitting != self.text():
            self.setText(fitting.replace("&", "&&"))

    def _fill(self) -> None:
        """Makes the menu anew, as it is about to be shown."""
        self._menu.clear()
        servers: dict[str, QMenu] = {}
        for model in self._models:
            if not model.provider:
                self._add(self._menu, model)
        for model in self._models:
            name = model.ref.provider
            if model.provider and name not in servers:
                servers[name] = self._menu.addMenu(self._server_label(name, model))
                servers[name].setObjectName(f"modelMenu-{name}")
            if model.provider:
                self._add(servers[name], model)
        if self._models:
            self._menu.addSeparator()
        opening = self._menu.addAction("Open a model file…")
        opening.setObjectName("openModelAction")
        opening.triggered.connect(self.open_wanted)
        providers = self._menu.addAction("Model servers and services…")
        providers.setObjectName("providersAction")
        providers.triggered.connect(self.providers_wanted)
        unload: QAction = self._menu.addAction("Unload the model")
        unload.setObjectName("unloadAction")
        loaded = self._state.loaded
        unload.setEnabled(loaded is not None and loaded.is_here)
        unload.triggered.connect(self.unload_wanted)

    def _server_label(self, name: str, first: ModelInfo) -> str:
        count = sum(model.ref.provider == name for model in self._models)
        marks = [f"{count:,} {'model' if count == 1 else 'models'}"]
        marks += ["cloud"] if first.is_cloud else []
        marks += ["does not answer now"] if first.is_stale else []
        return f"{first.provider} — {' · '.join(marks)}".replace("&", "&&")

    def _add(self, menu: QMenu, model: ModelInfo) -> None:
        facts = [model.quantisation, wording.size(model.size) if model.size else ""]
        if model.is_loaded:
            facts.append("loaded")
        label = " — ".join(filter(None, (model.title, " · ".join(filter(None, facts)))))
        action = menu.addAction(label.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(model.ref == self._state.ref)
        action.setToolTip(model.ref.model)
        action.triggered.connect(
            lambda _checked=False, ref=str(model.ref): self.model_chosen.emit(ref)
        )


def _describe(state: ModelState) -> str:
    """What is known of the loaded model, for its tool tip."""
    if state.loaded is None:
        return ""
    loaded, info = state.loaded, state.loaded.info
    about = (
        info.architecture,
        f"{wording.parameters(info.parameters)} parameters" if info.parameters else "",
        info.quantisation,
        wording.size(info.size) if info.size else "",
    )
    context = f"Context {loaded.context:,} tokens" if loaded.context else ""
    if loaded.context and info.trained_context:
        context = f"Context {loaded.context:,} of {info.trained_context:,} tokens"
    where = f"{loaded.device}, {loaded.threads} threads" if loaded.threads else loaded.device
    if info.is_cloud:
        where = f"{info.provider}: what you write is sent to its computers"
    changed = wording.adapters(loaded.adapters)
    changed = f"With {changed}" if changed else ""
    lines = [info.name, ", ".join(filter(None, about)), changed, context, where, info.ref.model]
    return "\n".join(filter(None, lines))


def _parts(info: ModelInfo) -> list[str]:
    """A model's name and what is most worth knowing of it."""
    parts = (
        info.title,
        info.quantisation,
        wording.size(info.size) if info.size and not info.provider else "",
        info.provider,
        "cloud" if info.is_cloud else "",
    )
    return [part for part in parts if part]


class ContextMeter(QWidget):
    """How many tokens of the context the chat takes: a bar and the numbers."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._share = 0.0
        self.setObjectName("contextMeter")
        self._numbers = QLabel(self)
        self._numbers.setProperty("role", "small")
        row = QHBoxLayout(self)
        row.setContentsMargins(METER_WIDTH + 8, 0, 8, 0)
        row.addWidget(self._numbers)
        self.hide()

    def show_use(self, used: int, context: int) -> None:
        """`used` of `context` tokens; a context of 0 hides the meter."""
        self.setVisible(bool(context))
        if not context:
            return
        self._share = min(1.0, used / context)
        self._numbers.setText(f"{used:,} / {context:,}")
        text = f"Context: {used:,} of {context:,} tokens"
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area = QRectF(0, (self.height() - 4) / 2, METER_WIDTH, 4)
        painter.setBrush(self._theme.colour("line"))
        painter.drawRoundedRect(area, 2, 2)
        if self._share > 0:
            area.setWidth(max(4.0, METER_WIDTH * self._share))
            painter.setBrush(self._theme.colour("danger" if self._share > 0.9 else "accent"))
            painter.drawRoundedRect(area, 2, 2)
