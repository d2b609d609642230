"""Reads the corpus and expands its phrasings. Pure.

A phrasing is a line with alternatives: `(a|b)` stands for one of them, `[a|b]` for one or nothing,
and `{name}` for a word of the list `@name = word | word`. Brackets nest.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

NUMBERS = ("a", "b", "c", "d", "s")  # slots that are filled for each sum
CLOSING = {"(": ")", "[": "]"}
_SLOT = re.compile(r"\{([a-z0-9_-]+)\}")
_SPACE_BEFORE_MARK = re.compile(r" ([,;.!?]+)(?= |$)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class CorpusError(ValueError):
    """A line of the corpus cannot be understood; the text says which."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences; each part of a sequence is a text or another choice."""

    options: tuple[tuple[str | Choice, ...], ...]

    def sample(self, rng: random.Random) -> str:
        """One of the texts that this stands for."""
        parts = rng.choice(self.options)
        return "".join(part if isinstance(part, str) else part.sample(rng) for part in parts)

    def every(self) -> Iterator[str]:
        """All texts that this stands for."""
        for parts in self.options:
            each = ([part] if isinstance(part, str) else tuple(part.every()) for part in parts)
            yield from map("".join, product(*each))

    def count(self) -> int:
        """How many texts this stands for."""
        total = 0
        for parts in self.options:
            ways = 1
            for part in parts:
                ways *= 1 if isinstance(part, str) else part.count()
            total += ways
        return total


def parse(line: str) -> Choice:
    """The alternatives of a phrasing. Raises CorpusError where brackets do not match."""
    choice, end = _options(line, 0, "")
    if end != len(line):
        raise CorpusError(f"a bracket too many: {line}")
    return choice


def _options(line: str, at: int, closing: str) -> tuple[Choice, int]:
    options: list[tuple[str | Choice, ...]] = []
    parts: list[str | Choice] = []
    text = ""
    while at < len(line):
        sign = line[at]
        if sign == closing:
            options.append((*parts, text))
            return Choice(tuple(options)), at + 1
        if sign in CLOSING:
            inner, at = _options(line, at + 1, CLOSING[sign])
            if sign == "[":
                inner = Choice((*inner.options, ("",)))
            parts += [text, inner]
            text = ""
            continue
        if sign == "|" and closing:
            options.append((*parts, text))
            parts, text = [], ""
        elif sign in ")]":
            raise CorpusError(f"a bracket too many: {line}")
        else:
            text += sign
        at += 1
    if closing:
        raise CorpusError(f"a bracket is not closed: {line}")
    return Choice(((*parts, text),)), at


def tidy(text: str) -> str:
    """Without the spaces that an omitted alternative leaves."""
    return _SPACE_BEFORE_MARK.sub(r"\1", " ".join(text.split()))


def sentences(text: str) -> list[str]:
    """A text cut behind its full stops, question and exclamation marks."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


@dataclass(slots=True)
class Topic:
    """What is asked about one thing, and what is answered.

    `facts` are what a right answer holds: each inner tuple is met by any of its texts.
    """

    name: str
    facts: tuple[tuple[str, ...], ...] = ()
    answers: list[Choice] = field(default_factory=list)
    more: str = ""  # the answer to "tell me more"
    phrasings: list[Choice] = field(default_factory=list)
    follow_ups: list[tuple[Choice, str]] = field(default_factory=list)  # and the answering topic

    def is_right(self, answer: str) -> bool:
        """Whether an answer holds all key facts."""
        plain = answer.casefold()
        return all(any(text.casefold() in plain for text in either) for either in self.facts)


@dataclass(slots=True)
class Corpus:
    """Everything that the starter is trained on."""

    topics: dict[str, Topic]
    lists: dict[str, list[str]]
    fragments: dict[str, list[Choice]]  # what stands around a question

    def fill(self, text: str, rng: random.Random, given: Mapping[str, str]) -> str:
        """Puts the given texts, or words of the lists, in the place of their slots."""

        def word(found: re.Match[str]) -> str:
            name = found.group(1)
            return given.get(name) or rng.choice(self.lists[name])

        return _SLOT.sub(word, text)

    def sentences(self) -> set[str]:
        """Every sentence that the starter may say, sums apart."""
        known: set[str] = set()
        for topic in self.topics.values():
            for answer in topic.answers:
                known.update(part for text in answer.every() for part in sentences(tidy(text)))
            known.update(sentences(topic.more))
        return known


def read(folder: Path) -> Corpus:
    """Reads all text files of a folder. Raises CorpusError, naming the file and the line."""
    corpus = Corpus({}, {}, {})
    for path in sorted(folder.glob("*.txt")):
        place: Topic | list[Choice] | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                place = _read_line(corpus, place, line.strip())
            except (CorpusError, ValueError) as error:
                raise CorpusError(f"{path.name}, line {number}: {error}") from error
    _check(corpus)
    return corpus


def _read_line(
    corpus: Corpus, place: Topic | list[Choice] | None, line: str
) -> Topic | list[Choice] | None:
    """Takes one line in; returns the topic or the list of fragments that the next ones go to."""
    if not line or line.startswith("#"):
        return place
    mark, _, rest = line.partition(" ")
    if mark == "==":
        return corpus.topics.setdefault(rest, Topic(rest))
    if mark == "--":
        return corpus.fragments.setdefault(rest, [])
    if mark.startswith("@"):
        name, _, words = line[1:].partition("=")
        corpus.lists[name.strip()] = [word.strip() for word in words.split("|") if word.strip()]
    elif isinstance(place, list) and mark == "?":
        place.append(parse(rest))
    elif isinstance(place, Topic):
        _add(place, mark, rest)
    else:
        raise CorpusError(f"this belongs to no topic: {line}")
    return place


def _add(topic: Topic, mark: str, rest: str) -> None:
    match mark:
        case "?":
            topic.phrasings.append(parse(rest))
        case "=":
            topic.answers.append(parse(rest))
        case "+":
            phrasing, _, target = rest.rpartition("->")
            topic.follow_ups.append((parse(phrasing.strip()), target.strip()))
        case "facts:":
            topic.facts = facts(rest)
        case "more:":
            topic.more = rest
        case _:
            raise CorpusError(f"what is this: {mark} {rest}")


def facts(text: str) -> tuple[tuple[str, ...], ...]:
    """Key facts as they are written: `;` between those that are all needed, `|` for any of them."""
    return tuple(tuple(word.strip() for word in part.split("|")) for part in text.split(";"))


def _check(corpus: Corpus) -> None:
    for topic in corpus.topics.values():
        if not topic.answers:
            raise CorpusError(f"{topic.name} has no answer")
        for answer in topic.answers:
            wrong = [text for text in answer.every() if not topic.is_right(tidy(text))]
            if wrong:
                raise CorpusError(f"{topic.name}: an answer lacks a key fact: {wrong[0]}")
        for _, target in topic.follow_ups:
            if target != "more" and target not in corpus.topics:
                raise CorpusError(f"{topic.name}: a follow-up leads to {target}, which is nowhere")
            if target == "more" and not topic.more:
                raise CorpusError(f"{topic.name} has no `more`, and a follow-up asks for it")
        for phrasing in topic.phrasings:
            _check_slots(corpus, phrasing)


def _check_slots(corpus: Corpus, phrasing: Choice) -> None:
    for option in phrasing.options:
        for part in option:
            if isinstance(part, Choice):
                _check_slots(corpus, part)
                continue
            for name in _SLOT.findall(part):
                if name not in corpus.lists and name not in NUMBERS:
                    raise CorpusError(f"there is no list @{name}")
