"""The program looks at the computer as it starts, so that the first load need not; and lets go."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.program import PATIENCE

Tool = Callable[[str], tuple[Path, dict[str, str]]]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Puts a tool where nvidia-smi would be; gives the file of its process, and the environment."""

    def placed(command: str) -> tuple[Path, dict[str, str]]:
        folder, asked = tmp_path / "tools", tmp_path / "asked"
        folder.mkdir()
        script = folder / "nvidia-smi"
        script.write_text(f"#!/bin/sh\necho $$ > {asked}\n{command}\n")
        script.chmod(0o755)
        return asked, {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    return placed


@pytest.fixture
def chosen(home: Path, parrot: Path) -> None:
    """A model is chosen, which is loaded when something is said to it and no sooner."""
    home.mkdir()
    settings = {"models": {"selected": f"local:{parrot}"}}
    (home / "settings.json").write_text(json.dumps(settings))


@pytest.mark.usefixtures("chosen")
def test_the_computer_is_looked_at_before_anything_is_loaded(start: Start, tool: Tool) -> None:
    asked, environment = tool("exit 0")
    program = start(**environment)
    program.until(asked.exists)
    assert not program.do("visible", name="contextMeter"), "no model is loaded"
    asked.unlink()
    program.say("Hello")
    program.until(lambda: program.do("answers"))
    program.until(lambda: program.do("answers")[0]["state"] == "complete")
    assert not asked.exists(), "the load found what was known"
    program.close()


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("after", [0, 150, 600])
def test_the_window_may_be_closed_while_a_tool_hangs(start: Start, tool: Tool, after: int) -> None:
    asked, environment = tool(f"exec sleep {2 * PATIENCE:.0f}")
    program = start("--close-after", after, ready=False, **environment)
    program.end()  # which names the threads that are left, if there are any
    if asked.exists():
        assert not Path(f"/proc/{asked.read_text().strip()}").exists(), "nor is the tool"
