"""Reads Markdown into blocks: all of it, or an answer that is still growing. Pure, no Qt.

CommonMark with tables and strikethrough. Raw HTML stays text, and an image is a link to it: nothing
is ever fetched. Underlined ("setext") headings are off, since a growing list would flash as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from app.ui.chat.blocks import Fence, Paragraph, Parsed, Place, Rule, Run, Runs, Table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_CONTAINERS = frozenset(
    f"{name}_{edge}"
    for name in ("blockquote", "bullet_list", "ordered_list", "list_item")
    for edge in ("open", "close")
)
BULLETS = ("•", "◦", "▪")
LINE_BREAK = "\u2028"
# Letters, digits, spaces and commas after a whole plain word never change what came before them.
_WORDS = re.compile(r"(?:[^\W_]|[ ,])+")
_ENDS_IN_WORD = re.compile(r"(?:^|[ \n])[^\W_]+[ ,]*\Z")


@dataclass(frozen=True, slots=True)
class Update:
    """What a growing text has become: blocks that are final, and those at its end that are not."""

    settled: list[Parsed]
    tail: list[Parsed]


class MarkdownStream:
    """Reads a growing text; what is settled is read once, and mere words are not read again."""

    def __init__(self) -> None:
        self._offset = 0  # where the unsettled end of the text begins
        self._text = ""  # at the last call
        self._tail: list[Parsed] = []
        self._takes_words = False  # the text ends inside a paragraph, behind a plain word

    def update(self, text: str, *, final: bool = False) -> Update:
        """The blocks that have settled since the last call, and the present end."""
        if self._takes_words and not final and self._add_words(text):
            return Update([], self._tail)
        source = text[self._offset :]
        groups = list(_groups(source))
        last_line = source.count("\n")
        # The last line, while it grows, may yet turn out to belong to the block above.
        is_new = bool(groups) and groups[-1].first_line == last_line
        kept = 0 if final else 1 + is_new
        settled, unsettled = groups[: len(groups) - kept], groups[-kept:] if kept else []
        if settled and unsettled:
            self._offset += _line_start(source, unsettled[0].first_line)
        self._text = text
        self._tail = [block for group in unsettled for block in group.blocks]
        self._takes_words = (
            bool(groups)
            and groups[-1].end_line > last_line
            and isinstance(self._tail[-1] if self._tail else None, Paragraph)
            and _ENDS_IN_WORD.search(source) is not None
        )
        return Update([block for group in settled for block in group.blocks], self._tail)

    def _add_words(self, text: str) -> bool:
        """Adds to the last paragraph where only words have come, which mean nothing else."""
        added = text[len(self._text) :]
        last = self._tail[-1]
        if not isinstance(last, Paragraph) or not last.runs or not _WORDS.fullmatch(added):
            return False
        held_back = len(self._text) - len(self._text.rstrip(" "))  # spaces at the end do not show
        words = (" " * held_back + added).rstrip(" ")
        run = last.runs[-1]
        runs = (*last.runs[:-1], replace(run, text=run.text + words))
        self._tail = [*self._tail[:-1], replace(last, runs=runs)]
        self._text = text
        return True


def parse(text: str) -> list[Parsed]:
    """All blocks of a finished text."""
    return [block for group in _groups(text) for block in group.blocks]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # here, since the window is painted before the first answer

    parser = MarkdownIt("commonmark", {"html": False, "linkify": True})
    parser.enable(["table", "strikethrough", "linkify"]).disable("lheading")
    if parser.linkify is not None:  # only whole addresses: main.py is a file, not a site
        parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    return parser


@dataclass(frozen=True, slots=True)
class _Group:
    """A top-level block of the source, and what it holds. Lines count from 0; the end is not in."""

    first_line: int
    end_line: int
    blocks: list[Parsed]


def _groups(source: str) -> Iterator[_Group]:
    """The top-level blocks in their order."""
    tokens = _parser().parse(source)
    lines = source.split("\n")
    depth, start = 0, 0
    for index, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            first, end = tokens[start].map or (0, 0)
            yield _Group(first, end, list(_Flattener(lines).blocks(tokens[start : index + 1])))
            start = index + 1


def _line_start(source: str, line: int) -> int:
    position = 0
    for _ in range(line):
        position = source.index("\n", position) + 1
    return position


@dataclass(slots=True)
class _List:
    """A list that is open: the next number, or None for bullets."""

    number: int | None


@dataclass(slots=True)
class _Flattener:
    """Walks the tokens of one top-level block."""

    lines: list[str]
    quote: int = 0
    lists: list[_List] = field(default_factory=list)
    marker: str = ""

    def blocks(self, tokens: list[Token]) -> Iterator[Parsed]:
        """The blocks in the order in which they are read."""
        index = 0
        while index < len(tokens):
            token = tokens[index]
            index += 1
            if token.type in _CONTAINERS:
                yield from self._enter_or_leave(token)
            elif token.type in ("paragraph_open", "heading_open"):
                runs = _runs(tokens[index].children or [])
                heading = int(token.tag[1]) if token.type == "heading_open" else 0
                marker, self.marker = self.marker, ""
                yield Paragraph(runs, self._place(), heading, marker, tight=token.hidden)
                index += 2
            elif token.type == "table_open":
                yield from self._lone_marker()
                end = next(
                    at for at in range(index, len(tokens)) if tokens[at].type == "table_close"
                )
                yield _table(tokens[index:end], self._place())
                index = end + 1
            else:  # a code block or a rule
                yield from self._lone_marker()
                yield Rule(self._place()) if token.type == "hr" else self._fence(token)

    def _enter_or_leave(self, token: Token) -> Iterator[Parsed]:
        """A quote, a list or a list item begins or ends."""
        if token.tag == "blockquote":
            self.quote += token.nesting
        elif token.tag == "li":
            yield from self._lone_marker()
            self.marker = self._next_marker() if token.nesting > 0 else ""
        elif token.nesting > 0:
            ordered = token.tag == "ol"
            self.lists.append(_List(int(token.attrGet("start") or 1) if ordered else None))
        else:
            self.lists.pop()

    def _place(self) -> Place:
        return Place(self.quote, len(self.lists))

    def _next_marker(self) -> str:
        innermost = self.lists[-1]
        if innermost.number is None:
            return BULLETS[(len(self.lists) - 1) % len(BULLETS)]
        innermost.number += 1
        return f"{innermost.number - 1}."

    def _lone_marker(self) -> Iterator[Parsed]:
        """The marker of an item that is empty or begins with something else than text."""
        if self.marker:
            marker, self.marker = self.marker, ""
            yield Paragraph((), self._place(), marker=marker, tight=True)

    def _fence(self, token: Token) -> Fence:
        language = token.info.split()[0] if token.info.strip() else ""
        closed = True
        if token.type == "fence" and token.map:
            last = self.lines[min(token.map[1], len(self.lines)) - 1].lstrip("> \t").strip()
            opened_here = token.map[1] - token.map[0] < 2
            closed = not opened_here and last.startswith(token.markup)
        return Fence(token.content.removesuffix("\n"), language, self._place(), closed)


def _table(tokens: Iterable[Token], place: Place) -> Table:
    rows: list[tuple[Runs, ...]] = []
    cells: list[Runs] = []
    alignments: list[str] = []
    for token in tokens:
        if token.type in ("th_open", "td_open") and not rows:
            style = str(token.attrGet("style") or "")
            alignments.append(style.partition("text-align:")[2] or "left")
        elif token.type == "inline":
            cells.append(_runs(token.children or []))
        elif token.type == "tr_close":
            rows.append(tuple(cells))
            cells = []
    return Table(tuple(rows), tuple(alignments), place)


_BREAKS = ("softbreak", "hardbreak")


def _runs(tokens: Iterable[Token]) -> Runs:
    """Inline tokens as runs; neighbours in one style are one run."""
    found: list[tuple[Run, list[str]]] = []  # a style, and the pieces of text in it
    style = Run("")

    def add(style: Run, text: str) -> None:
        if not text:
            return
        if not found or found[-1][0] != style:
            found.append((style, []))
        found[-1][1].append(text)

    for token in tokens:
        if token.nesting:
            style = _restyled(style, token)
        elif token.type in _BREAKS:
            add(style, LINE_BREAK)
        elif token.type == "image":
            source = str(token.attrGet("src") or "")
            add(replace(style, link=source), token.content or "image")
        else:
            add(replace(style, code=True) if token.type == "code_inline" else style, token.content)
    return tuple(replace(style, text="".join(pieces)) for style, pieces in found)


def _restyled(style: Run, token: Token) -> Run:
    """The style inside an opening tag, or behind a closing one."""
    begins = token.nesting > 0
    match token.tag:
        case "strong":
            return replace(style, bold=begins)
        case "em":
            return replace(style, italic=begins)
        case "s":
            return replace(style, struck=begins)
        case "a":
            return replace(style, link=str(token.attrGet("href") or "") if begins else "")
    return style
