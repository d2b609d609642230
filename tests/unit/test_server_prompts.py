"""Prompts that no server has seen, and how long they must be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.server_prompts import WORDS, NewPrompts, Yardstick, text_of


def prompts(seed: int = 1) -> NewPrompts:
    return NewPrompts(random.Random(seed))


def test_each_prompt_begins_with_another_word() -> None:
    made = prompts()
    heads = [made.words(4)[0] for _ in range(len(WORDS))]
    assert len(set(heads)) == len(WORDS)
    openings = {made.opening().split()[0] for _ in range(20)}
    assert len(openings) == 20


def test_two_servers_are_not_asked_the_same() -> None:
    assert prompts(1).words(50) != prompts(2).words(50)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 1), (7, 7)])
def test_there_is_one_word_at_least(count: int, length: int) -> None:
    assert len(prompts().words(count)) == length


def test_a_prompt_is_made_longer_and_shorter_at_its_end() -> None:
    made = prompts()
    words = made.words(10)
    longer, shorter = made.changed(words, 3), made.changed(words, -4)
    assert (longer[:10], len(longer)) == (words, 13)
    assert shorter == words[:6]
    assert made.changed(words, -99) == words[:1]
    assert text_of(shorter).count(" ") == 5


def test_without_experience_a_word_is_a_token() -> None:
    assert Yardstick().words(512) == 512


@given(
    st.integers(0, 40), st.floats(0.5, 6), st.integers(4, 100), st.integers(2, 20),
    st.integers(100, 4000),
)  # fmt: skip
def test_two_prompts_tell_what_comes_with_each_word_and_what_with_every_prompt(
    around: int, per_word: float, few: int, times: int, wanted: int
) -> None:
    stick = Yardstick()
    many = few * times
    for words in (few, many):
        stick.add(words, round(around + words * per_word))
    found = stick.words(wanted)
    # What was rounded away counts as much more as the text is longer than those that are known.
    blur = (1 + found / (many - few)) + per_word
    assert abs(around + found * per_word - wanted) <= blur or found == 1


def test_of_two_prompts_that_are_alike_the_newer_one_tells() -> None:
    stick = Yardstick()
    stick.add(100, 150)
    stick.add(101, 140)
    assert stick.words(280) == 202


def test_a_server_that_counts_nothing_teaches_nothing() -> None:
    stick = Yardstick()
    stick.add(32, 0)
    assert stick.words(100) == 100
