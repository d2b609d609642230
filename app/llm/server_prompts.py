"""Prompts that no server has seen before, of about a wanted number of tokens. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

# Short and common, so that most tokenizers have a token for each.
TEXT = """
about above after again air all along also and animal answer any around ask away back be bear
because bed before begin below best between big bird black blue boat body book both box bread
bring brown build but buy by call can car carry cat change child city clean clear close cloud
cold color come country cross cut dark day deep do dog door down draw dream drive dry early
earth east eat end even every eye face fall far farm fast father feel field find fire fish five
fly food foot for form four free friend from full game garden girl give go gold good grass
great green ground group grow half hand hard have head hear heart help here high hill hold home
horse hot house how ice idea in island keep kind king know lake land large last late leaf learn
leave left letter life light like line list little live long look love low make man many map
mark may mean milk mind moon more morning mother mountain move much music name near new night
north note now number ocean of old on one only open or order other our out over own page paper
part past people picture place plan plant play point poor pull push rain read red rest right
river road rock room round run salt same sand say school sea second see seed send seven ship
short show side silver sing sister sit six sky sleep slow small snow so some song soon sound
south space spring stand star start stay step still stone stop story street strong such summer
sun sure table take talk ten than that there thing think this three time to town tree true turn
two under until up use very voice wait walk wall want warm watch water way we week well west
what wheel when where which while white why wild wind window winter wish with wood word work
world write year yellow yes you young
"""
WORDS = tuple(TEXT.split())
APART = 2  # times as many words must a text have to be set against another


class NewPrompts:
    """Makes texts of random words; each begins with another one, so that no cache knows it."""

    def __init__(self, source: random.Random) -> None:
        """`source` must not give the same words each time that a server is measured."""
        self._source = source
        self._heads = itertools.cycle(source.sample(WORDS, len(WORDS)))

    def words(self, count: int) -> list[str]:
        """So many words, one at least."""
        return [next(self._heads), *self._source.choices(WORDS, k=max(0, count - 1))]

    def changed(self, words: Sequence[str], count: int) -> list[str]:
        """The words with so many behind them, or without so many of the last; one is left."""
        if count > 0:
            return [*words, *self._source.choices(WORDS, k=count)]
        return list(words[: max(1, len(words) + count)])

    def opening(self) -> str:
        """The beginning of a text that can go on for long."""
        first, second, third = self.words(3)
        return f"{first.capitalize()} {second} {third}. Once upon a time there was"

    def task(self) -> str:
        """The same as a question to a chat model."""
        first, second, third = self.words(3)
        return f"{first.capitalize()}, {second}, {third}: tell a very long story about these."


class Yardstick:
    """Learns how many tokens words make: some come with each word, and some with every prompt."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, int]] = []  # words, tokens

    def add(self, words: int, tokens: int) -> None:
        """A text of so many words had so many tokens."""
        if tokens > 0:
            self._seen.append((words, tokens))

    def words(self, tokens: int) -> int:
        """About how many words have so many tokens; one at least."""
        around, per_word = self._line()
        return max(1, round((tokens - around) / per_word))

    @property
    def per_word(self) -> float:
        """About how many tokens a word has."""
        return self._line()[1]

    def _line(self) -> tuple[float, float]:
        """The tokens of no word, and those of each."""
        if not self._seen:
            return 0.0, 1.0
        (low, few), (high, many) = min(self._seen), max(self._seen)
        if high >= low * APART and many > few:
            per_word = (many - few) / (high - low)
            return max(0.0, few - low * per_word), per_word
        words, tokens = self._seen[-1]  # chance would decide between two that are alike
        return 0.0, tokens / words


def text_of(words: Sequence[str]) -> str:
    """The words as a text."""
    return " ".join(words)
