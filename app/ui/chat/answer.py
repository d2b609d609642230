"""A message's text as blocks to draw: Markdown, with its code highlighted. Pure, no Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.ui.chat.blocks import Block, CodeLine, Fence, Paragraph, Parsed, Run
from app.ui.chat.highlight import Highlighter
from app.ui.chat.markdown import LINE_BREAK, MarkdownStream

_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:", re.MULTILINE)


class Answer:
    """Follows a growing text. `settled` never change again, `tail` may."""

    def __init__(self) -> None:
        self._stream = MarkdownStream()
        self._highlighter = Highlighter()
        self._settled_fences = 0
        self.codes: list[str] = []  # the source of each code block, for Copy

    def update(self, text: str, *, final: bool = False) -> tuple[list[Block], list[Block]]:
        """The blocks that have settled since the last call, and the present end."""
        update = self._stream.update(text, final=final)
        del self.codes[self._settled_fences :]
        settled = list(self._drawn(update.settled, growing=False))
        self._settled_fences = len(self.codes)
        return settled, list(self._drawn(update.tail, growing=True))

    @staticmethod
    def must_start_over(text: str) -> bool:
        """Whether a finished text has link definitions, which change what was settled before."""
        return _DEFINITION.search(text) is not None

    def _drawn(self, parsed: Iterable[Parsed], *, growing: bool) -> Iterator[Block]:
        for block in parsed:
            if not isinstance(block, Fence):
                yield block
                continue
            number = len(self.codes)
            self.codes.append(block.code)
            lines = self._highlighter.lines(block, growing=growing and not block.closed)
            for index, runs in enumerate(lines):
                yield CodeLine(
                    runs,
                    number,
                    block.language,
                    first=index == 0,
                    last=index == len(lines) - 1,
                    place=block.place,
                )


def plain(text: str) -> list[Block]:
    """A person's text as it was typed: paragraphs at empty lines, and every line break kept."""
    paragraphs = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    return [Paragraph((Run(paragraph.replace("\n", LINE_BREAK)),)) for paragraph in paragraphs]
