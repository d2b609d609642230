"""Has Tab follow the eye where parts of a page come and go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QLayout


class TabOrder(QObject):
    """Puts the controls inside a widget in the order of their layouts whenever those change.

    Qt itself keeps the order in which the controls were made.
    """

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self._inside = inside
        self._known: list[QWidget] = []
        inside.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Looks again when something has been added, taken away or moved."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.follow()
        return False

    def follow(self) -> None:
        """Sets the order as the layouts are now."""
        layout = self._inside.layout()
        controls = list(_controls(layout)) if layout is not None else []
        if controls != self._known:
            self._known = controls
            for first, second in pairwise(controls):
                QWidget.setTabOrder(first, second)


def focused_in(widget: QWidget) -> QWidget | None:
    """What in `widget` has the keyboard; None where that is elsewhere."""
    focused = QApplication.focusWidget()
    return focused if focused is not None and widget.isAncestorOf(focused) else None


def _controls(layout: QLayout) -> Iterator[QWidget]:
    """What Tab stops at, in the layout's order."""
    for index in range(layout.count()):
        item = layout.itemAt(index)
        inner = item.layout() if item is not None else None
        widget = item.widget() if item is not None else None
        if widget is not None:
            inner = widget.layout()
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                yield widget
        if inner is not None:
            yield from _controls(inner)
