"""The whole program beside a model server that comes, answers, breaks and goes."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.fakes.servers.http import FakeServer, ndjson
from tests.fakes.servers.ollama import Ollama


class Beside:
    """An Ollama on a thread of its own, as far as the program can tell."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.ollama = Ollama(self.server)
        self.ollama.add("qwen3:8b")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ollama")
        self._thread.start()
        self.call(self.server.start())

    def call(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def end(self) -> None:
        self.call(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


@pytest.fixture
def beside() -> Iterator[Beside]:
    made = Beside()
    yield made
    made.end()


def hearth(folder: Path, beside: Beside) -> Program:
    """The program on a screen that nobody sees, told where its Ollama is."""
    return Program(
        folder / "home",
        QT_QPA_PLATFORM="offscreen",
        OLLAMA_HOST=f"127.0.0.1:{beside.server.port}",
    )


def test_a_found_server_answers_breaks_and_answers_again(tmp_path: Path, beside: Beside) -> None:
    program = hearth(tmp_path, beside)
    try:
        program.wait_until_ready()
        program.until(lambda: "Ollama" in program.do("read", name="guideServersButton"))
        program.do("choose", name="modelPicker", path=["Ollama", "qwen3:8b"])
        program.until(lambda: program.do("read", name="modelPicker").startswith("qwen3:8b"))
        answer = program.converse("What is a hearth?")
        assert answer["state"] == "complete", answer
        assert answer["text"]
        half = {"message": {"role": "assistant", "content": "It is half"}, "done": False}
        beside.server.enqueue("/api/chat", ndjson(half, cut=True))
        program.say("And a chimney?")
        program.until(lambda: program.do("answers")[-1]["state"] == "failed")
        failed = program.do("answers")[-1]
        assert failed["text"] == "It is half"
        assert "Ollama" in failed["note"]
        program.do("click", name="noteAgainButton")
        program.until(lambda: program.do("answers")[-1]["state"] == "complete")
        program.close()
        assert program.process.returncode == 0, program.complaints()
    finally:
        if program.process.poll() is None:
            program.kill()
    # The next start chooses it again, and waits for nothing.
    again = hearth(tmp_path, beside)
    try:
        again.wait_until_ready()
        again.until(lambda: again.do("read", name="modelPicker").startswith("qwen3:8b"))
        answer = again.converse("Are you there?")
        assert answer["state"] == "complete", answer
        again.close()
    finally:
        if again.process.poll() is None:
            again.kill()
