"""How long a request waits: for its turn in the queue, and for a model that has fallen silent."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.errors import TimedOut
from app.llm.runner.abort_flag import AbortFlag
from app.llm.runner.queued import QueuedRunner
from app.llm.runner.worker import Worker
from app.schema import Chunk, Request


class StuckEngine:
    """Says one word, and then nothing until it is stopped."""

    def __init__(self, abort: AbortFlag) -> None:
        self._abort = abort

    def generate(self, _request: Request) -> Iterator[Chunk]:
        yield Chunk(text="One", tokens=1)
        while not self._abort.is_set():
            time.sleep(0.002)

    def unload(self) -> None:
        """Nothing is held."""


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(StuckEngine)  # type: ignore[arg-type]
    thread = threading.Thread(target=made.run, name="runner")
    thread.start()
    yield made
    made.stop()
    thread.join()


async def heard(runner: QueuedRunner, chunks: list[Chunk]) -> None:
    async for chunk in runner.generate(Request(raw="x")):
        chunks.append(chunk)  # noqa: PERF401 - what came before the error counts


async def test_a_model_that_falls_silent_is_given_up(worker: Worker) -> None:
    runner = QueuedRunner(worker, silence_seconds=0.1)
    for _ in range(2):  # the worker is free again
        chunks: list[Chunk] = []
        with pytest.raises(TimedOut, match="silent for"):
            await heard(runner, chunks)
        assert [chunk.text for chunk in chunks] == ["One"]


async def test_a_request_that_waits_too_long_is_given_up(worker: Worker) -> None:
    first = QueuedRunner(worker).generate(Request(raw="x"))
    assert (await anext(first)).text == "One"
    chunks: list[Chunk] = []
    with pytest.raises(TimedOut, match="has not begun to answer"):
        await heard(QueuedRunner(worker, queue_seconds=0.1), chunks)
    assert [chunk.waiting for chunk in chunks] == [1]
    await first.aclose()
