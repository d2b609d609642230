"""The QThread on which the in-process runner works; outside the window only this file has Qt."""

from __future__ import annotations

from PySide6.QtCore import QObject, QThread

from app.llm.runner.worker import Worker


class RunnerThread(QThread):
    """Runs the worker's loop for the program's life."""

    def __init__(self, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runner")
        self._worker = worker

    def run(self) -> None:
        """The thread's body."""
        self._worker.run()

    def stop(self) -> None:
        """Cancels whatever runs and waits for the thread's end."""
        self._worker.stop()
        self.wait()
