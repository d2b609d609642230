"""A model is tuned in the real window, by the real search, and the outcome is kept."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.program import Program


@pytest.fixture
def program(home: Path, parrot: Path, start: Start) -> Program:
    """With a model that is loaded, and the hardware section in sight."""
    home.mkdir()
    settings = {"models": {"selected": f"local:{parrot}"}}
    (home / "settings.json").write_text(json.dumps(settings))
    program = start()
    program.converse("Hello")  # has it loaded
    program.do("press", name="composer", keys="Ctrl+Comma")
    program.until(lambda: program.do("visible", name="section-hardware"))
    program.do("click", name="section-hardware")
    program.until(lambda: program.do("visible", name="tuningStart"))
    return program


def begin(program: Program) -> None:
    """Presses the button, which is off until the section knows the model."""

    def begun() -> bool:
        program.do("press", name="tuningStart", keys="Space")
        return bool(program.do("visible", name="tuningCancel"))

    program.until(begun)


def test_what_was_measured_is_kept(program: Program, home: Path) -> None:
    begin(program)
    program.until((home / "tuned.json").exists)
    (kept,) = json.loads((home / "tuned.json").read_text()).values()
    assert len(kept["trials"]) > 1
    program.until(lambda: program.do("visible", name="tuningForget"))
    program.close()


def test_the_window_may_be_closed_in_the_middle_of_it(program: Program, home: Path) -> None:
    begin(program)
    program.close()
    assert not (home / "tuned.json").exists()
