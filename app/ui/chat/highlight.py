"""Colours code: the source of a code block as lines of runs. Pure, no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from app.ui.chat.blocks import Fence, Run, Runs

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MAX_CODE = 100_000  # characters; longer code is shown plain
EFFORT_SHARE = 0.03  # of the time, spent on code that is still growing


class Highlighter:
    """Highlights code blocks; one that grows is highlighted anew only as often as is cheap."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due = 0.0
        self._lines: list[Runs] = []  # of the block that grows
        self._code = ""  # what `_lines` were made from, whole lines only

    def lines(self, fence: Fence, *, growing: bool) -> list[Runs]:
        """The lines of a block, coloured as far as that is done."""
        if not growing:
            self._lines, self._code = [], ""
            return highlight(fence.code, fence.language)
        if not fence.code.startswith(self._code):
            self._lines, self._code, self._due = [], "", 0.0
        began = self._clock()
        if began >= self._due:
            whole = fence.code.rpartition("\n")[0]
            if whole != self._code:
                self._lines, self._code = highlight(whole, fence.language), whole
                self._due = began + (self._clock() - began) / EFFORT_SHARE
        rest = fence.code[len(self._code) :].removeprefix("\n") if self._code else fence.code
        return [*self._lines, *plain(rest)] if self._code != fence.code else self._lines


def plain(code: str) -> list[Runs]:
    """Lines without colours."""
    return [(Run(line),) if line else () for line in code.split("\n")]


def highlight(code: str, language: str) -> list[Runs]:
    """Lines in the colours of their language; plain where that is unknown."""
    lexer = _lexer(language.lower()) if language and len(code) <= MAX_CODE else None
    if lexer is None:
        return plain(code)
    lines: list[list[Run]] = [[]]
    for token, text in lexer.get_tokens(code):
        syntax = _syntax(token)
        for index, piece in enumerate(text.split("\n")):
            if index:
                lines.append([])
            if piece:
                _add(lines[-1], piece, syntax)
    wanted = code.count("\n") + 1  # a lexer ends its text with a line break of its own
    return [tuple(line) for line in lines[:wanted]]


@cache
def _syntax(token: Any) -> str:
    """The class of a token type: the first below that it belongs to, which pygments spells `in`."""
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    classes = (
        (Comment, "comment"),
        (String, "string"),
        (Number, "number"),
        (Keyword.Type, "type"),
        (Keyword, "keyword"),
        (Operator.Word, "keyword"),
        (Name.Class, "type"),
        (Name.Builtin, "name"),
        (Name.Function, "name"),
        (Name.Decorator, "name"),
        (Name.Tag, "name"),
        (Name.Attribute, "type"),
    )
    return next((name for kind, name in classes if token in kind), "")


def _add(line: list[Run], text: str, syntax: str) -> None:
    if line and line[-1].syntax == syntax:
        line[-1] = Run(line[-1].text + text, syntax=syntax)
    else:
        line.append(Run(text, syntax=syntax))


@cache
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, stripall=False, ensurenl=True)
    except ClassNotFound:
        return None
