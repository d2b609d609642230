"""The embedding model of this process, which is loaded beside the chat model while it is in use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import gguf
from app.llm.optimizer import hardware
from app.llm.optimizer.embedding_plan import embedding_plan
from app.llm.runner.preflight import Preflight
from app.llm.runner.queued import QueuedRunner, create_engine
from app.llm.runner.worker import Worker

IDLE_SECONDS = 60.0  # until its memory is given back


@dataclass(frozen=True, slots=True)
class _Running:
    """A model, and the thread on which its engine works."""

    model: str
    worker: Worker
    thread: threading.Thread
    runner: QueuedRunner


class EmbeddingModel:
    """One model at a time that turns texts into vectors.

    Its engine has a thread of its own, so that texts need not wait for an answer to end. Engine and
    thread come with the first call, and end when nobody has asked for a while.
    """

    def __init__(
        self, preflight: Preflight, loading: asyncio.Lock, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """`loading` is held during a load: two at once would both count on the same free memory."""
        self._preflight = preflight
        self._loading = loading
        self._idle_seconds = idle_seconds
        self._using = asyncio.Lock()
        self._running: _Running | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> str | None:
        """The model whose memory is held now."""
        return self._running.model if self._running else None

    @property
    def is_busy(self) -> bool:
        """Whether a call runs or waits."""
        return self._using.locked()

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text, by the model file at the path `model`.

        Raises:
            ModelError: the file cannot be used for this.
            ContextOverflow: a text is longer than the model's context.
            GenerationError: llama.cpp failed.
        """
        async with self._using:
            self._stop_timer()
            try:
                running = self._running
                if running is None or running.model != model:
                    running = await self._load(model)
                return await running.runner.embed(texts)
            finally:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(self._idle_seconds, self._fall_idle)

    async def unload(self) -> None:
        """Gives the memory back and ends the thread, once the calls that run have ended."""
        async with self._using:
            self._stop_timer()
            await self._stop()

    async def aclose(self) -> None:
        """Ends what runs, and gives everything back."""
        if self._running is not None:
            self._running.worker.stop()
        await self.unload()
        if self._ending is not None:
            await asyncio.wait([self._ending])

    async def _load(self, model: str) -> _Running:
        async with self._loading:
            await self._stop()
            header = await asyncio.to_thread(gguf.read, Path(model).absolute())
            wanted = embedding_plan(hardware.detect(), header)
            wanted = await self._preflight.check(wanted, lambda _fraction: None)
            worker = Worker(create_engine)
            thread = threading.Thread(target=worker.run, name="embedding")
            self._running = _Running(model, worker, thread, QueuedRunner(worker))
            thread.start()
            try:
                await self._running.runner.load(wanted, lambda _progress: None)
            except BaseException:
                await self._stop()
                raise
            return self._running

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.worker.stop()
            await asyncio.to_thread(running.thread.join)

    def _fall_idle(self) -> None:
        self._timer = None
        self._ending = asyncio.ensure_future(self._stop_if_idle())

    async def _stop_if_idle(self) -> None:
        async with self._using:
            if self._timer is None:  # else a call came between
                await self._stop()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
