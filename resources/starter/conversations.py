"""Makes training conversations from the corpus: turns, follow-ups, sums, and untidy typing.

A conversation is a list of turns, each the person's text and the starter's answer, with a system
prompt before some of them. Everything is drawn from one seeded generator.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from resources.starter.grammar import Choice, Corpus, Topic, tidy

UNRELATED, SUMS, CALCULATIONS = "unrelated", "sums", "calculations"
MORE = "more"  # the label of what answers "tell me more"
LARGEST_ADDEND = 99
LARGEST_WORD = 20  # addends up to here are written in words as well
SMALL_SHARE = 0.35  # of the sums have no larger addend
TURNS = (1,) * 16 + (2,) * 5 + (3, 3, 4, 6)
NO_NUMBERS: Mapping[str, str] = {}
LONG_TURNS = (10, 16, 24, 30)
LONG_SHARE = 0.003
SYSTEM_SHARE = 0.08
FOLLOW_UP_SHARE = 0.35
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ARTICLE = re.compile(r"\b([Aa])(?= [aeio])")
_PUNCTUATION = re.compile(r"[,.;:!?'\"]")


class Turn(NamedTuple):
    """What the person writes, and what the starter answers; `label` names the answer's topic."""

    question: str
    answer: str
    label: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Some turns, and the system prompt before them or ""."""

    system: str
    turns: tuple[Turn, ...]


class Writer:
    """Draws conversations from the corpus."""

    def __init__(self, corpus: Corpus, seed: int, held_out: Sequence[str] = ()) -> None:
        """`held_out` are questions that are never written."""
        self._corpus = corpus
        self._held_out = {plain(text) for text in held_out}
        self._held_out_sums = [set(self._numbers(text)) for text in held_out]
        self._rng = random.Random(seed)  # noqa: S311 - a training set, no secret
        self._weights: dict[str, list[float]] = {}  # of each topic's phrasings, summed up
        special = {UNRELATED, SUMS, CALCULATIONS}
        self._topics = [topic for name, topic in corpus.topics.items() if name not in special]
        self._kinds: tuple[tuple[float, Callable[[], tuple[Turn, Topic | None]]], ...] = (
            (0.42, self._about_hearth),
            (0.33, self._unrelated),
            (0.21, self._sum),
            (0.04, self._calculation),
        )

    def conversation(self) -> Conversation:
        """The next conversation."""
        rng = self._rng
        count = rng.choice(LONG_TURNS if rng.random() < LONG_SHARE else TURNS)
        turns: list[Turn] = []
        topic: Topic | None = None
        for _ in range(count):
            turn, topic = self._next(topic if turns else None)
            turns.append(turn)
        system = self._fragment("system") if rng.random() < SYSTEM_SHARE else ""
        return Conversation(system, tuple(turns))

    def _next(self, before: Topic | None) -> tuple[Turn, Topic | None]:
        rng = self._rng
        if before is not None and rng.random() < FOLLOW_UP_SHARE:
            specific = before.follow_ups
            if specific and (not before.more or rng.random() < 0.6):
                phrasing, target = rng.choice(specific)
                return self._follow(phrasing, before, target)
            if before.more:
                more = rng.choice(self._corpus.fragments[MORE])
                return self._follow(more, before, MORE)
        make = rng.choices([make for _, make in self._kinds], [share for share, _ in self._kinds])
        return make[0]()

    def _follow(self, phrasing: Choice, before: Topic, target: str) -> tuple[Turn, Topic | None]:
        question = self._typed(self._say(phrasing))
        if target == MORE:
            return Turn(question, before.more, MORE), None
        topic = self._corpus.topics[target]
        return Turn(question, self._answer(topic), topic.name), topic

    def _about_hearth(self) -> tuple[Turn, Topic | None]:
        topic = self._rng.choice(self._topics)
        question = self._asked(topic)
        return Turn(question, self._answer(topic), topic.name), topic

    def _unrelated(self) -> tuple[Turn, Topic | None]:
        topic = self._corpus.topics[UNRELATED]
        return Turn(self._asked(topic), self._answer(topic), topic.name), topic

    def _sum(self) -> tuple[Turn, Topic | None]:
        while True:
            question, answer = self._addition()
            if plain(question) not in self._held_out:
                return Turn(question, answer, SUMS), None

    def _addition(self) -> tuple[str, str]:
        """A sum and its answer.

        The table up to LARGEST_WORD is learned as a whole. Of larger numbers, those that the
        evaluation asks for are never written.
        """
        rng = self._rng
        while True:
            largest = LARGEST_WORD if rng.random() < SMALL_SHARE else LARGEST_ADDEND
            first, second = rng.randint(0, largest), rng.randint(0, largest)
            if largest == LARGEST_WORD or {first, second} not in self._held_out_sums:
                break
        numbers = {"a": str(first), "b": str(second), "s": str(first + second)}
        topic = self._corpus.topics[SUMS]
        answer = self._answer(topic, numbers)
        words = self._corpus.lists["number"]
        if largest == LARGEST_WORD and rng.random() < 0.5:
            numbers |= {"a": words[first], "b": words[second]}
        question = self._say(rng.choice(topic.phrasings), numbers)
        return self._typed(question, typos=False), answer

    def _calculation(self) -> tuple[Turn, Topic | None]:
        """What is no sum of two numbers, which the starter cannot calculate."""
        topic = self._corpus.topics[CALCULATIONS]
        while True:
            phrasing = self._rng.choice(topic.phrasings)
            question = self._typed(self._say(phrasing, self._any_numbers()), typos=False)
            if plain(question) not in self._held_out:
                return Turn(question, self._answer(topic), topic.name), topic

    def _any_numbers(self) -> Mapping[str, str]:
        rng = self._rng
        return {
            "a": str(rng.randint(2, LARGEST_ADDEND)),
            "b": str(rng.randint(2, LARGEST_ADDEND)),
            "c": str(rng.randint(100, 10 ** rng.randint(3, 7))),
            "d": str(rng.randint(100, 9999)),
        }

    def _numbers(self, text: str) -> list[int]:
        """The numbers in a text, in digits or in words."""
        words = self._corpus.lists["number"]
        return [
            int(word) if word.isdecimal() else words.index(word)
            for word in re.findall(r"\d+|[a-z]+", text.lower())
            if word.isdecimal() or word in words
        ]

    def _asked(self, topic: Topic) -> str:
        """A question of the topic that is not held out."""
        while True:
            question = self._typed(self._say(self._pick(topic)))
            if plain(question) not in self._held_out:
                return question

    def _pick(self, topic: Topic) -> Choice:
        """A phrasing; one that stands for more texts is drawn a little more often."""
        if topic.name not in self._weights:
            weights = (_weight(phrasing) for phrasing in topic.phrasings)
            self._weights[topic.name] = list(accumulate(weights))
        return self._rng.choices(topic.phrasings, cum_weights=self._weights[topic.name])[0]

    def _say(self, phrasing: Choice, numbers: Mapping[str, str] = NO_NUMBERS) -> str:
        text = phrasing.sample(self._rng)
        for _ in range(2):  # a word of a list may hold a slot
            text = self._corpus.fill(text, self._rng, numbers)
        return tidy(_ARTICLE.sub(r"\1n", text))

    def _fragment(self, name: str) -> str:
        return self._say(self._rng.choice(self._corpus.fragments[name]))

    def _answer(self, topic: Topic, numbers: Mapping[str, str] = NO_NUMBERS) -> str:
        return self._say(self._rng.choice(topic.answers), numbers)

    def _typed(self, text: str, *, typos: bool = True) -> str:
        """As people type: with and without capitals, marks, politeness, and with slips."""
        rng = self._rng
        if rng.random() < 0.12:
            text = tidy(f"{self._fragment('prelude')} {text}")
        if rng.random() < 0.10:
            text = tidy(f"{text} {self._fragment('postlude')}")
        elif rng.random() < 0.6 and text[-1:].isalnum():
            text += rng.choice(("?", "?", "?", ".", "?"))
        style = rng.random()
        if style < 0.5:
            text = text[:1].upper() + text[1:]
            text = re.sub(r"\bi\b", "I", text)
        elif style < 0.8:
            text = text.lower()
        elif style < 0.84:
            text = text.upper()
        if rng.random() < 0.08:
            text = _PUNCTUATION.sub("", text)
        if typos and rng.random() < 0.16:
            for _ in range(rng.choice((1, 1, 2))):
                text = self._slip(text)
        return text or "?"

    def _slip(self, text: str) -> str:
        """A letter left out, doubled, swapped with the next or replaced by a neighbouring key."""
        rng = self._rng
        places = [at for at, sign in enumerate(text) if sign.isalpha()]
        if len(places) < 4:
            return text
        at = rng.choice(places[1:])
        kind = rng.randrange(4)
        if kind == 0:
            return text[:at] + text[at + 1 :]
        if kind == 1:
            return text[:at] + text[at] + text[at:]
        if kind == 2 and at + 1 < len(text):
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text[:at] + self._neighbour(text[at]) + text[at + 1 :]

    def _neighbour(self, letter: str) -> str:
        """The key beside a letter's."""
        for row in KEYBOARD:
            at = row.find(letter.lower())
            if at >= 0:
                return row[max(0, min(len(row) - 1, at + self._rng.choice((-1, 1))))]
        return letter


def _weight(phrasing: Choice) -> float:
    """How often a phrasing is drawn: each of its slots counts as ten alternatives."""
    ways: int = phrasing.count() * 10 ** str(phrasing).count("{")
    return float(ways**0.35)


def plain(text: str) -> str:
    """A question without capitals and marks, by which equal ones are known."""
    return " ".join(re.findall(r"\w+", text.casefold()))
