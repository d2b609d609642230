"""The program as it is, on a real (virtual) X screen, with a real keyboard and mouse."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PARROT_REPLY
from tests.e2e.program import PATIENCE, ROOT
from tests.fakes import screen

TOOLS = ("Xvfb", "xdotool")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed here: {', '.join(MISSING)} (`make test` as root does it)"
)


@pytest.fixture
def display() -> Iterator[str]:
    """A screen of its own; its name, such as ":7"."""
    with screen.virtual() as name:
        yield name


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_typed_and_clicked_on_a_screen(tmp_path: Path, display: str, parrot: Path) -> None:
    home = tmp_path / "home"
    environment = {**os.environ, "DISPLAY": display, "HEARTH_HOME": str(home)}
    environment.pop("QT_QPA_PLATFORM", None)
    environment.pop("WAYLAND_DISPLAY", None)

    def xdotool(*arguments: object) -> str:
        return subprocess.run(
            ["xdotool", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout.strip()

    def rows(query: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(home / "hearth.db") as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    program = subprocess.Popen(
        [sys.executable, "-m", "app", str(parrot)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until(lambda: xdotool("search", "--onlyvisible", "--name", "Hearth"))
        window = xdotool("search", "--onlyvisible", "--name", "Hearth").splitlines()[0]
        xdotool("windowfocus", "--sync", window)
        until(lambda: (home / "hearth.db").exists())
        time.sleep(0.5)
        xdotool("type", "--delay", "20", "Hello, parrot")
        xdotool("key", "shift+Return")
        xdotool("type", "--delay", "20", "how are you")
        xdotool("key", "Return")
        until(
            lambda: rows("SELECT state FROM messages WHERE role = 'assistant'") == [("complete",)]
        )
        assert rows("SELECT text FROM messages ORDER BY id") == [
            ("Hello, parrot\nhow are you",),
            (PARROT_REPLY,),
        ]
        xdotool("mousemove", "--window", window, 70, 62, "click", 1)  # New chat
        xdotool("mousemove", "--window", window, 600, 700, "click", 1)  # the composer
        xdotool("type", "--delay", "20", "Another chat")
        xdotool("key", "Return")
        until(lambda: len(rows("SELECT id FROM chats")) == 2)
        until(lambda: not rows("SELECT id FROM messages WHERE state = 'streaming'"))
        xdotool("key", "ctrl+q")
        output, _ = program.communicate(timeout=PATIENCE)
        assert (program.returncode, output) == (0, b"")
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()
