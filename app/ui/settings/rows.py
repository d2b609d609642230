"""How a setting is described: its name, its sentence, its control and when it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Check = Callable[[str], str]  # gives what is kept for what was typed; raises WrongValue


class WrongValue(ValueError):
    """What was typed cannot be kept; the message is a sentence for the person."""


class Needs(StrEnum):
    """What a change waits for; in the words that are shown."""

    NOTHING = ""
    LOAD = "Counts from the next time a model is loaded."
    RESTART = "Counts from the next start of Hearth."


class Browse(StrEnum):
    """What a line's button chooses."""

    NOTHING = ""
    FOLDER = "folder"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, each with its label; with `is_open` more are given later."""

    options: tuple[tuple[object, str], ...] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number, shown in `unit`, of which `factor` make one of the setting's own.

    With `empty` an empty field stands for its only member, and `placeholder` says what that means.
    """

    unit: str = ""
    factor: float = 1.0
    step: float = 1.0  # of the arrow keys
    is_whole: bool = False
    most: float | None = None  # where the setting itself has no limit
    empty: tuple[float | None, ...] = ()
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; an environment variable may show what counts while it is empty."""

    placeholder: str = ""
    variable: str = ""
    check: Check | None = None
    browse: Browse = Browse.NOTHING


@dataclass(frozen=True, slots=True)
class Text:
    """Text of several lines; `is_list` makes a list of them."""

    placeholder: str = ""
    lines: int = 4  # that are seen at once
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Folders:
    """A list of folders."""


@dataclass(frozen=True, slots=True)
class Models:
    """A list of models in their order."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key in the keyring; an environment variable may offer one."""

    name: str  # in the keyring
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to read and not to set, or a button that leads elsewhere."""

    action: str = ""  # the button's label


class PanelKind(StrEnum):
    """What a panel shows."""

    COMPUTER = "computer"
    PLAN = "plan"
    WISHES = "wishes"
    USE = "use"
    TUNING = "tuning"


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page that is drawn in its own way."""

    kind: PanelKind


Control = Switch | Choice | Number | Line | Text | Folders | Models | Secret | Fact | Panel


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, or one fact among them."""

    name: str
    about: str  # a plain sentence
    control: Control
    path: str = ""  # of the setting, such as models.optimize
    id: str = ""  # where the path is none, or not the row's alone
    words: str = ""  # what else people call it, for the search
    needs: Needs = Needs.NOTHING
    group: str = ""  # the heading above it

    @property
    def key(self) -> str:
        """By which the row is known."""
        return self.id or self.path

    @property
    def sentence(self) -> str:
        """What is said of it: the plain sentence, and what a change waits for."""
        return " ".join(filter(None, (self.about, self.needs)))


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together."""

    name: str
    title: str
    rows: tuple[Row, ...]

    def found(self, wanted: str) -> list[Row]:
        """The rows in which all words of a search occur."""
        words = wanted.casefold().split()
        return [row for row in self.rows if all(word in self._heap(row) for word in words)]

    def _heap(self, row: Row) -> str:
        return f"{self.title} {row.group} {row.name} {row.sentence} {row.words}".casefold()
