"""Starts the real program, talks to the starter and saves what the window shows, light and dark.

python -m tests.screenshots [--folder resources/screenshots]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.e2e.program import ROOT, Program

SIZE = (1080, 720)
QUESTIONS = (
    "What is Hearth?",
    "Is my data private?",
    "Which quantisation should I take?",
)
THEMES = ("light", "dark")


def main() -> int:
    """Takes one picture in each theme; the exit code is 1 where the starter did not answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots")
    parser.add_argument("--folder", type=Path, default=ROOT / "resources" / "screenshots")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        file = options.folder / f"{theme}.png"
        with tempfile.TemporaryDirectory() as folder:
            _take(Path(folder) / "home", theme, file)
        print(file)
    return 0


def _take(home: Path, theme: str, file: Path) -> None:
    home.mkdir()
    settings = {"appearance": {"theme": theme}, "chat": {"seed": 4}}
    (home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    program = Program(home, QT_QPA_PLATFORM="offscreen")
    try:
        program.wait_until_ready()
        program.wait_for_model()
        program.do("resize", width=SIZE[0], height=SIZE[1])
        for question in ("How do I get a larger model?", "Which keys should I know?"):
            program.converse(question)  # so that the list of chats is not empty
            program.do("click", name="newChatButton")
            program.until(lambda: program.do("visible", name="welcomePage"))
        for question in QUESTIONS:
            answer = program.converse(question)
            if answer["state"] != "complete" or not answer["text"]:
                raise RuntimeError(f"the starter did not answer: {answer}")
        program.do("picture", path=str(file))
        program.close()
    finally:
        if program.process.poll() is None:
            program.kill()


if __name__ == "__main__":
    sys.exit(main())
