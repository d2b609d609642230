"""Programs that a test starts, ended with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program

Start = Callable[..., Program]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts the program and waits until it takes commands; a test that fails leaves none."""
    started: list[Program] = []

    def begin(*arguments: object, ready: bool = True, **environment: str) -> Program:
        program = Program(home, *arguments, **environment)
        started.append(program)
        if ready:
            program.wait_until_ready()
        return program

    yield begin
    for program in started:
        if program.process.poll() is None:
            program.kill()
