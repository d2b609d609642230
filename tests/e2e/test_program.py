"""The whole program, from its start to its end, with a real model and real files."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import PARROT_REPLY
from tests.e2e.conftest import Start
from tests.e2e.program import PATIENCE, ROOT


def test_the_first_run(start: Start, home: Path) -> None:
    """Nobody chose anything: the starter is there, and answers."""
    program = start()
    program.until(lambda: program.do("visible", name="contextMeter"))  # the model is loaded
    assert program.do("read", name="modelPicker").startswith("Starter: explains Hearth; get a ")
    assert program.do("visible", name="guideBar")
    program.do("click", name="suggestion2")
    program.until(lambda: program.do("answers"))
    program.until(lambda: program.do("answers")[0]["state"] == "complete")
    assert "computer" in program.do("answers")[0]["text"]
    answer = program.converse("How do I delete a chat?")
    assert "Delete" in answer["text"]
    program.do("click", name="guideModelsButton")
    program.until(lambda: program.do("visible", name="modelsPage"))
    program.until(lambda: "of memory" in program.do("read", name="computerText"))
    program.do("press", name="modelsPage", keys="Escape")
    program.do("click", name="guideClose")
    assert not program.do("visible", name="guideBar")
    program.close()

    again = start()
    again.until(lambda: again.do("visible", name="contextMeter"))
    assert again.do("chats") == ["Today", "Is my data private?"]
    assert not again.do("visible", name="guideBar")
    assert again.do("visible", name="suggestion1")
    again.close()


def test_a_starter_that_is_damaged_is_a_sentence(start: Start, home: Path, tmp_path: Path) -> None:
    """The window opens, says what is amiss, and takes another model."""
    resources = tmp_path / "resources"
    shutil.copytree(ROOT / "resources", resources, ignore=shutil.ignore_patterns("starter"))
    model = resources / "models" / "starter.gguf"
    model.write_bytes(model.read_bytes()[:-9000])
    program = start(HEARTH_TEST_RESOURCES=str(resources))
    program.until(lambda: program.do("banner"))
    assert "starter" in program.do("banner").lower()
    program.close()


def test_a_conversation_is_there_again_after_a_restart(
    start: Start, home: Path, parrot: Path
) -> None:
    program = start(parrot)
    program.wait_for_model()
    assert program.do("read", name="modelPicker").startswith("Parrot · F32 · ")
    answer = program.converse("What do you say?")
    assert answer["text"] == PARROT_REPLY
    assert answer["state"] == "complete"
    assert "A parrot says squawk" in answer["drawn"]
    assert "prompt tokens" in program.do("read", name="figures")
    assert program.do("chats") == ["Today", "What do you say?"]
    program.do("type", name="composer", text="not sent yet")
    program.close()

    again = start()
    assert again.do("chats") == ["Today", "What do you say?"]
    assert again.do("visible", name="welcomePage")
    again.do("open_chat", row=1)
    again.until(lambda: again.do("read", name="transcript"))
    assert again.do("read", name="transcript") == f"What do you say?\n\n{PARROT_REPLY}"
    assert again.do("read", name="composer") == "not sent yet"
    again.do("press", name="composer", keys="Return")
    again.until(lambda: len(again.do("answers")) == 2)
    again.until(lambda: again.do("answers")[1]["state"] == "complete")
    assert again.do("answers")[1]["text"] == PARROT_REPLY, "the model is loaded by itself"
    again.close()


def test_what_was_shown_survives_a_crash(start: Start, home: Path, endless: Path) -> None:
    program = start(endless)
    program.wait_for_model()
    program.say("Tell me everything")
    program.until(lambda: len(program.do("answers")[-1:]) == 1)
    program.until(lambda: len(program.do("answers")[0]["text"]) > 500)
    shown = program.do("answers")[0]["text"]
    time.sleep(0.25)
    program.kill()

    again = start()
    again.do("open_chat", row=1)
    again.until(lambda: again.do("answers"))
    answer = again.do("answers")[0]
    assert answer["text"].startswith(shown)
    assert answer["state"] == "interrupted"
    assert "Hearth ended while this was being written" in answer["note"]
    again.do("click", name="noteAgainButton")
    again.until(lambda: again.do("answers")[0]["state"] == "streaming")
    again.until(lambda: len(again.do("answers")[0]["text"]) > 50)
    again.do("press", name="composer", keys="Escape")
    again.until(lambda: again.do("answers")[0]["state"] == "stopped")
    again.close()


def test_an_unsent_draft_survives_a_crash(start: Start, home: Path) -> None:
    program = start()
    program.do("type", name="composer", text="a long thought")
    time.sleep(1)
    program.kill()
    again = start()
    assert again.do("read", name="composer") == "a long thought"
    again.close()


def test_a_long_prompt_stops_at_once(start: Start, home: Path, slow: Path) -> None:
    program = start(slow)
    program.wait_for_model()
    program.do("type", name="composer", text="x")
    program.do("paste", text="lorem ipsum dolor " * 300)
    program.do("press", name="composer", keys="Return")
    program.until(lambda: "Reading your prompt, " in program.do("waiting"))
    program.do("press", name="composer", keys="Escape")
    program.until(lambda: program.do("answers")[0]["state"] == "stopped")
    assert program.do("answers")[0]["text"] == ""
    assert program.do("visible", name="sendButton")
    program.close()


@pytest.mark.parametrize("name", ["empty", "text", "truncated", "directory", "missing"])
def test_a_bad_file_is_a_sentence_and_the_window_lives(
    start: Start, home: Path, tmp_path: Path, parrot: Path, name: str
) -> None:
    bad = tmp_path / f"{name} it's “odd” 🦜.gguf"
    match name:
        case "empty":
            bad.touch()
        case "text":
            bad.write_text("Once upon a time " * 100)
        case "truncated":
            bad.write_bytes(parrot.read_bytes()[:-5000])
        case "directory":
            bad.mkdir()
    program = start(bad)
    program.until(lambda: program.do("banner"))
    sentence = program.do("banner")
    assert sentence.endswith(".")
    assert len(sentence.split(". ")) >= 2, "what happened, and what to do"
    assert "Traceback" not in sentence
    good = tmp_path / "with 'quotes' and 🦜.gguf"
    good.write_bytes(parrot.read_bytes())
    program.do("drop", path=str(good))
    program.wait_for_model()
    program.until(lambda: program.do("banner") == "")
    assert program.converse("Hello")["text"] == PARROT_REPLY
    program.close()


def test_a_model_that_is_removed_while_it_is_loaded(
    start: Start, home: Path, tmp_path: Path, parrot: Path
) -> None:
    file = tmp_path / "here today.gguf"
    file.write_bytes(parrot.read_bytes())
    program = start(file)
    program.wait_for_model()
    file.unlink()
    assert program.converse("Hello")["text"] == PARROT_REPLY
    program.close()
    again = start()
    again.say("Hello again")
    again.until(lambda: again.do("answers"))
    again.until(lambda: again.do("answers")[0]["state"] == "failed")
    assert "here today.gguf" in again.do("answers")[0]["note"]
    again.close()


def test_a_history_from_a_newer_version_is_left_alone(
    start: Start, home: Path, parrot: Path
) -> None:
    program = start()
    program.close()
    file = home / "hearth.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = file.read_bytes()
    program = start(parrot)
    assert "newer Hearth" in program.do("banner")
    program.wait_for_model()
    assert "newer Hearth" in program.do("banner")
    assert program.converse("Hello")["text"] == PARROT_REPLY
    program.close()
    assert file.read_bytes() == before


def test_a_damaged_history_is_kept_and_said(start: Start, home: Path) -> None:
    home.mkdir()
    (home / "hearth.db").write_bytes(b"this is no database " * 1000)
    program = start()
    assert program.do("banner")
    program.close()
    assert (home / "hearth.db").read_bytes().startswith(b"this is no database")


def test_a_data_folder_that_cannot_be_made(start: Start, tmp_path: Path, parrot: Path) -> None:
    """A file stands where the folder should be; the tests may run as root, who may write all."""
    (tmp_path / "file").touch()
    program = start("--home", tmp_path / "file" / "data", parrot)
    assert "could not" in program.do("banner") or "cannot" in program.do("banner")
    program.wait_for_model()
    assert program.converse("Hello")["text"] == PARROT_REPLY
    program.close()


def test_a_second_start_hands_its_file_over(start: Start, home: Path, parrot: Path) -> None:
    program = start()
    done = subprocess.run(
        [sys.executable, "-m", "app", str(parrot)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env={**os.environ, "HEARTH_HOME": str(home)},
    )
    assert done.returncode == 0
    assert "already open" in done.stderr
    program.wait_for_model()
    assert program.converse("Hello")["text"] == PARROT_REPLY
    program.close()


@pytest.mark.parametrize("seed", range(4))
def test_the_window_may_be_closed_at_any_moment(
    start: Start, home: Path, slow: Path, seed: int
) -> None:
    """Also while it starts, and while a model is checked and loaded."""
    program = start("--close-after", random.Random(seed).randrange(1500), slow, ready=False)
    program.end()


@pytest.mark.parametrize("seed", range(3))
def test_the_window_may_be_closed_while_it_answers(
    start: Start, home: Path, endless: Path, seed: int
) -> None:
    program = start(endless)
    program.wait_for_model()
    program.say("Tell me everything")
    time.sleep(random.Random(seed).random())
    program.close()
    with sqlite3.connect(home / "hearth.db") as connection:
        (state,) = connection.execute(
            "SELECT state FROM messages WHERE role = 'assistant'"
        ).fetchone()
    connection.close()
    assert state == "stopped"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_as_closing_does(
    start: Start, home: Path, endless: Path, number: signal.Signals, code: int
) -> None:
    program = start(endless)
    program.wait_for_model()
    program.say("Tell me everything")
    program.until(lambda: program.do("answers") and program.do("answers")[0]["text"])
    program.process.send_signal(number)
    program.process.communicate(timeout=PATIENCE)
    assert (program.process.returncode, program.complaints()) == (code, "")
