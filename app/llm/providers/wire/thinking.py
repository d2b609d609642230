"""Splits a model's reasoning from its answer, also where a server leaves both in one text."""

from __future__ import annotations

from typing import NamedTuple

from app.llm.providers.measuring import Meter
from app.schema import Chunk

OPEN, CLOSE = "<think>", "</think>"


class Split(NamedTuple):
    """A piece of the stream, in its two kinds."""

    reasoning: str
    text: str


class Thinking:
    """Follows the tags `<think>` and `</think>` through a stream that cuts them anywhere.

    Reasoning begins only where the tag is the first thing of the answer: a model that explains the
    tag in the middle of an answer is quoted as it is.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> Split:
        """What can be said already; the beginning of a tag is held back."""
        if self._state == "answer":
            return Split("", text)
        if self._state == "gap":  # the empty lines between reasoning and answer
            text = text.lstrip("\n")
            self._state = "answer" if text else "gap"
            return Split("", text)
        self._held += text
        if self._state == "start":
            lead = self._held.lstrip()
            if not lead or (OPEN.startswith(lead) and lead != OPEN):
                return Split("", "")
            if not lead.startswith(OPEN):
                self._state = "answer"
                return Split("", self._release())
            self._state = "reasoning"
            self._held = lead[len(OPEN) :]
        reasoning, tag, rest = self._held.partition(CLOSE)
        if tag:
            self._state = "gap"
            self._held = ""
            return Split(reasoning, self.feed(rest).text)
        keep = _overlap(self._held)
        said = self._held[: len(self._held) - keep]
        self._held = self._held[len(said) :]
        return Split(said, "")

    def end(self) -> Split:
        """What was held back, when the stream is over."""
        held = self._release()
        return Split(held, "") if self._state == "reasoning" else Split("", held)

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held


class Speech:
    """Makes chunks of what a model says: its reasoning apart, by the server or else by the tags."""

    def __init__(self, meter: Meter, *, by_tags: bool) -> None:
        """`meter` counts the pieces; without `by_tags` the text is taken as it is."""
        self._meter = meter
        self._tags = Thinking() if by_tags else None

    def say(self, reasoning: str, text: str) -> list[Chunk]:
        """What can be said after one piece of the answer, in the two kinds that the server gave."""
        if not reasoning and not text:
            return []
        self._meter.piece()
        if reasoning:
            held, self._tags = self._held(), None  # this server splits by itself
            reasoning, text = held.reasoning + reasoning, held.text + text
        elif self._tags is not None:
            reasoning, text = self._tags.feed(text)
        return [Chunk(text, tokens=1, reasoning=reasoning)] if reasoning or text else []

    def end(self) -> list[Chunk]:
        """What was held back, when the answer is over."""
        reasoning, text = self._held()
        return [Chunk(text, reasoning=reasoning)] if reasoning or text else []

    def _held(self) -> Split:
        return Split("", "") if self._tags is None else self._tags.end()


def _overlap(text: str) -> int:
    """How many characters at the end of `text` may begin the closing tag."""
    return next(
        (
            size
            for size in range(min(len(CLOSE) - 1, len(text)), 0, -1)
            if CLOSE[:size] == text[-size:]
        ),
        0,
    )
