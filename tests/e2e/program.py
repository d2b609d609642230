"""Starts the real program and uses it from outside, as a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds
ROOT = Path(__file__).parents[2]


class Program:
    """One run of Hearth, with its window."""

    def __init__(self, home: Path, *arguments: object, **environment: str) -> None:
        home.mkdir(exist_ok=True)
        self._stderr = home.parent / f"{home.name}-stderr.txt"
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.remote", *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env={**os.environ, "HEARTH_HOME": str(home), **environment},
            )

    def wait_until_ready(self) -> None:
        """Returns when the window takes commands."""
        assert self._answer() == {"ready": True}, self.complaints()

    def do(self, action: str, **how: object) -> Any:
        """Sends a command and returns its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": action, **how}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self._answer()
        assert "value" in answer, (answer, self.complaints())
        return answer["value"]

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until something is true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)

    def wait_for_model(self) -> None:
        """Waits until the model is loaded."""
        self.until(lambda: "·" in self.do("read", name="modelPicker"))
        self.until(lambda: not self.do("visible", name="loadProgress"))

    def say(self, text: str) -> None:
        """Types a message and sends it."""
        self.do("type", name="composer", text=text)
        self.do("press", name="composer", keys="Return")

    def converse(self, text: str) -> dict[str, str]:
        """Says something and waits for the whole answer."""
        before = len(self.do("answers"))
        self.say(text)
        self.until(lambda: len(self.do("answers")) > before)
        self.until(lambda: self.do("answers")[-1]["state"] != "streaming")
        answer: dict[str, str] = self.do("answers")[-1]
        return answer

    def first_answer(self) -> dict[str, str]:
        """The chat's first answer, as soon as it is drawn."""
        self.until(lambda: self.do("answers"))
        answer: dict[str, str] = self.do("answers")[0]
        return answer

    def wait_for_words(self) -> None:
        """Waits until the chat's first answer has begun."""
        self.until(lambda: self.first_answer()["text"])

    def close(self) -> None:
        """Closes the window; the program must end well and leave nothing behind."""
        self.do("close")
        self.end()

    def end(self) -> None:
        """Waits for the program's end, which must be a good one."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        last = output.decode().splitlines()[-1:]
        assert self.process.returncode == 0, (self.process.returncode, self.complaints())
        assert [json.loads(line) for line in last] == [{"threads": []}], last
        assert self.complaints() == ""

    def kill(self) -> None:
        """Ends the program as a crash or a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE)

    def complaints(self) -> str:
        """What it wrote to standard error, but for what the offscreen platform says of itself."""
        lines = self._stderr.read_text().splitlines()
        return "\n".join(line for line in lines if "propagateSizeHints" not in line)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program has ended: {self.process.wait()}\n{self.complaints()}"
        answer: dict[str, Any] = json.loads(line)
        return answer
