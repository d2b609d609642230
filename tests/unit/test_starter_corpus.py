"""The starter's text: its grammar, and what a conversation made of it may hold."""

import itertools
import random
import re
from pathlib import Path

import pytest

from resources.starter import grammar, questions
from resources.starter.conversations import (
    CALCULATIONS,
    SUMS,
    UNRELATED,
    Conversation,
    Writer,
    plain,
)
from resources.starter.grammar import Corpus, CorpusError

CORPUS = Path(grammar.__file__).parent / "corpus"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return grammar.read(CORPUS)


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("plain", ["plain"]),
        ("(a|b) c", ["a c", "b c"]),
        ("x[ y]", ["x y", "x"]),
        ("[a|b]c", ["ac", "bc", "c"]),
        ("(a (b|c)|d)", ["a b", "a c", "d"]),
        ("a|b", ["a|b"]),  # outside of brackets it is a sign like any other
    ],
)
def test_a_phrasing_stands_for_its_texts(line: str, texts: list[str]) -> None:
    choice = grammar.parse(line)
    assert list(choice.every()) == texts
    assert choice.count() == len(texts)
    rng = random.Random(1)
    assert {choice.sample(rng) for _ in range(200)} == set(texts)


@pytest.mark.parametrize("line", ["(a", "a)", "[a", "a]", "(a]", "[a|(b]"])
def test_unbalanced_brackets_are_refused(line: str) -> None:
    with pytest.raises(CorpusError, match="bracket"):
        grammar.parse(line)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("? x\n", "line 1: this belongs to no topic"),
        ("== a\n= y\n? (x\n", "line 3: a bracket"),
        ("== a\n? x\n", "a has no answer"),
        ("== a\nfacts: one; two\n= one\n", "a: an answer lacks a key fact"),
        ("== a\n= y\n? {animal}\n", "no list @animal"),
        ("== a\n= y\n+ more -> b\n", "leads to b"),
        ("== a\n= y\n+ more -> more\n", "has no `more`"),
        ("== a\nso what\n", "line 2: what is this"),
    ],
)
def test_a_mistake_in_the_corpus_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(CorpusError, match=re.escape(complaint)):
        grammar.read(tmp_path)


def test_key_facts_are_all_or_any() -> None:
    topic = grammar.Topic("x", facts=grammar.facts("Ctrl+O; file|folder"))
    assert topic.is_right("Press ctrl+o and choose the folder.")
    assert not topic.is_right("Press Ctrl+O.")
    assert not topic.is_right("Choose a file.")


def test_every_topic_can_be_asked_in_many_ways(corpus: Corpus) -> None:
    few = {
        name: sum(phrasing.count() for phrasing in topic.phrasings)
        for name, topic in corpus.topics.items()
    }
    assert min(few.values()) > 100, few
    assert len(corpus.topics) > 90


def test_answers_stand_on_their_own(corpus: Corpus) -> None:
    """One that begins with Yes or No would be false where the question was misunderstood."""
    for sentence in corpus.sentences():
        assert not re.match(r"(yes|no|yep|nope)\b[,.! ]", sentence, re.IGNORECASE), sentence


def conversations(corpus: Corpus, count: int, seed: int = 1) -> list[Conversation]:
    asked = [one.text for one in questions.read() if one.group != questions.DIALOGUES]
    writer = Writer(corpus, seed, asked)
    return [writer.conversation() for _ in range(count)]


def test_the_same_seed_writes_the_same(corpus: Corpus) -> None:
    assert conversations(corpus, 50) == conversations(corpus, 50)
    assert conversations(corpus, 50) != conversations(corpus, 50, seed=2)


def test_what_is_answered_stands_in_the_corpus_or_is_a_right_sum(corpus: Corpus) -> None:
    known = corpus.sentences()
    sums = 0
    for conversation in conversations(corpus, 3000):
        for turn in conversation.turns:
            for sentence in grammar.sentences(turn.answer):
                if sentence in known:
                    continue
                first, second, total = map(int, re.findall(r"\d+", sentence))
                assert first + second == total, sentence
                sums += 1
            assert "{" not in turn.question + turn.answer
            assert turn.question.strip()
    assert sums > 200


def test_held_out_questions_are_never_written(corpus: Corpus) -> None:
    held_out = {plain(one.text) for one in questions.read() if one.group != questions.DIALOGUES}
    asked = {
        plain(turn.question)
        for conversation in conversations(corpus, 20_000)
        for turn in conversation.turns
    }
    assert len(asked) > 20_000
    assert not held_out & asked


def test_held_out_questions_cover_everything(corpus: Corpus) -> None:
    found = questions.read()
    groups = {
        name: [one for one in found if one.group == name] for name in {one.group for one in found}
    }
    assert {name: len(some) >= 30 for name, some in groups.items()} == dict.fromkeys(
        (questions.TOPICS, questions.UNRELATED, questions.SUMS, questions.DIALOGUES), True
    )
    topics = {one.expects for one in groups[questions.TOPICS]}
    assert topics == set(corpus.topics) - {UNRELATED, SUMS, CALCULATIONS}
    for one in groups[questions.DIALOGUES]:
        assert one.before
        assert one.expects.removeprefix("more:") in corpus.topics
    for one in groups[questions.SUMS]:
        assert one.expects.isdecimal(), one


def test_typing_is_untidy_but_keeps_the_words(corpus: Corpus) -> None:
    writer = Writer(corpus, 5)
    typed = [writer._typed("where are my chats") for _ in range(2000)]
    assert "Where are my chats?" in typed
    assert "where are my chats" in typed
    assert "WHERE ARE MY CHATS?" in typed
    slips = sum("wherearemychats" not in plain(text).replace(" ", "") for text in typed)
    assert 0.1 < slips / len(typed) < 0.25
    lengths = itertools.groupby(sorted(map(len, typed)))
    assert len(list(lengths)) > 5
