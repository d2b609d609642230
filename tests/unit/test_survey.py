"""The facts are read ahead, once, and a reading that is under way is given up at the end."""

import sys
import threading
import time
from pathlib import Path

import pytest

from app.llm.optimizer.machine.records import Computer, Processor
from app.llm.optimizer.machine.tools import SystemTools, Tools
from app.llm.optimizer.survey import Survey
from app.schema import EngineBuild

BUILD = EngineBuild("0.3.36", can_offload=False, backends=("CPU",))
FACTS = Computer(Processor("Some Processor 9"))
PATIENCE = 20.0  # seconds


class Reader:
    """Reads when it may, and counts."""

    def __init__(self) -> None:
        self.may_read, self.has_begun = threading.Event(), threading.Event()
        self.read = 0

    def __call__(self, _tools: Tools) -> Computer:
        self.has_begun.set()
        assert self.may_read.wait(PATIENCE)
        self.read += 1
        return FACTS


def test_the_first_question_finds_what_was_read_ahead() -> None:
    reader = Reader()
    reader.may_read.set()
    survey = Survey(lambda: BUILD, reader)
    with survey.ahead():
        assert reader.has_begun.wait(PATIENCE), "nobody has asked"
        assert survey.now().processor == FACTS.processor
    assert reader.read == 1


def test_a_question_in_the_middle_of_it_waits_for_that_reading() -> None:
    reader = Reader()
    survey = Survey(lambda: BUILD, reader)
    answers: list[Computer] = []
    with survey.ahead():
        assert reader.has_begun.wait(PATIENCE)
        asking = threading.Thread(target=lambda: answers.append(survey.now()))
        asking.start()
        reader.may_read.set()
        asking.join(PATIENCE)
    assert [one.processor for one in answers] == [FACTS.processor]
    assert reader.read == 1


def test_llama_cpp_is_not_asked_ahead() -> None:
    def refuse() -> EngineBuild | None:
        raise AssertionError("it takes a while to import")

    reader = Reader()
    reader.may_read.set()
    with Survey(refuse, reader).ahead():
        assert reader.has_begun.wait(PATIENCE)
    assert reader.read == 1


def test_a_reader_that_hangs_keeps_nobody_from_leaving() -> None:
    reader = Reader()
    with Survey(lambda: BUILD, reader).ahead():
        assert reader.has_begun.wait(PATIENCE)
    assert reader.read == 0
    reader.may_read.set()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_tool_that_runs_is_ended_with_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, began = tmp_path / "sleeper", tmp_path / "pid"
    tool.write_text(f"#!/bin/sh\necho half; echo $$ > {began}; exec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told: list[str | None] = []

    def read(tools: Tools) -> Computer:
        told.extend(tools.run(("sleeper",), 60) for _ in range(2))
        return FACTS

    with Survey(lambda: BUILD, read).ahead():
        end = time.monotonic() + PATIENCE
        while not (began.exists() and began.read_text().endswith("\n")):
            assert time.monotonic() < end
            time.sleep(0.005)
    assert told == [None, None], "what it had printed by then is not the whole"
    assert not Path(f"/proc/{began.read_text().strip()}").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a tool of Unix")
def test_tools_that_are_closed_run_nothing_more() -> None:
    tools = SystemTools()
    assert tools.run(("echo", "word"), PATIENCE) == "word\n"
    tools.close()
    assert tools.run(("echo", "word"), PATIENCE) is None
