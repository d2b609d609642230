"""The conversation: messages in a centred column that follows an answer as it grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.chats.records import StoredMessage
from app.schema import Role
from app.ui.chat.message import AssistantMessage, MessageView, UserMessage
from app.ui.controls import IconButton
from app.ui.icons import Icons
from app.ui.theme import Theme

MARGIN, MESSAGE_GAP = 24, 6
NEAR_END = 48  # pixels: closer to the end than this, the view follows the answer
FIRST_BATCH, BATCH = 6, 2  # messages that are drawn at once, and at a time between events
DRAWN_AHEAD = 30  # messages; those before them are drawn when they are scrolled to


class Transcript(QScrollArea):
    """Draws the latest messages first, earlier ones as they are scrolled to."""

    regenerate_wanted = Signal(int)
    remedy_wanted = Signal(int)
    edit_wanted = Signal(int)
    version_wanted = Signal(int, int)

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._views: list[MessageView] = []
        self._heights: dict[MessageView, int] = {}  # of those that need no new layout
        self._laid_out_width = 0
        self._earlier: list[StoredMessage] = []  # not drawn yet
        self._follow = True
        self._column = QWidget()
        self._column.setObjectName("transcriptColumn")
        self.setObjectName("transcript")
        self.setAccessibleName("Conversation")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(self._column)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().setSingleStep(40)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._to_end = IconButton(icons, "bottom", "To the latest message", self)
        self._to_end.setObjectName("toEndButton")
        self._to_end.clicked.connect(self.scroll_to_end)
        self._to_end.hide()
        self._drawing = self._timer(self._draw_some)
        self._laying_out = self._timer(self.lay_out)

    def show_messages(self, messages: Sequence[StoredMessage]) -> None:
        """Replaces everything by these messages, in their order."""
        self._drawing.stop()
        self._remove(self._views)
        self._earlier = list(messages)
        self._follow = True
        self._draw_earlier(FIRST_BATCH)
        if self._earlier:
            self._drawing.start()

    def append(self, message: StoredMessage) -> MessageView:
        """Adds a message at the end, and goes there."""
        view = self._create(message)
        self._views.append(view)
        self._follow = True
        self.lay_out()
        return view

    def remove_from(self, message_id: int) -> None:
        """Takes a message and everything after it away."""
        ids = [view.message.id for view in self._views]
        if message_id in ids:
            self._remove(self._views[ids.index(message_id) :])

    @property
    def views(self) -> Sequence[MessageView]:
        """The messages that are drawn."""
        return self._views

    def view(self, message_id: int) -> MessageView | None:
        """The drawn message of this id."""
        return next((view for view in self._views if view.message.id == message_id), None)

    def toPlainText(self) -> str:
        """All drawn messages as text."""
        return "\n\n".join(view.text() for view in self._views)

    def scroll_to_end(self) -> None:
        """Shows the latest message, and follows it."""
        self._follow = True
        self.lay_out()

    def lay_out(self) -> None:
        """Places every message below the one before, and keeps what is seen where it is."""
        self._laying_out.stop()
        bar = self.verticalScrollBar()
        width = self.viewport().width()
        if width != self._laid_out_width:
            self._heights.clear()
            self._laid_out_width = width
        column = min(self._theme.metric("column_width"), self.width() - 2 * MARGIN)
        left, top = (self.width() - column) // 2, MARGIN
        for view in self._views:
            if view not in self._heights:
                self._heights[view] = view.layout_for(column)
            view.setGeometry(left, top, column, self._heights[view])
            top += self._heights[view] + MESSAGE_GAP
        self._column.resize(width, max(top + MARGIN, self.viewport().height()))
        if self._follow:
            bar.setValue(bar.maximum())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Breaks the lines anew."""
        super().resizeEvent(event)
        follow = self._follow
        self.lay_out()
        self._follow = follow
        size = self._to_end.sizeHint()
        self._to_end.move(
            (self.viewport().width() - size.width()) // 2,
            self.viewport().height() - size.height() - 8,
        )

    def _create(self, message: StoredMessage) -> MessageView:
        view: MessageView
        if message.role is Role.USER:
            view = self._create_user_message(message)
        else:
            view = AssistantMessage(message, self._theme, self._icons, self._column)
            view.regenerate_wanted.connect(self.regenerate_wanted)
            view.remedy_wanted.connect(self.remedy_wanted)
        view.version_wanted.connect(self.version_wanted)
        view.height_changed.connect(self._height_changed)
        view.show()
        return view

    def _create_user_message(self, message: StoredMessage) -> UserMessage:
        view = UserMessage(message, self._theme, self._icons, self._column)
        view.edit_wanted.connect(self.edit_wanted)
        return view

    def _remove(self, views: Sequence[MessageView]) -> None:
        for view in tuple(views):
            self._views.remove(view)
            self._heights.pop(view, None)
            view.hide()
            view.deleteLater()

    def _draw_some(self) -> None:
        self._draw_earlier(BATCH)
        if self._earlier and len(self._views) < DRAWN_AHEAD:
            self._drawing.start()

    def _draw_earlier(self, count: int) -> None:
        """Draws some of the messages above the drawn ones, without moving what is seen."""
        bar = self.verticalScrollBar()
        from_end = bar.maximum() - bar.value()
        for _ in range(min(count, len(self._earlier))):
            self._views.insert(0, self._create(self._earlier.pop()))
        self.lay_out()
        if not self._follow:
            bar.setValue(bar.maximum() - from_end)

    def _height_changed(self) -> None:
        view = self.sender()
        if isinstance(view, MessageView):
            self._heights.pop(view, None)
        self._laying_out.start()

    def _scrolled(self, value: int) -> None:
        bar = self.verticalScrollBar()
        self._follow = value >= bar.maximum() - NEAR_END
        self._to_end.setVisible(not self._follow)
        if self._earlier and value < self.viewport().height() and not self._drawing.isActive():
            self._drawing.start()

    def _timer(self, action: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(0)
        timer.timeout.connect(action)
        return timer
