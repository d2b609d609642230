"""How far the load of a model has come."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QWidget

from app.schema import LoadProgress, LoadStage
from app.ui.controls import text_button


class LoadBar(QFrame):
    """Under the header while a model loads: how far, and Cancel."""

    cancelled = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("loadBar")
        self._label = QLabel(self)
        self._label.setObjectName("loadText")
        self._bar = QProgressBar(self)
        self._bar.setObjectName("loadProgress")
        self._bar.setAccessibleName("Loading progress")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        cancel = text_button("Cancel", "link", self, "cancelLoadButton")
        cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 4)
        row.setSpacing(12)
        row.addWidget(self._label)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        self.hide()

    def show_progress(self, name: str, progress: LoadProgress | None) -> None:
        """The stage and share of the load of the model called `name`."""
        checking = progress is not None and progress.stage is LoadStage.CHECKING
        fraction = progress.fraction if progress else 0.0
        doing = f"Trying {name} for the first time" if checking else f"Loading {name}"
        self._label.setText(f"{doing}, {fraction:.0%}")
        self._bar.setValue(round(fraction * 1000))
        self.show()
