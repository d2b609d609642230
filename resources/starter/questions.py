"""The held-out questions: read for the evaluation, and kept out of the training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "held-out.txt"
TOPICS, UNRELATED, SUMS, DIALOGUES = "topics", "unrelated", "sums", "dialogues"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked after `before` (with its answer by the starter), and what answers it.

    `expects` is a topic, `more:` and a topic, or for a sum the result.
    """

    group: str
    text: str
    expects: str
    before: str = ""


def read(path: Path = FILE) -> list[Question]:
    """Reads the held-out questions; the groups are topics, unrelated, sums and dialogues."""
    found: list[Question] = []
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            section = line[3:].strip()
        elif line.startswith("? "):
            text, _, expects = (part.strip() for part in line[2:].rpartition("->"))
            if section not in (SUMS, DIALOGUES):
                group = UNRELATED if section == UNRELATED else TOPICS
                found.append(Question(group, line[2:].strip(), section))
            elif section == SUMS:
                found.append(Question(SUMS, text, expects))
            else:
                before, _, text = (part.strip() for part in text.partition("//"))
                found.append(Question(DIALOGUES, text, expects, before))
    return found
