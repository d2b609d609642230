"""Asks the starter the questions that it was never trained on, and judges its answers.

It runs as the program runs it: through the LLM manager and the in-process runner, with the
program's own sampling. An answer is right when it holds the key facts of its topic; every sentence
of it must stand in the corpus, or be a right sum, else it counts as invented.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app import paths
from app.cli import session
from app.llm.manager import LLMManager
from app.schema import Message, ModelRef, Request, Role, Sampling
from resources.starter import grammar
from resources.starter.conversations import CALCULATIONS, UNRELATED
from resources.starter.grammar import Corpus
from resources.starter.questions import DIALOGUES, SUMS, TOPICS, Question, read

HERE = Path(__file__).parent
MODEL = HERE.parent / "models" / "starter.gguf"
LEAST = {TOPICS: 0.9, UNRELATED: 0.95, SUMS: 0.9, DIALOGUES: 0.9}  # shares of right answers
LONGEST = 200  # tokens of an answer; what is not at its end then is cut, and so invented
_SUM = re.compile(r"(\d+)(?: \+ | plus | and )(\d+)(?: = | is | make )(\d+)\.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question with the answer that came."""

    question: Question
    answer: str
    right: bool
    invented: tuple[str, ...]


class Judge:
    """Knows the corpus, and so what is right and what is invented."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._sentences = corpus.sentences()

    def outcome(self, question: Question, answer: str) -> Outcome:
        """Judges one answer."""
        invented = tuple(
            sentence
            for sentence in grammar.sentences(answer)
            if sentence not in self._sentences and not _is_right_sum(sentence)
        )
        return Outcome(question, answer, self._is_right(question, answer), invented)

    def _is_right(self, question: Question, answer: str) -> bool:
        kind, _, topic = question.expects.rpartition(":")
        if question.group == SUMS:
            return re.findall(r"\d+", answer)[-1:] == [question.expects]
        if kind == "more":
            return answer == self._corpus.topics[topic].more
        if topic == UNRELATED:
            either = (self._corpus.topics[name] for name in (UNRELATED, CALCULATIONS))
            return any(known.is_right(answer) for known in either)
        return self._corpus.topics[topic].is_right(answer)


def _is_right_sum(sentence: str) -> bool:
    match = _SUM.fullmatch(sentence)
    return match is not None and int(match[1]) + int(match[2]) == int(match[3])


class Starter:
    """The model, loaded as the program loads it."""

    def __init__(self, manager: LLMManager, sampling: Sampling) -> None:
        self._manager = manager
        self._sampling = sampling

    async def say(self, messages: Sequence[Message]) -> str:
        """The answer to a conversation."""
        request = Request(tuple(messages), sampling=self._sampling)
        if self._sampling.seed is not None:  # each answer has a seed of its own
            self._sampling = replace(self._sampling, seed=self._sampling.seed + 1)
        answer = ""
        async with aclosing(self._manager.stream(request)) as chunks:
            async for chunk in chunks:
                answer += chunk.text
        return answer

    async def ask(self, question: Question) -> str:
        """The answer to a question, after the turn before it."""
        messages: list[Message] = []
        if question.before:
            messages.append(Message(Role.USER, question.before))
            messages.append(Message(Role.ASSISTANT, await self.say(messages)))
        return await self.say([*messages, Message(Role.USER, question.text)])


@asynccontextmanager
async def opened(model: Path, seed: int) -> AsyncIterator[Starter]:
    """Loads the model in a Hearth of its own."""
    with tempfile.TemporaryDirectory() as home:
        async with session.opened(paths.find(home)) as built:
            await built.manager.load(ModelRef("local", str(model.absolute())))
            defaults = built.settings.settings.chat.sampling()
            sampling = replace(defaults, seed=seed, max_tokens=LONGEST)
            yield Starter(built.manager, sampling)
            await built.manager.aclose()


async def evaluate(model: Path, asked: Sequence[Question], seed: int = 1) -> list[Outcome]:
    """Asks all questions, each in a conversation of its own."""
    judge = Judge(grammar.read(HERE / "corpus"))
    async with opened(model, seed) as starter:
        return [judge.outcome(question, await starter.ask(question)) for question in asked]


def shares(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The share of right answers in each group."""
    groups: dict[str, list[bool]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.question.group, []).append(outcome.right)
    return {name: sum(right) / len(right) for name, right in groups.items()}


def main() -> int:
    """Prints the figures and the failures; the exit code is 1 where a figure is too low."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print all answers as JSON")
    options = parser.parse_args()
    outcomes = asyncio.run(evaluate(options.model, read(), options.seed))
    figures = shares(outcomes)
    invented = [outcome for outcome in outcomes if outcome.invented]
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
        return 0
    for outcome in outcomes:
        if not outcome.right or outcome.invented:
            question = outcome.question
            mark = "invented" if outcome.invented else "wrong"
            print(f"{mark}: [{question.expects}] {question.before} // {question.text}".strip())
            print(f"    {outcome.answer}")
    for name, share in figures.items():
        count = sum(outcome.question.group == name for outcome in outcomes)
        print(f"{name:10} {share:7.1%} of {count} right (at least {LEAST[name]:.0%})")
    print(f"invented   {len(invented)} of {len(outcomes)} answers")
    failed = any(share < LEAST[name] for name, share in figures.items()) or invented
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
