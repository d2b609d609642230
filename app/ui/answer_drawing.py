"""The answer on the screen while it is being made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.llm.state import Phase
from app.ui.banner import Topic
from app.ui.chat.message import AssistantMessage
from app.ui.shell import Shell

if TYPE_CHECKING:
    from app.conversation.exchange import Exchange
    from app.errors import StorageError
    from app.llm.manager import LLMManager

FRAME = 60  # milliseconds between drawings of a growing answer
FRAME_SHARE = 10  # an answer that is slow to draw is drawn so many times less often


class AnswerDrawing(QObject):
    """Follows one running answer; draws it at most 16 times a second."""

    def __init__(
        self, shell: Shell, manager: LLMManager, on_end: Callable[[Exchange], None]
    ) -> None:
        """Calls `on_end` with the answer that is followed, when it has ended."""
        super().__init__(shell)
        self._shell = shell
        self._manager = manager
        self._on_end = on_end
        self._unsubscribe: Callable[[], None] | None = None
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME)
        self._frame.timeout.connect(self._draw)
        self._problem: StorageError | None = None  # that was shown
        self.exchange: Exchange | None = None  # the answer that is followed

    def follow(self, exchange: Exchange) -> None:
        """Draws this answer from now on."""
        self.let_go()
        self.exchange = exchange
        self._problem = None
        self._unsubscribe = exchange.subscribe(self._changed)
        self._shell.composer.set_running(running=True)
        self._draw()

    def let_go(self) -> None:
        """Draws no more; the answer itself goes on."""
        self._frame.stop()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self.exchange = None

    def model_changed(self) -> None:
        """An answer that waits for the model tells what happens to it."""
        if self.exchange is not None and not self.exchange.text and not self._frame.isActive():
            self._frame.start()

    def _changed(self, exchange: Exchange) -> None:
        if exchange.problem is not self._problem:
            self._problem = exchange.problem
            if self._problem is not None:
                self._shell.banner.show_error(Topic.HISTORY, self._problem)
            else:
                self._shell.banner.clear(Topic.HISTORY)
        if exchange.ending is None:
            if not self._frame.isActive():
                self._frame.start()
        elif exchange is self.exchange:
            self.let_go()
            self._on_end(exchange)

    def _draw(self) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        began = time.perf_counter()
        self._shell.composer.set_running(running=True, stopping=exchange.stopping)
        view = self._shell.transcript.view(exchange.answer.id)
        if isinstance(view, AssistantMessage):
            begun = exchange.text or exchange.reasoning
            view.show_waiting("" if begun else self._waiting_text(exchange))
            if exchange.reasoning:
                view.show_reasoning(exchange.reasoning, growing=not exchange.text)
            if exchange.text:
                view.show_text(exchange.text)
        spent = (time.perf_counter() - began) * 1000
        self._frame.setInterval(max(FRAME, round(spent * FRAME_SHARE)))

    def _waiting_text(self, exchange: Exchange) -> str:
        if exchange.stopping:
            return "Stopping…"
        if exchange.waiting:
            others = "another answer" if exchange.waiting == 1 else f"{exchange.waiting} others"
            return f"Waiting for {others} to end"
        progress = exchange.progress
        if progress is not None:
            return f"Reading your prompt, {progress.done / max(1, progress.total):.0%}"
        if self._manager.state.phase is Phase.LOADING:
            return "Loading the model"
        return "Reading your prompt"
