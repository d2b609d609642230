"""What repeats for long: `make soak`."""

import os
import random
import sqlite3
import time
from pathlib import Path

import psutil
import pytest

from app.schema import ModelRef
from tests.e2e.conftest import Start
from tests.fakes import running

pytestmark = pytest.mark.soak

ROUNDS = int(os.environ.get("HEARTH_SOAK_ROUNDS", "100"))
KILLS = -(-ROUNDS // 4)
LOADS = ROUNDS
GROWTH = 16e6  # bytes that a hundred loads may leave behind: caches of allocator and libraries


def test_closed_at_any_moment(start: Start, slow: Path, endless: Path) -> None:
    """Starts, closes at a random moment (also while loading and generating), a hundred times."""
    source = random.Random(7)
    for number in range(ROUNDS):
        if number % 2:
            program = start("--close-after", source.randrange(2500), slow, ready=False)
            program.end()
            continue
        program = start(endless)
        program.wait_for_model()
        program.say("Tell me everything")
        time.sleep(source.random() * 1.5)
        program.close()


def test_killed_in_the_middle_of_an_answer(start: Start, home: Path, endless: Path) -> None:
    """Whatever was on the screen 250 ms before the end is there again."""
    source = random.Random(8)
    for _ in range(KILLS):
        program = start(endless)
        program.wait_for_model()
        program.say("Tell me everything")
        program.wait_for_words()
        time.sleep(source.random())
        shown = program.do("answers")[0]["text"]
        time.sleep(0.25)
        program.kill()
        again = start()
        again.do("open_chat", row=1)
        answer = again.first_answer()
        assert answer["text"].startswith(shown)
        assert answer["state"] == "interrupted"
        again.close()
    with sqlite3.connect(home / "hearth.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (open_answers,) = connection.execute(
            "SELECT count(*) FROM messages WHERE state = 'streaming'"
        ).fetchone()
    connection.close()
    assert open_answers == 0


async def test_loading_and_unloading_gives_the_memory_back(home: Path, slow: Path) -> None:
    process = psutil.Process()
    held: list[int] = []
    async with running.core(home) as core:
        for _ in range(LOADS):
            await core.manager.load(ModelRef("local", str(slow)))
            await core.manager.unload()
            held.append(process.memory_info().rss)
    assert held[-1] - held[LOADS // 10] < GROWTH
