"""The runner as coroutines: each call becomes a job on the worker's thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from app.errors import ModelLoadError
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.interface import Loaded, OnProgress
from app.llm.runner.worker import Job, Worker
from app.llm.trials import Test
from app.net import Silence
from app.schema import Chunk, EngineBuild, LoadPlan, LoadProgress, LoadStage, Request

if TYPE_CHECKING:
    from app.llm.runner.llama.engine import Engine

QUEUE_SECONDS = 1800.0  # until a request that waits for others is given up
SILENCE_SECONDS = 600.0  # a large batch of a prompt may take minutes on a slow processor
BATCH_SECONDS = 0.03  # between looks into the mailbox; to wake for each token costs a window more
Event = TypeVar("Event")
Result = TypeVar("Result")


def create_engine(abort: AbortFlag) -> Engine:
    """The engine; llama_cpp is imported here, on the runner's thread, when it is first needed."""
    from app.llm.runner.llama.engine import Engine

    return Engine(abort)


def engine_build() -> EngineBuild | None:
    """What the installed llama.cpp can do and its devices; None where it cannot be loaded."""
    try:
        from app.llm.runner.llama import devices

        return devices.build()
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None


class QueuedRunner:
    """A Runner (see interface.py) over a worker that somebody else's thread runs."""

    def __init__(
        self,
        worker: Worker,
        queue_seconds: float = QUEUE_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """The times are the longest wait for the first sign of a request, and between two."""
        self._worker = worker
        self._queue_seconds = queue_seconds
        self._silence_seconds = silence_seconds

    async def load(self, plan: LoadPlan, on_progress: OnProgress) -> Loaded:
        """Loads a model; cancelling the awaiting task cancels the load."""

        def work(engine: Engine, emit: Callable[[float], None]) -> Loaded:
            return engine.load(plan, emit)

        job = Job(asyncio.get_running_loop(), work)
        self._worker.submit(job)
        try:
            while fractions := await job.mailbox.take():
                on_progress(LoadProgress(LoadStage.LOADING, fractions[-1]))
        finally:
            await self._ended(job)
        loaded = job.result()
        if loaded is None:
            raise ModelLoadError("The load was stopped.", "Open the model again.")
        return loaded

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Streams an answer; closing the generator stops it, and returns when it has stopped.

        Raises:
            TimedOut: the queue did not come to it in time, or the model fell silent.
            GenerationError: it cannot be answered.
        """

        def work(engine: Engine, emit: Callable[[Chunk], None]) -> None:
            for chunk in engine.generate(request):
                emit(chunk)

        job = Job(asyncio.get_running_loop(), work)
        ahead = self._worker.submit(job)
        try:
            if ahead:
                yield Chunk(waiting=ahead)
            quiet = Silence("The model", self._silence_seconds, self._queue_seconds)
            async with quiet.watching():
                while True:
                    with quiet.reading():
                        chunks = await job.mailbox.take()
                    if not chunks:
                        break
                    for chunk in _coalesced(chunks):
                        yield chunk
                    if not job.mailbox.closed:
                        await asyncio.sleep(BATCH_SECONDS)
        finally:
            await self._ended(job)
        job.result()

    async def bench(self, plan: LoadPlan, test: Test) -> AsyncGenerator[float, None]:
        """The seconds of each run of a test; closing the generator ends it.

        Raises:
            ModelError: no model is loaded, or there is no memory for the test.
            GenerationError: llama.cpp failed.
        """

        def work(engine: Engine, emit: Callable[[float], None]) -> None:
            for seconds in engine.bench(plan, test):
                emit(seconds)

        job = Job(asyncio.get_running_loop(), work)
        self._worker.submit(job)
        try:
            while times := await job.mailbox.take():
                for seconds in times:
                    yield seconds
        finally:
            await self._ended(job)
        job.result()

    async def count_tokens(self, request: Request) -> int:
        """How many tokens the request's prompt has."""
        return await self._call(lambda engine: engine.count_tokens(request)) or 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text."""
        return await self._call(lambda engine: engine.embed(texts)) or []

    async def unload(self) -> None:
        """Gives the model's memory back, after the jobs that are queued."""
        if self._worker.used:  # else llama.cpp would be started for nothing
            await self._call(lambda engine: engine.unload())

    async def _call(self, call: Callable[[Engine], Result]) -> Result | None:
        def work(engine: Engine, _emit: Callable[[None], None]) -> Result:
            return call(engine)

        job = Job(asyncio.get_running_loop(), work)
        self._worker.submit(job, bounded=False)
        try:
            await job.mailbox.take()
        finally:
            await self._ended(job)
        return job.result()

    async def _ended(self, job: Job[Event, Result]) -> None:
        """Cancels a job that has not ended, and waits until it has."""
        if job.mailbox.closed:
            return
        self._worker.cancel(job)
        while not job.mailbox.closed:
            await job.mailbox.take()


def _coalesced(chunks: Iterable[Chunk]) -> Iterable[Chunk]:
    """Joins neighbouring pieces of text: the window draws once per batch anyhow."""
    text, tokens = "", 0
    for chunk in chunks:
        if chunk.tokens or chunk.text:
            text += chunk.text
            tokens += chunk.tokens
            continue
        if tokens or text:
            yield Chunk(text=text, tokens=tokens)
            text, tokens = "", 0
        yield chunk
    if tokens or text:
        yield Chunk(text=text, tokens=tokens)
