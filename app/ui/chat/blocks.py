"""Markdown as a flat list of blocks, ready to be drawn. Pure, no Qt.

Nesting becomes numbers on a block (how deep in quotes, how far indented), so that a change in a
growing answer is a change at the end of a list, and only that end is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text in one style; `code` is inline code, `syntax` a class of highlighting."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""
    syntax: str = ""


Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: depth of quotes, and of lists."""

    quote: int = 0
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, heading or list item; `marker` is written in front of it."""

    runs: Runs
    place: Place = field(default_factory=Place)
    heading: int = 0  # 1 to 6, or 0
    marker: str = ""
    tight: bool = False  # no space below


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of a code block; those of one block share a number."""

    runs: Runs
    block: int
    language: str = ""
    first: bool = False
    last: bool = False
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: rows of cells, the first of them the header."""

    rows: tuple[tuple[Runs, ...], ...]
    alignments: tuple[str, ...]  # left, center or right
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line."""

    place: Place = field(default_factory=Place)


Block = Paragraph | CodeLine | Table | Rule


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block before its lines are highlighted."""

    code: str
    language: str
    place: Place
    closed: bool


Parsed = Paragraph | Fence | Table | Rule
